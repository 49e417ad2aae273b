-- Sessions that were slowed down before what was held is used up, and what drivers' banks dispute.
-- depends: payments.0004 payments.0010

ALTER TABLE payment_intents ADD COLUMN slowed_at timestamptz;
COMMENT ON COLUMN payment_intents.slowed_at IS 'when its session was told to go on slowly, as what is held is nearly used up';

CREATE TABLE payment_disputes (
    tenant_id int NOT NULL,
    account_id uuid NOT NULL,
    reference text COLLATE "C" NOT NULL CHECK (length(reference) BETWEEN 1 AND 255),
    intent_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status text NOT NULL CHECK (status IN ('needs_response', 'under_review', 'won', 'lost')),
    reason text NOT NULL,
    opened_at timestamptz NOT NULL,
    evidence_by timestamptz,
    decided_at timestamptz,
    PRIMARY KEY (account_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES payment_accounts (tenant_id, account_id),
    FOREIGN KEY (tenant_id, intent_id) REFERENCES payment_intents (tenant_id, intent_id),
    CHECK ((status IN ('won', 'lost')) = (decided_at IS NOT NULL))
);
CREATE INDEX payment_disputes_of_intent ON payment_disputes (intent_id);
COMMENT ON COLUMN payment_disputes.evidence_by IS 'until when the provider takes an answer';
COMMENT ON COLUMN payment_disputes.decided_at IS 'when it was found out how it was decided';
ALTER TABLE payment_disputes ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_disputes FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON payment_disputes TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_sites ON payment_disputes AS RESTRICTIVE TO forecourt_app USING (
    (SELECT forecourt_sites()) IS NULL OR intent_id IN (SELECT i.intent_id FROM payment_intents i));
GRANT SELECT, INSERT ON payment_disputes TO forecourt_app;
GRANT UPDATE (amount, status, reason, evidence_by, decided_at) ON payment_disputes TO forecourt_app;
