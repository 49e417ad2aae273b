-- Waiting lists of busy sites: what the operator wants, and who waits.
-- depends: driver.0004 sessions.0017 pricing.0002

CREATE TABLE waiting_policies (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    site_id int NOT NULL,
    connector_type text COLLATE "C" NOT NULL DEFAULT '' CHECK (length(connector_type) <= 255),
    active bool NOT NULL,
    who text NOT NULL CHECK (who IN ('account', 'anybody')),
    hold_minutes int NOT NULL CHECK (hold_minutes BETWEEN 2 AND 60),
    snooze_minutes int NOT NULL CHECK (snooze_minutes BETWEEN 0 AND 240),
    max_waiting int NOT NULL CHECK (max_waiting BETWEEN 1 AND 200),
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, site_id, connector_type),
    FOREIGN KEY (site_id) REFERENCES sites (site_id) ON DELETE CASCADE
);
COMMENT ON COLUMN waiting_policies.connector_type IS 'as evse_plugs has it; empty: every type that has no policy of its own';
COMMENT ON COLUMN waiting_policies.snooze_minutes IS '0: nobody may let others go first';

CREATE TABLE waiting_places (
    place_id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    site_id int NOT NULL,
    connector_type text COLLATE "C" NOT NULL DEFAULT '',
    rank bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'held', 'served', 'left', 'expired', 'removed')),
    driver_id bigint,
    email text CHECK (length(email) <= 254),
    address bytea CHECK (length(address) = 16),
    language text NOT NULL CHECK (language ~ '^[a-z]{2,3}$'),
    joined_at timestamptz NOT NULL,
    not_before timestamptz,
    snoozed_at timestamptz,
    reservation_id uuid REFERENCES reservations (reservation_id) ON DELETE SET NULL,
    said text CHECK (said IN ('unusable', 'skipped')),
    ended_at timestamptz,
    FOREIGN KEY (site_id) REFERENCES sites (site_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id),
    CHECK (state <> 'held' OR reservation_id IS NOT NULL),
    CHECK ((ended_at IS NULL) = (state IN ('waiting', 'held'))),
    CHECK (ended_at IS NULL OR (email IS NULL AND address IS NULL))
);
COMMENT ON COLUMN waiting_places.place_id IS 'can not be guessed: who knows it may see, snooze and leave';
COMMENT ON COLUMN waiting_places.connector_type IS 'what the driver needs; empty: any';
COMMENT ON COLUMN waiting_places.rank IS 'the order in which turns come';
COMMENT ON COLUMN waiting_places.not_before IS 'until then the turn goes to others';
COMMENT ON COLUMN waiting_places.address IS 'of the client, keyed: the same one is known again, and none can be read back';
COMMENT ON COLUMN waiting_places.said IS 'why the driver waits again';
CREATE INDEX waiting_places_open ON waiting_places (tenant_id, site_id, rank) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX waiting_places_of_driver ON waiting_places (tenant_id, site_id, driver_id)
    WHERE ended_at IS NULL AND driver_id IS NOT NULL;
CREATE INDEX waiting_places_of_reservation ON waiting_places (reservation_id) WHERE reservation_id IS NOT NULL;
CREATE INDEX waiting_places_ended ON waiting_places (ended_at) WHERE ended_at IS NOT NULL;

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['waiting_policies', 'waiting_places']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL OR site_id IN (SELECT i.site_id FROM sites i))', t);
    END LOOP;
END
$policies$;
CREATE POLICY of_driver ON waiting_places AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_driver()) IS NULL OR driver_id = (SELECT forecourt_driver()));
CREATE POLICY of_worker ON waiting_places TO forecourt_worker USING (true);
CREATE POLICY of_lookup ON waiting_places FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT, INSERT ON waiting_policies, waiting_places TO forecourt_app;
GRANT UPDATE (active, who, hold_minutes, snooze_minutes, max_waiting, changed_at) ON waiting_policies TO forecourt_app;
GRANT DELETE ON waiting_policies TO forecourt_app;
GRANT UPDATE (rank, state, driver_id, email, address, not_before, snoozed_at, reservation_id, said, ended_at)
    ON waiting_places TO forecourt_app;
GRANT SELECT (place_id, ended_at), DELETE ON waiting_places TO forecourt_worker;
GRANT SELECT (place_id, tenant_id, site_id, ended_at) ON waiting_places TO forecourt_lookup;

-- Whose place it is: its id can't be guessed.
CREATE FUNCTION driver_tenant_of_waiting(place uuid) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT tenant_id FROM waiting_places WHERE place_id = place $body$;

-- Sites at which somebody waits; the worker then works as each tenant.
CREATE FUNCTION driver_sites_with_waiting() RETURNS TABLE (tenant_id int, site_id int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT DISTINCT tenant_id, site_id FROM waiting_places WHERE ended_at IS NULL $body$;

DO $owner$
DECLARE f text;
BEGIN
    GRANT CREATE ON SCHEMA public TO forecourt_lookup;
    FOREACH f IN ARRAY ARRAY['driver_tenant_of_waiting(uuid)', 'driver_sites_with_waiting()']
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO forecourt_lookup', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO forecourt_app', f);
    END LOOP;
    GRANT EXECUTE ON FUNCTION driver_sites_with_waiting() TO forecourt_worker;
    REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
END
$owner$;
