-- A fleet that doesn't pay: its drivers start nothing until it does.
-- depends: drivers.0009

ALTER TABLE fleets ADD COLUMN held_at timestamptz, ADD COLUMN held_reason text NOT NULL DEFAULT ''
    CHECK (length(held_reason) <= 300);
COMMENT ON COLUMN fleets.held_at IS 'since when its drivers start nothing on its account, and why: invoices are overdue';
GRANT UPDATE (held_at, held_reason) ON fleets TO forecourt_app;
GRANT SELECT (held_at) ON fleets TO forecourt_ingest;

CREATE OR REPLACE VIEW account_refusals WITH (security_invoker = true) AS
SELECT d.tenant_id, d.uid_key,
    CASE
        WHEN a.state <> 'active' THEN 'Blocked'
        WHEN a.pays_by = 'fleet' AND (f.fleet_id IS NULL OR NOT f.active) THEN 'Blocked'
        WHEN a.pays_by = 'fleet' AND (
            f.held_at IS NOT NULL
            OR f.month_limit <= (SELECT coalesce(sum(s.amount), 0) FROM fleet_sessions s
                WHERE s.tenant_id = f.tenant_id AND s.fleet_id = f.fleet_id
                  AND s.month = date_trunc('month', now() AT TIME ZONE f.zone)::date)
            OR m.month_limit <= (SELECT coalesce(sum(s.amount), 0) FROM fleet_sessions s
                WHERE s.tenant_id = f.tenant_id AND s.fleet_id = f.fleet_id AND s.driver_id = m.driver_id
                  AND s.month = date_trunc('month', now() AT TIME ZONE f.zone)::date)) THEN 'NoCredit'
    END AS status
FROM driver_tokens d
JOIN driver_accounts a ON a.tenant_id = d.tenant_id AND a.driver_id = d.driver_id
LEFT JOIN fleet_members m ON m.tenant_id = d.tenant_id AND m.driver_id = d.driver_id
LEFT JOIN fleets f ON f.tenant_id = m.tenant_id AND f.fleet_id = m.fleet_id;
