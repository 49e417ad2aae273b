-- Tokens that were made for one session that somebody paid for: decided here, whatever an outside service says of others.
-- depends: drivers.0004 drivers.0005

ALTER TABLE tokens ADD COLUMN ad_hoc bool NOT NULL DEFAULT false;
COMMENT ON COLUMN tokens.ad_hoc IS 'for one session; shown in no list of tokens';
CREATE INDEX tokens_ad_hoc ON tokens (expires_at) WHERE ad_hoc;
CREATE POLICY of_worker ON tokens TO forecourt_worker USING (ad_hoc);
GRANT SELECT (number, ad_hoc, expires_at), DELETE ON tokens TO forecourt_worker;

-- Published: tokens that nobody outside is asked about.
CREATE VIEW ad_hoc_tokens WITH (security_invoker = true) AS SELECT tenant_id, uid_key FROM tokens WHERE ad_hoc;
GRANT SELECT ON ad_hoc_tokens TO forecourt_app, forecourt_ingest;

CREATE OR REPLACE VIEW token_decisions WITH (security_invoker = true) AS
SELECT d.tenant_id, d.uid_key, d.status, d.group_uid, d.expires_at FROM decided_outside d
WHERE NOT EXISTS (SELECT FROM tokens a WHERE a.tenant_id = d.tenant_id AND a.uid_key = d.uid_key AND a.ad_hoc)
UNION ALL
SELECT t.tenant_id, t.uid_key,
    CASE
        WHEN h.fallback = 'accept' AND NOT t.ad_hoc THEN 'Accepted'
        WHEN h.fallback = 'refuse' AND NOT t.ad_hoc THEN 'Invalid'
        WHEN t.status = 'accepted' AND t.expires_at <= now() THEN 'Expired'
        WHEN t.status = 'accepted' THEN 'Accepted'
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
