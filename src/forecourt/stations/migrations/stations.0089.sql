-- Published: where stations stand and by which clock, with all sites that are above theirs.
-- depends: stations.0071

CREATE VIEW station_sites WITH (security_invoker = true) AS
SELECT t.tenant_id, t.station_id, coalesce(i.time_zone, o.time_zone) AS time_zone,
    coalesce((SELECT array_agg(a.slug) FROM sites a WHERE a.tenant_id = i.tenant_id AND a.site_id = ANY (i.path)), '{}')
        AS sites
FROM stations t
JOIN organisations o ON o.tenant_id = t.tenant_id
LEFT JOIN sites i ON i.tenant_id = t.tenant_id AND i.site_id = t.site_id;
COMMENT ON COLUMN station_sites.time_zone IS 'the site''s; of a station without one, the organisation''s';
COMMENT ON COLUMN station_sites.sites IS 'slugs of its site and of those above';
GRANT SELECT ON station_sites TO forecourt_app;
