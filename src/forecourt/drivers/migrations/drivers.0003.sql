-- Who a token belongs to, as far as its keeper wants to know, and tokens by part of what is known of them.
-- depends: drivers.0001

ALTER TABLE tokens
    ADD COLUMN driver_name text CHECK (length(driver_name) BETWEEN 1 AND 200),
    ADD COLUMN driver_reference text CHECK (length(driver_reference) BETWEEN 1 AND 200),
    ADD COLUMN vehicle text CHECK (length(vehicle) BETWEEN 1 AND 200);
COMMENT ON COLUMN tokens.driver_reference IS 'what the organisation calls the driver: a personnel or customer number';
CREATE INDEX tokens_of_group ON tokens (tenant_id, group_uid, number) WHERE group_uid IS NOT NULL;

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX tokens_by_part ON tokens
    USING gin (uid gin_trgm_ops, group_uid gin_trgm_ops, driver_name gin_trgm_ops, driver_reference gin_trgm_ops,
        vehicle gin_trgm_ops);

-- As stations_by_part: row-level security keeps ILIKE from using an index.
CREATE FUNCTION tokens_by_part(pattern text, most int) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT number FROM tokens
    WHERE tenant_id = forecourt_tenant()
      AND (uid ILIKE pattern OR group_uid ILIKE pattern OR driver_name ILIKE pattern OR driver_reference ILIKE pattern OR vehicle ILIKE pattern)
    LIMIT most
$body$;
CREATE POLICY of_lookup ON tokens FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (number, tenant_id, uid, group_uid, driver_name, driver_reference, vehicle) ON tokens TO forecourt_lookup;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION tokens_by_part(text, int) OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION tokens_by_part(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tokens_by_part(text, int) TO forecourt_app;
