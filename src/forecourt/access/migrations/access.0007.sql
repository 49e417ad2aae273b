-- A browser session tells the time zone of its organisation, in which pages say their times.
-- depends: access.0004 access.0006

COMMENT ON COLUMN organisations.time_zone IS 'IANA name; of new sites, and of the times that every page says';

GRANT SELECT (time_zone) ON organisations TO forecourt_lookup;

DROP FUNCTION access_session(bytea, timestamptz, timestamptz);
CREATE FUNCTION access_session(hash bytea, now timestamptz, seen_since timestamptz, OUT session_id bigint,
                               OUT person_id int, OUT tenant_id int, OUT organisation text, OUT name text, OUT role text,
                               OUT site_ids int[], OUT second_factor bool, OUT needs_second_factor bool,
                               OUT by_provider bool, OUT proved_at timestamptz, OUT time_zone text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT s.session_id, p.person_id, o.tenant_id, o.name, p.name, m.role, m.site_ids, s.second_factor,
        o.require_second_factor AND NOT s.second_factor AND s.provider_of IS NULL, s.provider_of IS NOT NULL,
        s.proved_at, o.time_zone
    FROM person_sessions s
    JOIN people p USING (person_id)
    JOIN memberships m ON m.tenant_id = s.tenant_id AND m.person_id = s.person_id
    JOIN organisations o ON o.tenant_id = s.tenant_id
    WHERE s.token_hash = hash AND s.expires_at > now AND s.last_seen_at > seen_since
        AND p.disabled_at IS NULL AND m.disabled_at IS NULL
$body$;

DO $owner$
BEGIN
    GRANT CREATE ON SCHEMA public TO forecourt_lookup;
    REVOKE ALL ON FUNCTION access_session(bytea, timestamptz, timestamptz) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION access_session(bytea, timestamptz, timestamptz) TO forecourt_app;
    ALTER FUNCTION access_session(bytea, timestamptz, timestamptz) OWNER TO forecourt_lookup;
    REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
END
$owner$;
