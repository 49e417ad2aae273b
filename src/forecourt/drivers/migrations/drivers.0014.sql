-- A fleet's month is reckoned in one place, by whoever moves the money: what it has spent is said by `contract_refusals`.
-- depends: drivers.0010 drivers.0012 drivers.0013

CREATE OR REPLACE VIEW account_refusals WITH (security_invoker = true) AS
SELECT d.tenant_id, d.uid_key,
    CASE
        WHEN a.state <> 'active' THEN 'Blocked'
        WHEN t.type = 'MacAddress' AND NOT coalesce(r.autocharge, false) THEN 'Invalid'
        WHEN a.pays_by = 'fleet' AND (f.fleet_id IS NULL OR NOT f.active) THEN 'Blocked'
        WHEN a.pays_by = 'fleet' AND f.held_at IS NOT NULL THEN 'NoCredit'
        WHEN a.pays_by = 'page' AND coalesce(r.payment_required, true) THEN 'NoCredit'
        ELSE (SELECT c.status FROM contract_refusals c WHERE c.tenant_id = d.tenant_id AND c.uid_key = d.uid_key)
    END AS status
FROM driver_tokens d
JOIN driver_accounts a ON a.tenant_id = d.tenant_id AND a.driver_id = d.driver_id
JOIN tokens t ON t.tenant_id = d.tenant_id AND t.uid_key = d.uid_key
LEFT JOIN driver_rules r ON r.tenant_id = d.tenant_id
LEFT JOIN fleet_members m ON m.tenant_id = d.tenant_id AND m.driver_id = d.driver_id
LEFT JOIN fleets f ON f.tenant_id = m.tenant_id AND f.fleet_id = m.fleet_id;
