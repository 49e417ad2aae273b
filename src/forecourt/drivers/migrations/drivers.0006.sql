-- Questions to an outside service that got no decision, counted by what went wrong.
-- depends: drivers.0004

CREATE TABLE outside_failures (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    outcome text COLLATE "C" NOT NULL CHECK (length(outcome) <= 20),
    detail text COLLATE "C" NOT NULL CHECK (length(detail) <= 200),
    number bigint NOT NULL CHECK (number > 0),
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, outcome, detail)
);
CREATE INDEX outside_failures_by_age ON outside_failures (last_at);
ALTER TABLE outside_failures ENABLE ROW LEVEL SECURITY;
ALTER TABLE outside_failures FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON outside_failures TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_ingest ON outside_failures TO forecourt_ingest USING (true);
CREATE POLICY of_worker ON outside_failures TO forecourt_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON outside_failures TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON outside_failures TO forecourt_ingest;
GRANT SELECT, DELETE ON outside_failures TO forecourt_worker;
