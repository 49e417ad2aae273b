-- Published: incidents, open and closed.
-- depends: care.0003

CREATE VIEW incident_facts WITH (security_invoker = true) AS
SELECT n.tenant_id, n.incident_id, n.kind, n.severity, n.station, i.slug AS site, n.node, n.evse, n.connector, n.since,
    n.opened_at, n.gone_at, n.closed_at, n.acknowledged_at, n.changed_at
FROM incidents n LEFT JOIN sites i ON i.tenant_id = n.tenant_id AND i.site_id = n.site_id;
GRANT SELECT ON incident_facts TO forecourt_app;
