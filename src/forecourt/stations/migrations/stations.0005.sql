-- Sites form a tree; who is limited to some of them sees what is there and below, and nothing else.
-- depends: stations.0003 stations.0004 access.0003

ALTER TABLE sites
    ADD COLUMN parent_id int,
    ADD COLUMN path int[] NOT NULL DEFAULT '{}',
    ADD FOREIGN KEY (tenant_id, parent_id) REFERENCES sites (tenant_id, site_id);
COMMENT ON COLUMN sites.path IS 'the sites above it from the top down, and itself; kept by a trigger';
CREATE INDEX sites_of_parent ON sites (tenant_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX stations_of_site ON stations (tenant_id, site_id);
ALTER TABLE sites NO FORCE ROW LEVEL SECURITY;
UPDATE sites SET path = ARRAY[site_id];
ALTER TABLE sites FORCE ROW LEVEL SECURITY;

CREATE FUNCTION stations_place_site() RETURNS trigger
LANGUAGE plpgsql
AS $body$
DECLARE above int[] := '{}';
BEGIN
    IF NEW.parent_id IS NOT NULL THEN
        SELECT path INTO above FROM sites WHERE tenant_id = NEW.tenant_id AND site_id = NEW.parent_id;
        IF NOT FOUND OR NEW.site_id = ANY (above) OR cardinality(above) >= 10 THEN
            RAISE EXCEPTION 'site % can not stand below site %', NEW.site_id, NEW.parent_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'sites_tree';
        END IF;
    END IF;
    NEW.path := above || NEW.site_id;
    RETURN NEW;
END
$body$;
CREATE TRIGGER sites_placed BEFORE INSERT OR UPDATE OF parent_id ON sites
    FOR EACH ROW EXECUTE FUNCTION stations_place_site();
-- What is below a site that moved moves along.
CREATE FUNCTION stations_place_below() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    UPDATE sites SET parent_id = parent_id WHERE tenant_id = NEW.tenant_id AND parent_id = NEW.site_id;
    RETURN NULL;
END
$body$;
CREATE TRIGGER sites_placed_below AFTER UPDATE OF parent_id ON sites
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION stations_place_below();

-- Restrictive: beside being of the tenant, a row must be at one of the sites. For whom is not limited the first half is
-- true at once and the second is never looked at; for whom is, it is read once a query and hashed.
CREATE POLICY of_sites ON sites AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL OR path && (SELECT forecourt_sites()));
CREATE POLICY of_sites ON stations AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL OR site_id IN (SELECT i.site_id FROM sites i));

-- Every table with a station_id is held by its station. A migration that makes one calls this for it.
CREATE FUNCTION stations_hold_to_sites(held regclass) RETURNS void
LANGUAGE plpgsql
AS $body$
BEGIN
    EXECUTE format($policy$
        CREATE POLICY of_sites ON %s AS RESTRICTIVE TO forecourt_app
            USING ((SELECT forecourt_sites()) IS NULL OR station_id IN (
                SELECT s.station_id FROM sites i JOIN stations s ON s.tenant_id = i.tenant_id AND s.site_id = i.site_id))
        $policy$, held);
END
$body$;
REVOKE ALL ON FUNCTION stations_hold_to_sites(regclass) FROM PUBLIC;
SELECT stations_hold_to_sites(held)
FROM unnest(ARRAY['station_links', 'connectors', 'connector_history', 'messages', 'quarantine', 'commands',
                  'connection_gaps', 'unsupported_actions']::regclass[]) held;
