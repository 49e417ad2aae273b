-- What stations were told of the costs of sessions.
-- depends: sessions.0013 stations.0020

CREATE TABLE session_costs_told (
    session_id uuid PRIMARY KEY,
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    priced_at timestamptz,
    told_minor bigint,
    told_at timestamptz,
    ended_at timestamptz
);
COMMENT ON COLUMN session_costs_told.priced_at IS 'when the station was told what its driver pays';
COMMENT ON COLUMN session_costs_told.told_minor IS 'the running cost that it was told last';
COMMENT ON COLUMN session_costs_told.ended_at IS 'when it was told what the session came to';
CREATE INDEX session_costs_told_of_station ON session_costs_told (station_id);

ALTER TABLE session_costs_told ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_costs_told FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON session_costs_told TO forecourt_app USING (tenant_id = forecourt_tenant());
SELECT stations_hold_to_sites('session_costs_told');
GRANT SELECT, INSERT, UPDATE ON session_costs_told TO forecourt_app;

-- Tenants with sessions that run; whoever tells their stations works as each of them.
CREATE FUNCTION sessions_tenants_with_open() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT DISTINCT tenant_id FROM sessions WHERE over_at IS NULL
$body$;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION sessions_tenants_with_open() OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION sessions_tenants_with_open() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sessions_tenants_with_open() TO forecourt_worker, forecourt_app;

-- Tenants with a station that reckons costs itself, as it says.
CREATE FUNCTION sessions_tenants_with_reckoners() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT DISTINCT tenant_id FROM station_variables
    WHERE component = 'TariffCostCtrlr' AND variable = 'Enabled[Tariff]' AND attribute = 'Actual' AND value = 'true'
$body$;
CREATE POLICY of_lookup ON station_variables FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (tenant_id, component, variable, attribute, value) ON station_variables TO forecourt_lookup;
CREATE INDEX station_variables_of_reckoners ON station_variables (tenant_id)
    WHERE component = 'TariffCostCtrlr' AND variable = 'Enabled[Tariff]' AND attribute = 'Actual' AND value = 'true';
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION sessions_tenants_with_reckoners() OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION sessions_tenants_with_reckoners() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sessions_tenants_with_reckoners() TO forecourt_worker, forecourt_app;
