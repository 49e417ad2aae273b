-- Where transactions end by themselves, and what stations reckon that they cost.
-- depends: sessions.0014 drivers.0007 stations.0020

-- What a station of OCPP 2.1 is told when the token of a payment begins a transaction.
CREATE TABLE transaction_limits (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    uid_key text COLLATE "C" NOT NULL,
    max_cost numeric(15, 3) CHECK (max_cost > 0),
    max_energy_wh bigint CHECK (max_energy_wh > 0),
    until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, uid_key)
);
CREATE INDEX transaction_limits_by_age ON transaction_limits (until);
COMMENT ON COLUMN transaction_limits.max_cost IS 'in whole units of the currency, after taxes';
COMMENT ON COLUMN transaction_limits.until IS 'nothing begins by the token afterwards';

-- What a station that reckons costs itself says that a transaction came to, held against the bill once that is final.
CREATE TABLE session_costs_said (
    station_id bigint NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    currency text NOT NULL,
    excl_tax numeric,
    incl_tax numeric,
    failed bool NOT NULL,
    reason text,
    said_at timestamptz NOT NULL,
    differs bool NOT NULL DEFAULT false,
    compared_at timestamptz,
    PRIMARY KEY (station_id, transaction_id)
);
COMMENT ON COLUMN session_costs_said.failed IS 'it says that it could not reckon';
COMMENT ON COLUMN session_costs_said.differs IS 'by more than its own rounding';

DO $rows$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['transaction_limits', 'session_costs_said'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
END
$rows$;
SELECT stations_hold_to_sites('session_costs_said');
CREATE POLICY of_ingest ON transaction_limits FOR SELECT TO forecourt_ingest USING (true);
CREATE POLICY of_ingest ON session_costs_said TO forecourt_ingest USING (true);
CREATE POLICY of_worker ON transaction_limits TO forecourt_worker USING (true);
CREATE POLICY of_ingest ON station_variables FOR SELECT TO forecourt_ingest USING (true);
GRANT SELECT, INSERT, UPDATE ON transaction_limits TO forecourt_app;
GRANT SELECT, DELETE ON transaction_limits TO forecourt_worker;
GRANT SELECT, UPDATE ON session_costs_said TO forecourt_app;
GRANT SELECT ON transaction_limits TO forecourt_ingest;
GRANT SELECT, INSERT, UPDATE ON session_costs_said TO forecourt_ingest;
GRANT SELECT (station_id, component, variable, attribute, value) ON station_variables TO forecourt_ingest;
