-- The registry, the directory of sockets, live connector state, the message log.
-- depends: platform.0001 access.0001

CREATE TABLE sites (
    site_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    address text,
    city text,
    country text CHECK (country ~ '^[A-Z]{2}$'),
    time_zone text NOT NULL DEFAULT 'UTC',
    latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision CHECK (longitude BETWEEN -180 AND 180),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, slug),
    UNIQUE (tenant_id, site_id)
);

-- Each change of what a gateway must know of a station draws the next number, so that gateways read only what changed.
CREATE SEQUENCE station_versions;

CREATE TABLE stations (
    station_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    identity text COLLATE "C" NOT NULL UNIQUE CHECK (length(identity) BETWEEN 1 AND 255),
    name text,
    site_id int,
    security_profile smallint NOT NULL DEFAULT 1 CHECK (security_profile BETWEEN 0 AND 3),
    registration text NOT NULL DEFAULT 'accepted' CHECK (registration IN ('accepted', 'pending', 'rejected')),
    password_hash bytea,
    version bigint NOT NULL DEFAULT nextval('station_versions'),
    max_power_w int CHECK (max_power_w > 0),
    latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision CHECK (longitude BETWEEN -180 AND 180),
    vendor text,
    model text,
    serial text,
    firmware text,
    boot_reason text,
    booted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id)
);
CREATE INDEX stations_of_tenant ON stations (tenant_id, identity);
CREATE INDEX stations_changed ON stations (version);

-- Which gateway holds a station's socket. `epoch` grows with every accepted socket; a holder with an older one is stale.
CREATE TABLE station_links (
    station_id bigint PRIMARY KEY,
    tenant_id int NOT NULL,
    epoch bigint NOT NULL,
    gateway_id text,
    previous_gateway_id text,
    protocol text NOT NULL,
    remote_address text,
    connected_at timestamptz NOT NULL,
    disconnected_at timestamptz,
    last_seen_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX station_links_of_gateway ON station_links (gateway_id) WHERE gateway_id IS NOT NULL;

-- Gateways that live. One whose lease ran out holds nobody.
CREATE TABLE gateways (
    gateway_id text PRIMARY KEY,
    started_at timestamptz NOT NULL,
    lease_until timestamptz NOT NULL
);

CREATE TABLE connectors (
    station_id bigint NOT NULL,
    evse int NOT NULL,
    connector int NOT NULL,
    tenant_id int NOT NULL,
    state text NOT NULL,
    state_at timestamptz NOT NULL,
    error_code text,
    info text,
    vendor_error_code text,
    activity text,
    shown_state text NOT NULL GENERATED ALWAYS AS
        (CASE WHEN state = 'Occupied' THEN coalesce(activity, state) ELSE state END) STORED,
    PRIMARY KEY (station_id, evse, connector)
) WITH (fillfactor = 70);
COMMENT ON COLUMN connectors.activity IS 'what a 2.x transaction says of an Occupied connector, in the 1.6 words';

-- Everything a connector ever said of itself, in the station's own time.
CREATE TABLE connector_history (
    station_id bigint NOT NULL,
    evse int NOT NULL,
    connector int NOT NULL,
    state_at timestamptz NOT NULL,
    state text NOT NULL,
    tenant_id int NOT NULL,
    error_code text,
    info text,
    vendor_error_code text,
    arrived_at timestamptz NOT NULL,
    PRIMARY KEY (station_id, evse, connector, state_at, state)
);

CREATE SEQUENCE message_numbers;
CREATE TABLE messages (
    number bigint NOT NULL DEFAULT nextval('message_numbers'),
    at timestamptz NOT NULL,
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    direction "char" NOT NULL,
    kind smallint NOT NULL,
    message_id text NOT NULL,
    action text,
    payload text NOT NULL,
    deviations text
) PARTITION BY RANGE (at);
CREATE TABLE messages_default PARTITION OF messages DEFAULT;
CREATE INDEX messages_of_station ON messages (station_id, number);
COMMENT ON COLUMN messages.direction IS 'i: from the station, o: to the station';
COMMENT ON COLUMN messages.kind IS 'OCPP-J message type: 2 CALL, 3 CALLRESULT, 4 CALLERROR, 5 CALLRESULTERROR, 6 SEND; 0: no message';

-- What could not be written with its batch: kept whole for a person to look at.
CREATE TABLE quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    raw text NOT NULL,
    error text NOT NULL,
    reviewed_at timestamptz
);

