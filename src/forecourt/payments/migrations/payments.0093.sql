-- What banks say of files that they were given (pain.002), and who was written to of a debit that came back.
-- depends: payments.0090

CREATE TABLE bank_reports (
    report_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    message text NOT NULL CHECK (length(message) <= 100),
    file text NOT NULL CHECK (length(file) BETWEEN 1 AND 100),
    kind text CHECK (kind IN ('payouts', 'debits')),
    accepted int NOT NULL CHECK (accepted >= 0),
    open int NOT NULL CHECK (open >= 0),
    refused int NOT NULL CHECK (refused >= 0),
    unknown int NOT NULL CHECK (unknown >= 0),
    lines jsonb NOT NULL,
    read_at timestamptz NOT NULL,
    read_by text NOT NULL,
    UNIQUE (tenant_id, digest)
);
COMMENT ON COLUMN bank_reports.digest IS 'of the file that was read, so that one that is read again is one';
COMMENT ON COLUMN bank_reports.file IS 'the name of the file of ours that it tells of';
COMMENT ON COLUMN bank_reports.kind IS 'what that file asks for; NULL: it is none of ours';
COMMENT ON COLUMN bank_reports.lines IS 'what was refused and what is none of ours, the first of them';
CREATE INDEX bank_reports_latest ON bank_reports (tenant_id, report_id);
ALTER TABLE bank_reports ENABLE ROW LEVEL SECURITY;
ALTER TABLE bank_reports FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON bank_reports TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_the_whole ON bank_reports AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL);
GRANT SELECT, INSERT ON bank_reports TO forecourt_app;

ALTER TABLE payouts ADD COLUMN refused_at timestamptz;
COMMENT ON COLUMN payouts.refused_at IS 'when the bank said that it would not carry it out; one in state bounced for all else';
GRANT UPDATE (refused_at) ON payouts TO forecourt_app;

ALTER TABLE fleet_debits ADD COLUMN told_at timestamptz;
COMMENT ON COLUMN fleet_debits.told_at IS 'when the fleet was written to that it came back, or did not have to be';
GRANT UPDATE (told_at) ON fleet_debits TO forecourt_app;
-- Nobody is written to of what came back long ago.
ALTER TABLE fleet_debits NO FORCE ROW LEVEL SECURITY;
UPDATE fleet_debits SET told_at = coalesce(ended_at, made_at) WHERE state = 'returned';
ALTER TABLE fleet_debits FORCE ROW LEVEL SECURITY;
CREATE INDEX fleet_debits_untold ON fleet_debits (tenant_id, debit_id) WHERE state = 'returned' AND told_at IS NULL;

ALTER TABLE fleet_letters DROP CONSTRAINT fleet_letters_kind_check;
ALTER TABLE fleet_letters ADD CONSTRAINT fleet_letters_kind_check
    CHECK (kind IN ('invoice', 'credit_note', 'reminder', 'debit_returned'));
