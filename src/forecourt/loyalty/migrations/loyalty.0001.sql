-- Campaigns, the codes of those that are given by code, their drivers, and what was kept for and given to sessions.
-- depends: payments.0046 drivers.0021 sessions.0070 stations.0070 pricing.0070 energy.0090

CREATE TABLE loyalty_campaigns (
    campaign_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    terms jsonb NOT NULL,
    by_code bool NOT NULL,
    budget bigint CHECK (budget > 0),
    state text COLLATE "C" NOT NULL CHECK (state IN ('draft', 'running', 'paused', 'ended')),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    spent bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
    hours int[] NOT NULL DEFAULT '{}',
    seed text COLLATE "C" NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT budget_holds CHECK (reserved + spent <= budget),
    UNIQUE (tenant_id, campaign_id)
);
CREATE INDEX loyalty_campaigns_running ON loyalty_campaigns (tenant_id) WHERE state = 'running';
COMMENT ON COLUMN loyalty_campaigns.reserved IS 'kept for sessions that are not sealed yet, in minor units';
COMMENT ON COLUMN loyalty_campaigns.hours IS 'of the day, found quiet when it started';
COMMENT ON COLUMN loyalty_campaigns.seed IS 'by which, with the driver, it is told who is held out';

CREATE TABLE loyalty_codes (
    code_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    campaign_id bigint NOT NULL,
    code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 3 AND 32),
    most_uses int CHECK (most_uses > 0),
    used int NOT NULL DEFAULT 0 CHECK (used >= 0),
    made_at timestamptz NOT NULL,
    CONSTRAINT uses_hold CHECK (used <= most_uses),
    UNIQUE (tenant_id, code),
    UNIQUE (tenant_id, code_id),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES loyalty_campaigns (tenant_id, campaign_id)
);
CREATE INDEX loyalty_codes_of_campaign ON loyalty_codes (tenant_id, campaign_id, code_id);

-- Who was meant when a campaign started, and who of them has it. It stays, for its effect is told by all of them.
CREATE TABLE loyalty_members (
    tenant_id int NOT NULL,
    campaign_id bigint NOT NULL,
    driver_id bigint NOT NULL,
    treated bool NOT NULL,
    told_at timestamptz,
    PRIMARY KEY (tenant_id, campaign_id, driver_id),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES loyalty_campaigns (tenant_id, campaign_id),
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id)
);
COMMENT ON COLUMN loyalty_members.told_at IS 'a letter was written to them';
CREATE INDEX loyalty_members_of_driver ON loyalty_members (tenant_id, driver_id);

CREATE TABLE loyalty_uses (
    use_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id int NOT NULL,
    campaign_id bigint NOT NULL,
    code_id bigint,
    driver_id bigint,
    token_uid text COLLATE "C",
    session_id uuid,
    kept bool NOT NULL,
    claimed_until timestamptz,
    state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'bound', 'settled', 'released')),
    reserved bigint NOT NULL CHECK (reserved >= 0),
    taken bigint CHECK (taken BETWEEN 0 AND reserved),
    made_at timestamptz NOT NULL,
    until_at timestamptz,
    settled_at timestamptz,
    CHECK ((state IN ('bound', 'settled')) <= (session_id IS NOT NULL)),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES loyalty_campaigns (tenant_id, campaign_id),
    FOREIGN KEY (tenant_id, code_id) REFERENCES loyalty_codes (tenant_id, code_id)
);
CREATE UNIQUE INDEX loyalty_uses_of_session ON loyalty_uses (session_id, campaign_id) WHERE session_id IS NOT NULL;
CREATE UNIQUE INDEX loyalty_uses_kept ON loyalty_uses (tenant_id, campaign_id, driver_id)
    WHERE state = 'open' AND kept;
CREATE INDEX loyalty_uses_of_token ON loyalty_uses (tenant_id, token_uid) WHERE state = 'open';
CREATE INDEX loyalty_uses_of_driver ON loyalty_uses (tenant_id, driver_id, campaign_id);
CREATE INDEX loyalty_uses_of_campaign ON loyalty_uses (tenant_id, campaign_id, made_at);
CREATE INDEX loyalty_uses_due ON loyalty_uses (state, until_at) WHERE state IN ('open', 'bound');
COMMENT ON COLUMN loyalty_uses.token_uid IS 'kept for the session that this token begins';
COMMENT ON COLUMN loyalty_uses.kept IS 'a driver entered its code ahead';
COMMENT ON COLUMN loyalty_uses.claimed_until IS 'until then it is for the session of that token and no other';
COMMENT ON COLUMN loyalty_uses.until_at IS 'kept so long while no session begins';

-- That it was decided what counts for a session: it is decided once.
CREATE TABLE loyalty_decisions (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    session_id uuid PRIMARY KEY,
    driver_id bigint,
    decided_at timestamptz NOT NULL
);

-- Published: sessions of drivers with an account, by their payment or their token, with what each was.
CREATE VIEW driver_visits WITH (security_invoker = true) AS
SELECT DISTINCT ON (s.session_id) s.tenant_id, s.session_id, coalesce(i.driver_id, d.driver_id) AS driver_id,
    s.station_id, s.started_at, s.over_at AS ended_at, greatest(s.meter_stop_wh - s.meter_start_wh, 0) AS energy_wh,
    c.currency, c.excl_minor, c.incl_minor
FROM sessions s
LEFT JOIN payment_intents i ON i.tenant_id = s.tenant_id AND i.session_id = s.session_id
LEFT JOIN token_drivers d ON d.tenant_id = s.tenant_id AND d.uid_key = lower(s.token_uid COLLATE "C")
    AND d.attached_at <= s.started_at AND (d.until_at IS NULL OR d.until_at > s.started_at)
LEFT JOIN session_costs c ON c.tenant_id = s.tenant_id AND c.session_id = s.session_id AND c.final
WHERE coalesce(i.driver_id, d.driver_id) IS NOT NULL
ORDER BY s.session_id, d.attached_at;
GRANT SELECT ON driver_visits TO forecourt_app;

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['loyalty_campaigns', 'loyalty_codes', 'loyalty_members', 'loyalty_uses',
        'loyalty_decisions']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO forecourt_app', t);
    END LOOP;
END
$policies$;
-- What campaigns are, and what they gave, is on bills, which who is limited to some sites reads too; the rest is not.
CREATE POLICY of_the_whole ON loyalty_codes AS RESTRICTIVE TO forecourt_app USING ((SELECT forecourt_sites()) IS NULL);
CREATE POLICY of_the_whole ON loyalty_members AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL);
GRANT DELETE ON loyalty_members TO forecourt_app;

-- The worker finds out whose uses there are to look at, and then acts as each organisation.
CREATE POLICY of_worker ON loyalty_uses FOR SELECT TO forecourt_worker USING (true);
GRANT SELECT (tenant_id, state) ON loyalty_uses TO forecourt_worker;
