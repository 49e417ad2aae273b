-- Plug & Charge: the roots whose contracts are trusted, and how an organisation judges contracts.
-- depends: stations.0031

CREATE TABLE contract_roots (
    root_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    fingerprint text COLLATE "C" NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 1000),
    not_after timestamptz NOT NULL,
    der bytea NOT NULL CHECK (length(der) BETWEEN 1 AND 8192),
    added_by text NOT NULL,
    added_at timestamptz NOT NULL,
    UNIQUE (tenant_id, fingerprint)
);
COMMENT ON COLUMN contract_roots.fingerprint IS 'SHA-256 of the DER, in hex';

CREATE TABLE contract_rules (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    required bool NOT NULL,
    unproven text NOT NULL CHECK (unproven IN ('accept', 'refuse')),
    provider_url text CHECK (length(provider_url) BETWEEN 1 AND 2000),
    provider_secret bytea,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    CHECK ((provider_url IS NULL) = (provider_secret IS NULL))
);
COMMENT ON COLUMN contract_rules.required IS 'an eMAID without anything that proves it is refused';
COMMENT ON COLUMN contract_rules.unproven IS 'what becomes of a contract of which no responder says whether it is revoked';
COMMENT ON COLUMN contract_rules.provider_url IS 'where requests of cars for certificates go';
COMMENT ON COLUMN contract_rules.provider_secret IS 'sealed by the secret key of the deployment';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['contract_roots', 'contract_rules']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_ingest ON %I TO forecourt_ingest USING (true)', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, DELETE ON contract_roots TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON contract_rules TO forecourt_app;
GRANT SELECT ON contract_roots, contract_rules TO forecourt_ingest;
