-- What stations' own payment terminals took, as the stations tell it.
-- depends: payments.0010 sessions.0015 stations.0020

CREATE TABLE terminal_settlements (
    settlement_id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    station_id bigint NOT NULL,
    reference text COLLATE "C" NOT NULL CHECK (length(reference) <= 255),
    transaction_id text COLLATE "C",
    status text NOT NULL CHECK (status IN ('Settled', 'Canceled', 'Rejected', 'Failed')),
    amount numeric NOT NULL,
    settled_at timestamptz NOT NULL,
    receipt_id text,
    receipt_url text,
    vat_number text,
    info text,
    heard_at timestamptz NOT NULL,
    session_id uuid,
    intent_id uuid,
    problem text CHECK (problem IN ('no-session', 'no-price', 'paid-twice')),
    UNIQUE (station_id, reference)
);
CREATE INDEX terminal_settlements_in_order ON terminal_settlements (tenant_id, number);
CREATE INDEX terminal_settlements_of_transaction ON terminal_settlements (station_id, transaction_id);
COMMENT ON COLUMN terminal_settlements.settlement_id IS 'the payment''s id as well: what its receipt is found by';
COMMENT ON COLUMN terminal_settlements.reference IS 'what its provider calls the payment, and the token of the transaction';
COMMENT ON COLUMN terminal_settlements.amount IS 'in whole units of the tariff''s currency';
COMMENT ON COLUMN terminal_settlements.problem IS 'why it is in no books; NULL: it is, or waits for the session''s price';

ALTER TABLE terminal_settlements ENABLE ROW LEVEL SECURITY;
ALTER TABLE terminal_settlements FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON terminal_settlements TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_ingest ON terminal_settlements TO forecourt_ingest USING (true);
SELECT stations_hold_to_sites('terminal_settlements');
GRANT SELECT, UPDATE ON terminal_settlements TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON terminal_settlements TO forecourt_ingest;

ALTER TABLE payment_intents DROP CONSTRAINT payment_intents_method_check;
ALTER TABLE payment_intents ADD CONSTRAINT payment_intents_method_check
    CHECK (method IN ('hosted', 'saved', 'reader', 'wallet', 'invoice', 'terminal')) NOT VALID;
ALTER TABLE payment_intents VALIDATE CONSTRAINT payment_intents_method_check;
