-- How often a night tried a step in vain, so that it is not tried all day; and sessions of imported history that are of
-- drivers with an account, for what a campaign changed.
-- depends: insight.0083 sessions.0079 payments.0079

CREATE TABLE night_tries (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    step text NOT NULL CHECK (step IN ('written', 'acted', 'looked', 'forecast')),
    day date NOT NULL,
    tries int NOT NULL CHECK (tries > 0),
    tried_at timestamptz NOT NULL,
    reason text,
    PRIMARY KEY (tenant_id, step)
);
COMMENT ON TABLE night_tries IS 'a step that is done has no row';
COMMENT ON COLUMN night_tries.reason IS 'why the last try failed; null: it is being made, or was broken off';
ALTER TABLE night_tries ENABLE ROW LEVEL SECURITY;
ALTER TABLE night_tries FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON night_tries TO forecourt_app USING (tenant_id = forecourt_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON night_tries TO forecourt_app;

-- Published: sessions of imported history by the pseudonyms of their drivers.
CREATE VIEW imported_visits WITH (security_invoker = true) AS
SELECT tenant_id, driver, zone, started_at, energy_wh, currency, excl_minor FROM imported_sessions
WHERE driver IS NOT NULL;
GRANT SELECT ON imported_visits TO forecourt_app;
