-- Where and by which clock campaigns count, for all that asks: whom they are for, which hours are quiet, what they changed.
-- depends: loyalty.0009

CREATE VIEW campaign_places WITH (security_invoker = true) AS
SELECT t.tenant_id, t.station_id, coalesce(i.time_zone, o.time_zone) AS time_zone,
    coalesce((SELECT array_agg(a.slug) FROM sites a WHERE a.tenant_id = i.tenant_id AND a.site_id = ANY (i.path)), '{}')
        AS sites
FROM stations t
JOIN organisations o ON o.tenant_id = t.tenant_id
LEFT JOIN sites i ON i.tenant_id = t.tenant_id AND i.site_id = t.site_id;
COMMENT ON COLUMN campaign_places.time_zone IS 'the site''s; of a station without one, the organisation''s';
COMMENT ON COLUMN campaign_places.sites IS 'its site and those above';
GRANT SELECT ON campaign_places TO forecourt_app;
