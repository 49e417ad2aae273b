-- The electrics of sites, what limits and prices their energy, and what drivers need.
-- depends: stations.0015 sessions.0008 drivers.0005 access.0003

-- How a site is charged: one row a site that was ever set up.
CREATE TABLE energy_sites (
    site_id int PRIMARY KEY,
    tenant_id int NOT NULL,
    mode text NOT NULL DEFAULT 'cheapest' CHECK (mode IN ('fastest', 'cheapest', 'greenest', 'solar', 'equal')),
    enabled bool NOT NULL DEFAULT false,
    unserved_per_kwh numeric NOT NULL DEFAULT 1 CHECK (unserved_per_kwh > 0),
    fallback_a double precision CHECK (fallback_a >= 0),
    version int NOT NULL DEFAULT 1,
    electrics_version int NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
CREATE INDEX energy_sites_of_tenant ON energy_sites (tenant_id, site_id);
COMMENT ON COLUMN energy_sites.enabled IS 'false: no station is sent anything';
COMMENT ON COLUMN energy_sites.fallback_a IS 'what an EVSE may draw while nothing is heard of it; NULL: what the tree bears';
COMMENT ON COLUMN energy_sites.electrics_version IS 'the one that counts; 0: none yet';

-- Each version of a site's electrics, whole, so that what was known at a time can be read again.
CREATE TABLE electrics (
    site_id int NOT NULL REFERENCES energy_sites (site_id) ON DELETE CASCADE,
    version int NOT NULL,
    tenant_id int NOT NULL,
    tree jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    PRIMARY KEY (site_id, version)
);

-- Where each EVSE hangs in the version that counts: at one place of one site.
CREATE TABLE hung_evses (
    station_id bigint NOT NULL,
    evse int NOT NULL CHECK (evse > 0),
    tenant_id int NOT NULL,
    site_id int NOT NULL REFERENCES energy_sites (site_id) ON DELETE CASCADE,
    PRIMARY KEY (station_id, evse)
);
CREATE INDEX hung_evses_of_site ON hung_evses (site_id);

-- What a site pays for energy and power.
CREATE TABLE site_tariffs (
    site_id int PRIMARY KEY,
    tenant_id int NOT NULL,
    tariff jsonb NOT NULL,
    version int NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);

-- Prices of the day ahead and CO2 intensities by zone, one row a span.
CREATE TABLE signal_series (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    kind text NOT NULL CHECK (kind IN ('price', 'co2')),
    zone text COLLATE "C" NOT NULL CHECK (length(zone) BETWEEN 1 AND 40),
    start_at timestamptz NOT NULL,
    minutes smallint NOT NULL CHECK (minutes BETWEEN 1 AND 1440),
    value numeric NOT NULL,
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 100),
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, kind, zone, start_at),
    CHECK ((kind = 'price') = (currency IS NOT NULL))
);
COMMENT ON COLUMN signal_series.value IS 'price: of a kWh in the currency; co2: grams of a kWh';

-- What the grid operator, or anybody else, allows a node from when to when.
CREATE TABLE node_limits (
    limit_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id int NOT NULL,
    site_id int NOT NULL,
    source text COLLATE "C" NOT NULL CHECK (length(source) BETWEEN 1 AND 100),
    external_id text COLLATE "C" NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
    node text,
    limit_w bigint CHECK (limit_w >= 0),
    limit_a double precision CHECK (limit_a >= 0),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    said_at timestamptz NOT NULL,
    said_by text NOT NULL,
    withdrawn_at timestamptz,
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE,
    UNIQUE (site_id, source, external_id),
    CHECK (ends_at > starts_at),
    CHECK (limit_w IS NOT NULL OR limit_a IS NOT NULL)
);
CREATE INDEX node_limits_in_order ON node_limits (tenant_id, site_id, number);
CREATE INDEX node_limits_in_force ON node_limits (site_id, starts_at) WHERE withdrawn_at IS NULL;
COMMENT ON COLUMN node_limits.node IS 'NULL: the grid connection';
COMMENT ON COLUMN node_limits.ends_at IS 'NULL: until it is withdrawn';

