-- Tokens: what drivers show at a station, and what is decided about each.
-- depends: access.0001

CREATE TABLE tokens (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    uid_key text COLLATE "C" NOT NULL CHECK (uid_key = lower(uid)),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    uid text COLLATE "C" NOT NULL CHECK (length(uid) BETWEEN 1 AND 255 AND uid !~ '[[:cntrl:]]'),
    type text NOT NULL CHECK (length(type) BETWEEN 1 AND 20),
    status text NOT NULL CHECK (status IN ('accepted', 'blocked', 'expired', 'invalid', 'no_credit')),
    group_uid text CHECK (length(group_uid) BETWEEN 1 AND 255 AND group_uid !~ '[[:cntrl:]]'),
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, uid_key)
);
CREATE INDEX tokens_in_order ON tokens (tenant_id, number);
COMMENT ON COLUMN tokens.uid_key IS 'OCPP compares tokens without case (identifierString, CiString)';
COMMENT ON COLUMN tokens.type IS 'OCPP 2.x IdTokenEnumType';

ALTER TABLE tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON tokens TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_ingest ON tokens FOR SELECT TO forecourt_ingest USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON tokens TO forecourt_app;
GRANT SELECT ON tokens TO forecourt_ingest;

-- Published: the decision about each token as OCPP 2.x words it, with the expiry already applied.
CREATE VIEW token_decisions WITH (security_invoker = true) AS
SELECT tenant_id, uid_key,
    CASE
        WHEN status = 'accepted' AND expires_at <= now() THEN 'Expired'
        WHEN status = 'accepted' THEN 'Accepted'
        WHEN status = 'blocked' THEN 'Blocked'
        WHEN status = 'expired' THEN 'Expired'
        WHEN status = 'invalid' THEN 'Invalid'
        ELSE 'NoCredit'
    END AS status,
    group_uid, expires_at
FROM tokens;
GRANT SELECT ON token_decisions TO forecourt_app, forecourt_ingest;
