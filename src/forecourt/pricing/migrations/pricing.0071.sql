-- Who is limited to some sites sees what is assigned where these are: everywhere, at them or at a site above them, and at their
-- stations.
-- depends: pricing.0070

CREATE POLICY of_sites ON tariff_assignments AS RESTRICTIVE FOR SELECT TO forecourt_app USING (
    (SELECT forecourt_sites()) IS NULL
    OR (site_id IS NULL AND at_station IS NULL)
    OR site_id IN (SELECT unnest(i.path) FROM sites i)
    OR at_station IN (
        SELECT s.station_id FROM sites i JOIN stations s ON s.tenant_id = i.tenant_id AND s.site_id = i.site_id));
COMMENT ON TABLE tariff_assignments IS 'where and for whom tariffs count; who is limited to sites reads those that count there';