-- What meters of a site said: the power that a building takes or the sun gives.
CREATE TABLE site_readings (
    site_id int NOT NULL,
    attachment text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    tenant_id int NOT NULL,
    power_w int NOT NULL,
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 100),
    arrived_at timestamptz NOT NULL,
    PRIMARY KEY (site_id, attachment, at),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
COMMENT ON COLUMN site_readings.attachment IS 'the load or the solar plant of the tree by its id';

-- What a driver needs of a session, one row for each who said so.
CREATE TABLE session_needs (
    session_id uuid NOT NULL,
    source text NOT NULL CHECK (source IN ('driver', 'api', 'iso15118', 'predicted')),
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    wants jsonb NOT NULL,
    said_at timestamptz NOT NULL,
    said_by text NOT NULL,
    PRIMARY KEY (session_id, source)
);

-- What a token's driver usually needs.
CREATE TABLE charging_preferences (
    tenant_id int NOT NULL,
    uid_key text COLLATE "C" NOT NULL,
    wants jsonb NOT NULL,
    version int NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    PRIMARY KEY (tenant_id, uid_key),
    FOREIGN KEY (tenant_id, uid_key) REFERENCES tokens (tenant_id, uid_key) ON DELETE CASCADE
);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['energy_sites', 'electrics', 'hung_evses', 'site_tariffs', 'signal_series', 'node_limits',
                             'site_readings', 'session_needs', 'charging_preferences']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    -- Who is limited to some sites sees what is of them and below.
    FOREACH t IN ARRAY ARRAY['energy_sites', 'electrics', 'site_tariffs', 'node_limits', 'site_readings']
    LOOP
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL OR site_id IN (SELECT i.site_id FROM sites i))', t);
    END LOOP;
    -- A site's price may be of a zone that all sites share: those who are limited read it and change nothing.
    FOREACH t IN ARRAY ARRAY['INSERT', 'UPDATE', 'DELETE']
    LOOP
        EXECUTE format('CREATE POLICY of_the_whole_%s ON signal_series AS RESTRICTIVE FOR %s TO forecourt_app %s'
            ' ((SELECT forecourt_sites()) IS NULL)', lower(t), t, CASE t WHEN 'INSERT' THEN 'WITH CHECK' ELSE 'USING' END);
    END LOOP;
END
$policies$;
SELECT stations_hold_to_sites(held) FROM unnest(ARRAY['hung_evses', 'session_needs']::regclass[]) held;
-- What a token's driver needs is no secret to the site where a session of it runs; the list of tokens is.
CREATE POLICY of_the_whole ON charging_preferences AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON energy_sites, hung_evses, site_tariffs, signal_series, session_needs,
    charging_preferences TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON electrics, site_readings TO forecourt_app;
GRANT UPDATE (power_w, source, arrived_at) ON site_readings TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON node_limits TO forecourt_app;
GRANT UPDATE (node, limit_w, limit_a, starts_at, ends_at, said_at, said_by, withdrawn_at) ON node_limits TO forecourt_app;

-- Which sites are planned for, of whatever organisation; the planner then works as each organisation.
CREATE POLICY of_lookup ON energy_sites FOR SELECT TO forecourt_lookup USING (enabled);
CREATE POLICY of_lookup ON sites FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (tenant_id, site_id, enabled, electrics_version) ON energy_sites TO forecourt_lookup;
GRANT SELECT (tenant_id, site_id, time_zone) ON sites TO forecourt_lookup;
CREATE FUNCTION energy_planned_sites(OUT tenant_id int, OUT site_id int, OUT zone text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT e.tenant_id, e.site_id, s.time_zone
    FROM energy_sites e JOIN sites s ON s.tenant_id = e.tenant_id AND s.site_id = e.site_id
    WHERE e.enabled AND e.electrics_version > 0 ORDER BY e.tenant_id, e.site_id
$body$;
-- Whose readings, limits and series the worker forgets when they are old.
CREATE FUNCTION energy_tenants() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT tenant_id FROM organisations ORDER BY tenant_id $body$;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION energy_planned_sites() OWNER TO forecourt_lookup;
ALTER FUNCTION energy_tenants() OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION energy_planned_sites(), energy_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION energy_planned_sites(), energy_tenants() TO forecourt_worker;
