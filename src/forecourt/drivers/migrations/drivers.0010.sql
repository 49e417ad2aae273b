-- What an organisation asks of drivers' own tokens: that something pays for their sessions, and whether cars start by
-- being plugged in.
-- depends: drivers.0009 drivers.0011 access.0003

CREATE TABLE driver_rules (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    payment_required bool NOT NULL,
    autocharge bool NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE driver_rules IS 'without a row payment is required, and no car starts by being plugged in';
COMMENT ON COLUMN driver_rules.payment_required IS 'a token of a driver whose account pays by nothing starts nothing';
COMMENT ON COLUMN driver_rules.autocharge IS 'cars that drivers named start sessions by their own address';

-- Where drivers have tokens already, these go on as they did until somebody decides otherwise.
ALTER TABLE driver_tokens NO FORCE ROW LEVEL SECURITY;
INSERT INTO driver_rules SELECT DISTINCT tenant_id, false, false, now() FROM driver_tokens;
ALTER TABLE driver_tokens FORCE ROW LEVEL SECURITY;

ALTER TABLE driver_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE driver_rules FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON driver_rules TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_the_whole ON driver_rules AS RESTRICTIVE TO forecourt_app USING ((SELECT forecourt_sites()) IS NULL);
CREATE POLICY of_ingest ON driver_rules FOR SELECT TO forecourt_ingest USING (true);
GRANT SELECT, INSERT, UPDATE ON driver_rules TO forecourt_app;
GRANT SELECT ON driver_rules TO forecourt_ingest;
GRANT SELECT (pays_method) ON driver_accounts TO forecourt_ingest;

-- What stands against a session that an account pays for, as whoever moves the money knows it: payments fill it.
CREATE VIEW contract_refusals WITH (security_invoker = true) AS
SELECT NULL::int AS tenant_id, NULL::text COLLATE "C" AS uid_key, NULL::text AS status WHERE false;
GRANT SELECT ON contract_refusals TO forecourt_app, forecourt_ingest;

CREATE OR REPLACE VIEW account_refusals WITH (security_invoker = true) AS
SELECT d.tenant_id, d.uid_key,
    CASE
        WHEN a.state <> 'active' THEN 'Blocked'
        WHEN t.type = 'MacAddress' AND NOT coalesce(r.autocharge, false) THEN 'Invalid'
        WHEN a.pays_by = 'fleet' AND (f.fleet_id IS NULL OR NOT f.active) THEN 'Blocked'
        WHEN a.pays_by = 'fleet' AND (
            f.held_at IS NOT NULL
            OR f.month_limit <= (SELECT coalesce(sum(s.amount), 0) FROM fleet_sessions s
                WHERE s.tenant_id = f.tenant_id AND s.fleet_id = f.fleet_id
                  AND s.month = date_trunc('month', now() AT TIME ZONE f.zone)::date)
            OR m.month_limit <= (SELECT coalesce(sum(s.amount), 0) FROM fleet_sessions s
                WHERE s.tenant_id = f.tenant_id AND s.fleet_id = f.fleet_id AND s.driver_id = m.driver_id
                  AND s.month = date_trunc('month', now() AT TIME ZONE f.zone)::date)) THEN 'NoCredit'
        WHEN a.pays_by = 'page' AND coalesce(r.payment_required, true) THEN 'NoCredit'
        ELSE (SELECT c.status FROM contract_refusals c WHERE c.tenant_id = d.tenant_id AND c.uid_key = d.uid_key)
    END AS status
FROM driver_tokens d
JOIN driver_accounts a ON a.tenant_id = d.tenant_id AND a.driver_id = d.driver_id
JOIN tokens t ON t.tenant_id = d.tenant_id AND t.uid_key = d.uid_key
LEFT JOIN driver_rules r ON r.tenant_id = d.tenant_id
LEFT JOIN fleet_members m ON m.tenant_id = d.tenant_id AND m.driver_id = d.driver_id
LEFT JOIN fleets f ON f.tenant_id = m.tenant_id AND f.fleet_id = m.fleet_id;

-- Published: the membership by which tariffs are chosen for a driver's token, at any time.
ALTER TABLE subscription_plans ADD COLUMN vat numeric CHECK (vat >= 0 AND vat < 100);
COMMENT ON COLUMN subscription_plans.vat IS 'percent of VAT within the fee; NULL: none';
CREATE VIEW token_subscriptions WITH (security_invoker = true) AS
SELECT d.tenant_id, d.uid_key, p.name AS subscription,
    greatest(s.began_at, d.attached_at) AS began_at, s.ends_at
FROM driver_tokens d
JOIN subscriptions s ON s.tenant_id = d.tenant_id AND s.driver_id = d.driver_id
JOIN subscription_plans p ON p.tenant_id = s.tenant_id AND p.plan_id = s.plan_id;
GRANT SELECT ON token_subscriptions TO forecourt_app;
CREATE INDEX subscriptions_of_driver ON subscriptions (tenant_id, driver_id, began_at);
