-- Old things are forgotten in time, and one organisation that says much pushes nothing of the others out of the message log.
-- depends: stations.0003 stations.0007

-- What the worker looks at to forget what is old; of what was said, the states of connectors alone.
CREATE INDEX commands_in_time ON commands (asked_at, command_id);
DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['connectors', 'connector_history', 'connection_gaps', 'bulk_runs', 'bulk_run_stations']
    LOOP
        EXECUTE format('CREATE POLICY of_worker ON %I TO forecourt_worker USING (true)', t);
    END LOOP;
END
$policies$;
GRANT SELECT (station_id, evse, connector) ON connectors TO forecourt_worker;
GRANT SELECT (station_id, evse, connector, state_at, state), DELETE ON connector_history TO forecourt_worker;
GRANT SELECT (station_id, epoch, returned_at), DELETE ON connection_gaps TO forecourt_worker;
GRANT SELECT (run_id, ended_at), DELETE ON bulk_runs TO forecourt_worker;
GRANT SELECT (run_id, position), DELETE ON bulk_run_stations TO forecourt_worker;
GRANT DELETE ON commands TO forecourt_worker;
-- A command that gave a password whose fate is open is what lets the station in.
CREATE POLICY no_open_password ON commands AS RESTRICTIVE FOR DELETE TO forecourt_worker USING (password_hash IS NULL);

-- Partitions are read and thinned by functions that run as their owner, whom row-level security holds as well.
CREATE OR REPLACE FUNCTION stations_make_message_partition(day date) RETURNS void
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
    EXECUTE format('CREATE POLICY of_owner ON %I TO CURRENT_USER USING (true)', part);
END
$body$;
DO $owner$
DECLARE part text;
BEGIN
    FOR part IN SELECT name FROM stations_message_partitions()
    LOOP
        EXECUTE format('CREATE POLICY of_owner ON %I TO CURRENT_USER USING (true)', part);
    END LOOP;
END
$owner$;

-- How much of a day each organisation said, of a sample of pages: shares, whose sum is the whole.
CREATE FUNCTION stations_message_shares(name text, pages int) RETURNS TABLE (tenant_id int, bytes bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
DECLARE percent numeric;
BEGIN
    IF name !~ '^messages_[0-9]{8}$' THEN
        RAISE EXCEPTION '% is not a partition of the message log', name;
    END IF;
    percent := least(100, 100.0 * pages * 8192 / greatest(pg_relation_size(name::regclass), 1));
    RETURN QUERY EXECUTE format(
        'SELECT m.tenant_id, sum(pg_column_size(m.*))::bigint FROM %I m TABLESAMPLE SYSTEM (%s) GROUP BY 1', name, percent);
END
$body$;

-- Puts in the place of a day one without what some organisations said, or none where no others said anything. Others read
-- on until it is ready; a day that is written waits.
CREATE FUNCTION stations_thin_message_partition(name text, without int[]) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
DECLARE kept text := name || '_kept';
    day date;
    others bool;
BEGIN
    IF name !~ '^messages_[0-9]{8}$' THEN
        RAISE EXCEPTION '% is not a partition of the message log', name;
    END IF;
    day := to_date(right(name, 8), 'YYYYMMDD');
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', name);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE tenant_id <> ALL ($1))', name) INTO others USING without;
    IF NOT others THEN
        EXECUTE format('DROP TABLE %I', name);
        RETURN true;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE messages INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING INDEXES)', kept);
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT of_day CHECK (at >= %L AND at < %L)',
                   kept, day::text || ' 00:00+00', (day + 1)::text || ' 00:00+00');
    EXECUTE format('INSERT INTO %I SELECT * FROM %I WHERE tenant_id <> ALL ($1)', kept, name) USING without;
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', kept);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', kept);
    EXECUTE format('CREATE POLICY of_owner ON %I TO CURRENT_USER USING (true)', kept);
    EXECUTE format('DROP TABLE %I', name);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', kept, name);
    EXECUTE format('ALTER TABLE messages ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   name, day::text || ' 00:00+00', (day + 1)::text || ' 00:00+00');
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT of_day', name);
    RETURN true;
END
$body$;
REVOKE ALL ON FUNCTION stations_message_shares(text, int), stations_thin_message_partition(text, int[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stations_message_shares(text, int), stations_thin_message_partition(text, int[])
    TO forecourt_worker;
