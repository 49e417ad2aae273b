-- Incidents, who is told of them, and the load of each minute.
-- depends: access.0003 stations.0006 sessions.0004 platform.0002

-- One row each time that something was wrong with a station, a connector or a session.
CREATE TABLE incidents (
    incident_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    kind text NOT NULL CHECK (kind IN ('fault', 'offline', 'flapping', 'failed_starts', 'quarantined', 'not_accepted',
                                       'clock', 'ghost')),
    severity smallint NOT NULL CHECK (severity BETWEEN 1 AND 3),
    station_id bigint NOT NULL,
    station text COLLATE "C" NOT NULL,
    site_id int,
    evse int,
    connector int,
    session_id uuid,
    since timestamptz NOT NULL,
    latest_at timestamptz NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    opened_at timestamptz NOT NULL,
    gone_at timestamptz,
    closed_at timestamptz,
    closed_by text,
    acknowledged_at timestamptz,
    acknowledged_by text,
    snoozed_until timestamptz,
    changed_at timestamptz NOT NULL,
    CHECK (closed_at IS NOT NULL OR gone_at IS NULL)
);
CREATE UNIQUE INDEX incidents_present ON incidents (tenant_id, station_id, kind, evse, connector, session_id)
    NULLS NOT DISTINCT WHERE gone_at IS NULL;
CREATE INDEX incidents_open ON incidents (tenant_id, severity, number) WHERE closed_at IS NULL;
CREATE INDEX incidents_in_order ON incidents (tenant_id, number);
CREATE INDEX incidents_of_station ON incidents (tenant_id, station_id, number);
CREATE INDEX incidents_changed ON incidents (tenant_id, changed_at);
COMMENT ON COLUMN incidents.severity IS '1 notice, 2 warning, 3 critical';
COMMENT ON COLUMN incidents.station IS 'its identity when the incident opened';
COMMENT ON COLUMN incidents.since IS 'when it began, as far as it can be told; latest_at: the latest that was said of it';
COMMENT ON COLUMN incidents.gone_at IS 'when its cause was found gone; until then no second one opens for it';
COMMENT ON COLUMN incidents.closed_by IS 'NULL: it closed itself';

-- What people and rules did with an incident, in order.
CREATE TABLE incident_events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    incident_id uuid NOT NULL REFERENCES incidents (incident_id) ON DELETE CASCADE,
    at timestamptz NOT NULL,
    event text NOT NULL CHECK (event IN ('opened', 'gone', 'acknowledged', 'snoozed', 'closed', 'acted', 'told')),
    actor text,
    note text CHECK (length(note) <= 2000),
    until timestamptz
);
COMMENT ON COLUMN incident_events.until IS 'how long it was put aside; NULL: it was taken up again';
CREATE INDEX incident_events_of_incident ON incident_events (incident_id, event_id);

-- Who wants to know of which incidents. Empty lists mean all.
CREATE TABLE alert_rules (
    rule_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    active bool NOT NULL DEFAULT true,
    kinds text[] NOT NULL DEFAULT '{}',
    least_severity smallint NOT NULL DEFAULT 1 CHECK (least_severity BETWEEN 1 AND 3),
    site_ids int[] NOT NULL DEFAULT '{}',
    delay_s int NOT NULL DEFAULT 0 CHECK (delay_s BETWEEN 0 AND 86400),
    recipients text[] NOT NULL CHECK (cardinality(recipients) BETWEEN 1 AND 20),
    tell_closed bool NOT NULL DEFAULT true,
    quiet_from time,
    quiet_until time,
    quiet_zone text NOT NULL DEFAULT 'UTC',
    quiet_spares_critical bool NOT NULL DEFAULT true,
    escalate_after_s int CHECK (escalate_after_s BETWEEN 60 AND 86400),
    escalate_to text[] NOT NULL DEFAULT '{}' CHECK (cardinality(escalate_to) <= 20),
    language text NOT NULL DEFAULT 'en' CHECK (language ~ '^[a-z]{2,3}$'),
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL)),
    CHECK ((escalate_after_s IS NULL) = (cardinality(escalate_to) = 0))
);
CREATE INDEX alert_rules_of_tenant ON alert_rules (tenant_id, rule_id);

-- What was sent to whom. One row a rule, incident and step: what stands here is not sent again.
CREATE TABLE alert_log (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    rule_id int NOT NULL,
    rule_name text NOT NULL,
    incident_id uuid REFERENCES incidents (incident_id) ON DELETE CASCADE,
    step text NOT NULL CHECK (step IN ('opened', 'escalated', 'closed', 'test')),
    at timestamptz NOT NULL,
    recipients text[] NOT NULL,
    UNIQUE (rule_id, incident_id, step)
);
CREATE INDEX alert_log_in_order ON alert_log (tenant_id, alert_id);
CREATE INDEX alert_log_of_incident ON alert_log (incident_id);

-- The power of all running sessions, noted once a minute: what the load of a day is drawn from.
CREATE TABLE load_minutes (
    tenant_id int NOT NULL,
    at timestamptz NOT NULL,
    power_w bigint NOT NULL,
    sessions int NOT NULL,
    PRIMARY KEY (tenant_id, at)
);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['incidents', 'incident_events', 'alert_rules', 'alert_log', 'load_minutes']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    -- What is of no site is for those who are limited to none.
    FOREACH t IN ARRAY ARRAY['alert_rules', 'alert_log', 'load_minutes']
    LOOP
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app USING (forecourt_sites() IS NULL)', t);
    END LOOP;
END
$policies$;
-- Who is limited to some sites sees the incidents of the stations that they see.
CREATE POLICY of_sites ON incidents AS RESTRICTIVE TO forecourt_app USING (
    forecourt_sites() IS NULL OR EXISTS (SELECT FROM stations s WHERE s.station_id = incidents.station_id));
CREATE POLICY of_sites ON incident_events AS RESTRICTIVE TO forecourt_app USING (
    forecourt_sites() IS NULL OR EXISTS (SELECT FROM incidents n WHERE n.incident_id = incident_events.incident_id));
GRANT SELECT, INSERT, DELETE ON incidents, incident_events, alert_log, load_minutes TO forecourt_app;
GRANT UPDATE (severity, latest_at, detail, gone_at, closed_at, closed_by, acknowledged_at, acknowledged_by, snoozed_until,
    changed_at) ON incidents TO forecourt_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON alert_rules TO forecourt_app;

-- Whose stations the worker watches over; it then works as each of them.
CREATE FUNCTION care_tenants() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT tenant_id FROM organisations ORDER BY tenant_id $body$;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION care_tenants() OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION care_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION care_tenants() TO forecourt_worker;