-- Asked of a station by a person, a key or a feature, and what came of it.
CREATE TABLE commands (
    command_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    station_id bigint NOT NULL,
    action text NOT NULL,
    payload text NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('sent', 'answered', 'error', 'offline', 'timeout', 'late')),
    answer text,
    answered_at timestamptz
);
CREATE INDEX commands_of_station ON commands (station_id, number);
CREATE SEQUENCE remote_start_ids AS int CYCLE;

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['sites', 'stations', 'station_links', 'connectors', 'connector_history', 'messages',
                             'quarantine', 'commands']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_ingest ON %I TO forecourt_ingest USING (true)', t);
    END LOOP;
END
$policies$;
ALTER TABLE messages_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages_default FORCE ROW LEVEL SECURITY;
-- Its owner, as whom the functions below run, looks into it and empties it.
CREATE POLICY of_owner ON messages_default TO CURRENT_USER USING (true);

GRANT SELECT, INSERT, UPDATE ON sites, stations, commands TO forecourt_app;
GRANT SELECT ON station_links, gateways, connectors, connector_history, messages, quarantine TO forecourt_app;
GRANT UPDATE (reviewed_at) ON quarantine TO forecourt_app;
GRANT USAGE ON SEQUENCE station_versions, remote_start_ids TO forecourt_app;

GRANT SELECT ON stations TO forecourt_ingest;
GRANT UPDATE (vendor, model, serial, firmware, boot_reason, booted_at) ON stations TO forecourt_ingest;
GRANT SELECT, INSERT, UPDATE ON station_links, connectors TO forecourt_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON gateways TO forecourt_ingest;
GRANT SELECT, INSERT ON connector_history, messages, quarantine TO forecourt_ingest;
GRANT USAGE ON SEQUENCE message_numbers TO forecourt_ingest;
GRANT SELECT ON commands TO forecourt_ingest;
GRANT UPDATE (outcome, answer, answered_at) ON commands TO forecourt_ingest;
GRANT SELECT ON gateways TO forecourt_worker;

-- Message partitions are made and dropped by the worker, which owns nothing: functions with fixed shapes do it.
CREATE FUNCTION stations_make_message_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
DECLARE part text := 'messages_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Rows that came before their partition stand in the default one and would forbid it: leave those days there.
    IF EXISTS (SELECT FROM messages_default WHERE at >= day AND at < day + 1) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF messages FOR VALUES FROM (%L) TO (%L)',
                   part, day::text || ' 00:00+00', (day + 1)::text || ' 00:00+00');
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
END
$body$;
CREATE FUNCTION stations_message_partitions(OUT name text, OUT day date, OUT bytes bigint) RETURNS SETOF record
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT c.relname::text, to_date(right(c.relname, 8), 'YYYYMMDD'), pg_total_relation_size(c.oid)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'messages'::regclass AND c.relname ~ '^messages_[0-9]{8}$'
    ORDER BY 2
$body$;
CREATE FUNCTION stations_drop_message_partition(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
BEGIN
    IF name !~ '^messages_[0-9]{8}$' THEN
        RAISE EXCEPTION '% is not a partition of the message log', name;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', name);
END
$body$;
-- Bytes of the messages that came before their partition was made.
CREATE FUNCTION stations_stray_message_bytes() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT pg_total_relation_size('messages_default'::regclass) $body$;
-- Deletes such messages of before a time, so many at most; how many. An emptied table gives its space back.
CREATE FUNCTION stations_drop_stray_messages(before timestamptz, most int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
DECLARE dropped int;
BEGIN
    DELETE FROM messages_default WHERE ctid = ANY (ARRAY(SELECT ctid FROM messages_default WHERE at < before LIMIT most));
    GET DIAGNOSTICS dropped = ROW_COUNT;
    IF dropped > 0 AND NOT EXISTS (SELECT FROM messages_default) THEN
        TRUNCATE messages_default;
    END IF;
    RETURN dropped;
END
$body$;
REVOKE ALL ON FUNCTION stations_make_message_partition(date), stations_message_partitions(),
    stations_drop_message_partition(text), stations_stray_message_bytes(),
    stations_drop_stray_messages(timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stations_make_message_partition(date), stations_message_partitions(),
    stations_drop_message_partition(text), stations_stray_message_bytes(),
    stations_drop_stray_messages(timestamptz, int) TO forecourt_worker;
