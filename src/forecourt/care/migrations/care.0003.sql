-- Incidents of sites: nodes that are overloaded by what else hangs there.
-- depends: care.0002 energy.0048

ALTER TABLE incidents DROP CONSTRAINT incidents_kind_check;
ALTER TABLE incidents ADD CONSTRAINT incidents_kind_check CHECK (kind IN ('fault', 'offline', 'flapping',
    'failed_starts', 'quarantined', 'not_accepted', 'clock', 'ghost', 'disobeys', 'overloaded'));
ALTER TABLE incidents ALTER COLUMN station_id DROP NOT NULL, ALTER COLUMN station DROP NOT NULL;
ALTER TABLE incidents ADD COLUMN node text;
ALTER TABLE incidents ADD CONSTRAINT incidents_of_something CHECK (
    (station_id IS NULL) = (station IS NULL) AND (station_id IS NOT NULL OR site_id IS NOT NULL));
COMMENT ON COLUMN incidents.station_id IS 'NULL: it is of the site itself';
COMMENT ON COLUMN incidents.node IS 'of the site''s electrics';
CREATE UNIQUE INDEX incidents_of_sites_present ON incidents (tenant_id, site_id, kind, node)
    NULLS NOT DISTINCT WHERE gone_at IS NULL AND station_id IS NULL;
DROP INDEX incidents_present;
CREATE UNIQUE INDEX incidents_present ON incidents (tenant_id, station_id, kind, evse, connector, session_id)
    NULLS NOT DISTINCT WHERE gone_at IS NULL AND station_id IS NOT NULL;

-- Who is limited to some sites sees the incidents of the stations, and of the sites, that they see.
DROP POLICY of_sites ON incidents;
CREATE POLICY of_sites ON incidents AS RESTRICTIVE TO forecourt_app USING (
    forecourt_sites() IS NULL
    OR station_id IS NOT NULL AND EXISTS (SELECT FROM stations s WHERE s.station_id = incidents.station_id)
    OR station_id IS NULL AND EXISTS (SELECT FROM sites i WHERE i.site_id = incidents.site_id));
