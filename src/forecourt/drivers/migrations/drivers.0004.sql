-- An outside service that decides on tokens, and what it decided.
-- depends: drivers.0001

CREATE TABLE authorization_hooks (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    secret bytea NOT NULL,
    former_secret bytea,
    former_until timestamptz,
    deadline_ms int NOT NULL CHECK (deadline_ms BETWEEN 100 AND 5000),
    cache_s int NOT NULL CHECK (cache_s BETWEEN 30 AND 86400),
    fallback text NOT NULL CHECK (fallback IN ('local', 'accept', 'refuse')),
    active bool NOT NULL DEFAULT true,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN authorization_hooks.secret IS 'sealed by the secret key of the deployment';
COMMENT ON COLUMN authorization_hooks.fallback IS 'how is decided while no answer is known: by tokens, or all alike';

CREATE TABLE outside_decisions (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    uid_key text COLLATE "C" NOT NULL,
    status text NOT NULL CHECK (status IN ('Accepted', 'Blocked', 'Expired', 'Invalid', 'NoCredit')),
    group_uid text CHECK (length(group_uid) BETWEEN 1 AND 255 AND group_uid !~ '[[:cntrl:]]'),
    expires_at timestamptz,
    decided_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, uid_key)
);
CREATE INDEX outside_decisions_by_age ON outside_decisions (valid_until);
COMMENT ON COLUMN outside_decisions.status IS 'as OCPP 2.x words it';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['authorization_hooks', 'outside_decisions']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_ingest ON %I TO forecourt_ingest USING (true)', t);
    END LOOP;
    CREATE POLICY of_worker ON outside_decisions TO forecourt_worker USING (true);
END
$policies$;
GRANT SELECT, INSERT, UPDATE, DELETE ON authorization_hooks, outside_decisions TO forecourt_app;
GRANT SELECT ON authorization_hooks TO forecourt_ingest;
GRANT SELECT, INSERT, UPDATE ON outside_decisions TO forecourt_ingest;
GRANT SELECT, DELETE ON outside_decisions TO forecourt_worker;

-- Published: what was decided outside and still counts.
CREATE VIEW decided_outside WITH (security_invoker = true) AS
SELECT o.tenant_id, o.uid_key,
    CASE WHEN o.status = 'Accepted' AND o.expires_at <= now() THEN 'Expired' ELSE o.status END AS status,
    o.group_uid, o.expires_at
FROM outside_decisions o JOIN authorization_hooks h ON h.tenant_id = o.tenant_id AND h.active
WHERE o.valid_until > now();
GRANT SELECT ON decided_outside TO forecourt_app, forecourt_ingest;

-- Published: where an organisation has its tokens decided. `secrets` are sealed, base64, the present one first.
CREATE VIEW outside_authorizations WITH (security_invoker = true) AS
SELECT tenant_id, url, deadline_ms, cache_s,
    CASE WHEN former_until > now() THEN ARRAY[encode(secret, 'base64'), encode(former_secret, 'base64')]
        ELSE ARRAY[encode(secret, 'base64')] END AS secrets
FROM authorization_hooks WHERE active;
GRANT SELECT ON outside_authorizations TO forecourt_app, forecourt_ingest;

-- Published: the decision about a token that nobody registered, where it is another than Invalid.
CREATE VIEW unknown_token_decisions WITH (security_invoker = true) AS
SELECT tenant_id, 'Accepted'::text AS status FROM authorization_hooks WHERE active AND fallback = 'accept';
GRANT SELECT ON unknown_token_decisions TO forecourt_app, forecourt_ingest;

-- What was decided outside comes before what is registered here, and the fallback in between.
CREATE OR REPLACE VIEW token_decisions WITH (security_invoker = true) AS
SELECT tenant_id, uid_key, status, group_uid, expires_at FROM decided_outside
UNION ALL
SELECT t.tenant_id, t.uid_key,
    CASE
        WHEN h.fallback = 'accept' THEN 'Accepted'
        WHEN h.fallback = 'refuse' THEN 'Invalid'
        WHEN t.status = 'accepted' AND t.expires_at <= now() THEN 'Expired'
        WHEN t.status = 'accepted' THEN 'Accepted'
        WHEN t.status = 'blocked' THEN 'Blocked'
        WHEN t.status = 'expired' THEN 'Expired'
        WHEN t.status = 'invalid' THEN 'Invalid'
        ELSE 'NoCredit'
    END,
    t.group_uid, t.expires_at
FROM tokens t LEFT JOIN authorization_hooks h ON h.tenant_id = t.tenant_id AND h.active
WHERE h.tenant_id IS NULL OR NOT EXISTS (
    SELECT FROM outside_decisions o
    WHERE o.tenant_id = t.tenant_id AND o.uid_key = t.uid_key AND o.valid_until > now());
