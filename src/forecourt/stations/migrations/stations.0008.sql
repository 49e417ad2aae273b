-- Stations by part of their identity or name, for who looks for one among ten thousand.
-- depends: stations.0001

-- Trusted: whoever owns the database may add it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX stations_by_part ON stations USING gin (identity gin_trgm_ops, name gin_trgm_ops);

-- Row-level security keeps ILIKE from using an index, for it could leak what it looks at. So this function, which is held
-- to the tenant by its own condition, finds the candidates; who calls it reads them under the policies all the same.
CREATE FUNCTION stations_by_part(pattern text, most int) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT station_id FROM stations
    WHERE tenant_id = forecourt_tenant() AND (identity ILIKE pattern OR name ILIKE pattern)
    ORDER BY identity LIMIT most
$body$;
CREATE POLICY of_lookup ON stations FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (station_id, tenant_id, identity, name) ON stations TO forecourt_lookup;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION stations_by_part(text, int) OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION stations_by_part(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stations_by_part(text, int) TO forecourt_app;
