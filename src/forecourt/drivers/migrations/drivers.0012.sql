-- The organisation's own provider by which its drivers sign in.
-- depends: drivers.0009 access.0007

CREATE TABLE driver_providers (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 80),
    issuer text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 500),
    client_id text NOT NULL CHECK (length(client_id) BETWEEN 1 AND 300),
    client_secret bytea NOT NULL CHECK (length(client_secret) <= 1000),
    domains text[] NOT NULL DEFAULT '{}' CHECK (cardinality(domains) <= 20),
    version int NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL
);
COMMENT ON COLUMN driver_providers.title IS 'what drivers know it by';
COMMENT ON COLUMN driver_providers.domains IS 'mail domains of whom it may sign in; none: all';
COMMENT ON COLUMN driver_providers.client_secret IS 'sealed';
ALTER TABLE driver_providers ENABLE ROW LEVEL SECURITY;
ALTER TABLE driver_providers FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON driver_providers TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_the_whole ON driver_providers AS RESTRICTIVE TO forecourt_app USING ((SELECT forecourt_sites()) IS NULL);
GRANT SELECT, INSERT, DELETE ON driver_providers TO forecourt_app;
GRANT UPDATE (title, issuer, client_id, client_secret, domains, version, changed_at) ON driver_providers TO forecourt_app;
