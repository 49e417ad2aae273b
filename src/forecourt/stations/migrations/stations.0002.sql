-- Passwords that calls set, and what the worker tends: the directory, and commands that nobody waits for any more.
-- depends: stations.0001

ALTER TABLE commands ADD COLUMN password_hash bytea;
COMMENT ON COLUMN commands.password_hash IS
    'digest of the station password that the call sets; from before it is sent until it is known which one the station has';
CREATE INDEX commands_with_password ON commands (station_id, number) WHERE password_hash IS NOT NULL;
CREATE INDEX commands_sent ON commands (asked_at) WHERE outcome = 'sent';

-- What came of a call that sets a password: taken, it is the station's own and settles what was open before; else it is
-- forgotten. Without effect on a command whose password is settled.
CREATE FUNCTION stations_settle_password(of_command uuid, taken boolean) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $body$
DECLARE settled record;
BEGIN
    -- Web and gateway may settle at once: whoever comes second reads after the first is done.
    PERFORM FROM stations
    WHERE station_id = (SELECT station_id FROM commands WHERE command_id = of_command AND password_hash IS NOT NULL)
    FOR UPDATE;
    SELECT station_id, number, password_hash INTO settled
    FROM commands WHERE command_id = of_command AND password_hash IS NOT NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE stations
    SET password_hash = CASE WHEN taken THEN settled.password_hash ELSE password_hash END,
        version = nextval('station_versions')
    WHERE station_id = settled.station_id;
    UPDATE commands SET password_hash = NULL
    WHERE station_id = settled.station_id AND password_hash IS NOT NULL
        AND (command_id = of_command OR (taken AND number < settled.number));
END
$body$;
REVOKE ALL ON FUNCTION stations_settle_password(uuid, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stations_settle_password(uuid, boolean) TO forecourt_app, forecourt_ingest;
GRANT UPDATE (password_hash, version) ON stations TO forecourt_ingest;
GRANT UPDATE (password_hash) ON commands TO forecourt_ingest;
GRANT USAGE ON SEQUENCE station_versions TO forecourt_ingest;

CREATE POLICY of_worker ON station_links TO forecourt_worker USING (true);
GRANT SELECT (station_id, gateway_id, last_seen_at) ON station_links TO forecourt_worker;
GRANT UPDATE (gateway_id, previous_gateway_id, disconnected_at) ON station_links TO forecourt_worker;
GRANT DELETE ON gateways TO forecourt_worker;
CREATE POLICY of_worker ON commands TO forecourt_worker USING (true);
GRANT SELECT (command_id, asked_at, outcome) ON commands TO forecourt_worker;
GRANT UPDATE (outcome, answered_at) ON commands TO forecourt_worker;
