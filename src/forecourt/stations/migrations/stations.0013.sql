-- Refusals at the door: who knocked, why it was not let in, and by which code a stranger finds its organisation.
-- depends: stations.0006 stations.0012 access.0003

-- What may stand before the identity in a station's address, so that a stranger knocks at this organisation. No secret:
-- it lets nobody in, and a renewed one takes it from whoever misuses it.
CREATE TABLE inboxes (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    code text COLLATE "C" NOT NULL UNIQUE CHECK (code ~ '^[0-9a-f]{12}$')
);

-- One row an identity that was refused; the empty one stands for connections that broke off in TLS, before any was named.
CREATE TABLE knocks (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    identity text COLLATE "C" NOT NULL CHECK (length(identity) <= 255),
    number bigint GENERATED ALWAYS AS IDENTITY,
    station_id bigint,
    reason text NOT NULL CHECK (reason IN ('unknown', 'no_password', 'wrong_password', 'no_certificate',
        'wrong_certificate', 'no_tls', 'no_subprotocol', 'tls_failed')),
    detail text CHECK (length(detail) <= 200),
    tls boolean NOT NULL,
    remote_address text CHECK (length(remote_address) <= 64),
    subprotocols text CHECK (length(subprotocols) <= 200),
    user_agent text CHECK (length(user_agent) <= 200),
    password_hash bytea CHECK (length(password_hash) = 32),
    contested boolean NOT NULL DEFAULT false,
    knocked bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    muted_until timestamptz,
    PRIMARY KEY (tenant_id, identity)
) WITH (fillfactor = 70);
CREATE INDEX knocks_in_order ON knocks (tenant_id, number);
CREATE INDEX knocks_by_age ON knocks (last_at);
COMMENT ON COLUMN knocks.station_id IS 'the station in service of this identity; NULL: nobody registered it';
COMMENT ON COLUMN knocks.password_hash IS
    'of a stranger: digest of the first password that it showed, as stations.password_hash';
COMMENT ON COLUMN knocks.contested IS 'another password was shown under this identity since';
COMMENT ON COLUMN knocks.muted_until IS 'dismissed by somebody: not shown before';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['inboxes', 'knocks']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_ingest ON %I TO forecourt_ingest USING (true)', t);
    END LOOP;
END
$policies$;
-- Strangers belong to no site yet: who is limited to some sees what is refused there, and no stranger.
SELECT stations_hold_to_sites('knocks'::regclass);
CREATE POLICY of_worker ON knocks TO forecourt_worker USING (true);
GRANT SELECT, INSERT, UPDATE ON inboxes TO forecourt_app;
GRANT SELECT ON inboxes TO forecourt_ingest;
GRANT SELECT, DELETE ON knocks TO forecourt_app;
GRANT UPDATE (muted_until) ON knocks TO forecourt_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON knocks TO forecourt_ingest;
GRANT SELECT (tenant_id, identity, last_at, muted_until), DELETE ON knocks TO forecourt_worker;

-- Whose strangers are that name no code: those of the only organisation that has people; NULL where there are several.
CREATE FUNCTION stations_only_organisation() RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT min(tenant_id) FROM memberships WHERE disabled_at IS NULL HAVING count(DISTINCT tenant_id) = 1 $body$;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION stations_only_organisation() OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION stations_only_organisation() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stations_only_organisation() TO forecourt_ingest, forecourt_app;
