-- Fleets: drivers whose sessions one account pays by the month, with limits, and subscriptions by which tariffs are chosen.
-- depends: drivers.0008 access.0003

CREATE TABLE fleets (
    fleet_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    bill_to text NOT NULL DEFAULT '' CHECK (length(bill_to) <= 1000),
    email text NOT NULL DEFAULT '' CHECK (length(email) <= 254),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    zone text NOT NULL CHECK (length(zone) BETWEEN 1 AND 64),
    session_limit bigint CHECK (session_limit > 0),
    month_limit bigint CHECK (month_limit > 0),
    active bool NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, fleet_id),
    UNIQUE (tenant_id, name)
);
COMMENT ON COLUMN fleets.zone IS 'by whose clock its months begin';
COMMENT ON COLUMN fleets.session_limit IS 'what one session of a member may cost, in minor units with taxes';
COMMENT ON COLUMN fleets.month_limit IS 'what all members together may spend in a month';

CREATE TABLE fleet_members (
    tenant_id int NOT NULL,
    driver_id bigint NOT NULL,
    fleet_id bigint NOT NULL,
    cost_centre text NOT NULL DEFAULT '' CHECK (length(cost_centre) <= 60),
    session_limit bigint CHECK (session_limit > 0),
    month_limit bigint CHECK (month_limit > 0),
    joined_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, driver_id),
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id),
    FOREIGN KEY (tenant_id, fleet_id) REFERENCES fleets (tenant_id, fleet_id)
);
CREATE INDEX fleet_members_of_fleet ON fleet_members (tenant_id, fleet_id, driver_id);

-- What each session of a member came to, as far as it is known: running ones count as well.
CREATE TABLE fleet_sessions (
    tenant_id int NOT NULL,
    session_id uuid NOT NULL,
    fleet_id bigint NOT NULL,
    driver_id bigint NOT NULL,
    cost_centre text NOT NULL,
    month date NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CHECK (amount >= 0),
    said_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, session_id),
    FOREIGN KEY (tenant_id, fleet_id) REFERENCES fleets (tenant_id, fleet_id)
);
CREATE INDEX fleet_sessions_of_month ON fleet_sessions (tenant_id, fleet_id, month) INCLUDE (driver_id, amount);

-- Memberships with a monthly fee, by whose name tariffs are chosen.
CREATE TABLE subscription_plans (
    plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    month_fee bigint NOT NULL CHECK (month_fee >= 0),
    open bool NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, plan_id),
    UNIQUE (tenant_id, name)
);
COMMENT ON COLUMN subscription_plans.name IS 'what assignments of tariffs call it; stays';
COMMENT ON COLUMN subscription_plans.open IS 'drivers may begin it';

CREATE TABLE subscriptions (
    subscription_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    driver_id bigint NOT NULL,
    plan_id bigint NOT NULL,
    began_at timestamptz NOT NULL,
    ends_at timestamptz CHECK (ends_at >= began_at),
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES subscription_plans (tenant_id, plan_id)
);
CREATE UNIQUE INDEX subscriptions_going_on ON subscriptions (tenant_id, driver_id) WHERE ends_at IS NULL;

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['fleets', 'fleet_members', 'fleet_sessions', 'subscription_plans', 'subscriptions']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['fleet_members', 'fleet_sessions', 'subscriptions']
    LOOP
        EXECUTE format('CREATE POLICY of_driver ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_driver()) IS NULL OR driver_id = (SELECT forecourt_driver()))', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['driver_accounts', 'driver_tokens', 'fleets', 'fleet_members', 'fleet_sessions']
    LOOP
        EXECUTE format('CREATE POLICY of_ingest ON %I FOR SELECT TO forecourt_ingest USING (true)', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT ON fleets, subscription_plans, subscriptions, fleet_sessions, fleet_members TO forecourt_app;
GRANT UPDATE (name, bill_to, email, session_limit, month_limit, active, updated_at) ON fleets TO forecourt_app;
GRANT UPDATE (fleet_id, cost_centre, session_limit, month_limit) ON fleet_members TO forecourt_app;
GRANT DELETE ON fleet_members TO forecourt_app;
GRANT UPDATE (amount, said_at) ON fleet_sessions TO forecourt_app;
GRANT UPDATE (title, month_fee, open) ON subscription_plans TO forecourt_app;
GRANT UPDATE (ends_at) ON subscriptions TO forecourt_app;
GRANT SELECT (tenant_id, driver_id, state, pays_by) ON driver_accounts TO forecourt_ingest;
GRANT SELECT (tenant_id, uid_key, driver_id) ON driver_tokens TO forecourt_ingest;
GRANT SELECT (tenant_id, fleet_id, zone, month_limit, active) ON fleets TO forecourt_ingest;
GRANT SELECT (tenant_id, driver_id, fleet_id, month_limit) ON fleet_members TO forecourt_ingest;
GRANT SELECT (tenant_id, fleet_id, driver_id, month, amount) ON fleet_sessions TO forecourt_ingest;

-- What an account says against its tokens, where it does: it is blocked, or its fleet has spent what it may this month.
CREATE VIEW account_refusals WITH (security_invoker = true) AS
SELECT d.tenant_id, d.uid_key,
    CASE
        WHEN a.state <> 'active' THEN 'Blocked'
        WHEN a.pays_by = 'fleet' AND (f.fleet_id IS NULL OR NOT f.active) THEN 'Blocked'
        WHEN a.pays_by = 'fleet' AND (
            f.month_limit <= (SELECT coalesce(sum(s.amount), 0) FROM fleet_sessions s
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
GRANT SELECT ON account_refusals TO forecourt_app, forecourt_ingest;

CREATE OR REPLACE VIEW token_decisions WITH (security_invoker = true) AS
SELECT d.tenant_id, d.uid_key, d.status, d.group_uid, d.expires_at FROM decided_outside d
WHERE NOT EXISTS (SELECT FROM tokens a WHERE a.tenant_id = d.tenant_id AND a.uid_key = d.uid_key AND a.ad_hoc)
UNION ALL
SELECT t.tenant_id, t.uid_key,
    CASE
        WHEN h.fallback = 'accept' AND NOT t.ad_hoc THEN 'Accepted'
        WHEN h.fallback = 'refuse' AND NOT t.ad_hoc THEN 'Invalid'
        WHEN t.status = 'accepted' AND t.expires_at <= now() THEN 'Expired'
        WHEN t.status = 'accepted' THEN coalesce((SELECT r.status FROM account_refusals r
            WHERE r.tenant_id = t.tenant_id AND r.uid_key = t.uid_key), 'Accepted')
        WHEN t.status = 'blocked' THEN 'Blocked'
        WHEN t.status = 'expired' THEN 'Expired'
        WHEN t.status = 'invalid' THEN 'Invalid'
        ELSE 'NoCredit'
    END,
    t.group_uid, t.expires_at
FROM tokens t LEFT JOIN authorization_hooks h ON h.tenant_id = t.tenant_id AND h.active
WHERE h.tenant_id IS NULL OR t.ad_hoc OR NOT EXISTS (
    SELECT FROM outside_decisions o
    WHERE o.tenant_id = t.tenant_id AND o.uid_key = t.uid_key AND o.valid_until > now());
