-- Whose token it was when a session began, though it is nobody's, barred or forgotten by now.
-- depends: drivers.0010 drivers.0007

ALTER TABLE tokens ADD COLUMN barred_at timestamptz;
COMMENT ON COLUMN tokens.barred_at IS 'since when it is anything but accepted; NULL: it is accepted';
ALTER TABLE tokens NO FORCE ROW LEVEL SECURITY;
UPDATE tokens SET barred_at = updated_at WHERE status <> 'accepted';
ALTER TABLE tokens FORCE ROW LEVEL SECURITY;
CREATE FUNCTION drivers_bar_token() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NEW.status = 'accepted' THEN
        NEW.barred_at := NULL;
    ELSIF TG_OP = 'INSERT' OR OLD.status = 'accepted' THEN
        NEW.barred_at := now();
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER bar_token BEFORE INSERT OR UPDATE OF status ON tokens
    FOR EACH ROW EXECUTE FUNCTION drivers_bar_token();

CREATE TABLE driver_tokens_past (
    tenant_id int NOT NULL,
    uid_key text COLLATE "C" NOT NULL,
    driver_id bigint NOT NULL,
    attached_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL CHECK (until_at > attached_at),
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id)
);
CREATE INDEX driver_tokens_past_of_uid ON driver_tokens_past (tenant_id, uid_key);
CREATE INDEX driver_tokens_past_of_driver ON driver_tokens_past (tenant_id, driver_id, until_at);
COMMENT ON TABLE driver_tokens_past IS 'for sessions that are heard of late';
COMMENT ON COLUMN driver_tokens_past.until_at IS 'until when it was the driver''s and good by itself';
ALTER TABLE driver_tokens_past ENABLE ROW LEVEL SECURITY;
ALTER TABLE driver_tokens_past FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON driver_tokens_past TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_the_whole ON driver_tokens_past AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL);
CREATE POLICY of_driver ON driver_tokens_past AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_driver()) IS NULL OR driver_id = (SELECT forecourt_driver()));
GRANT SELECT, INSERT, DELETE ON driver_tokens_past TO forecourt_app;

-- Published: whose token it is or was, from when until when it was theirs and good by itself; NULL: it still is.
CREATE VIEW token_drivers WITH (security_invoker = true) AS
SELECT d.tenant_id, d.uid_key, d.driver_id, d.attached_at, least(k.barred_at, k.expires_at) AS until_at, true AS still
FROM driver_tokens d JOIN tokens k ON k.tenant_id = d.tenant_id AND k.uid_key = d.uid_key
UNION ALL
SELECT p.tenant_id, p.uid_key, p.driver_id, p.attached_at, p.until_at, false FROM driver_tokens_past p;
GRANT SELECT ON token_drivers TO forecourt_app;

-- The membership stays that of the session's start, too.
CREATE OR REPLACE VIEW token_subscriptions WITH (security_invoker = true) AS
SELECT d.tenant_id, d.uid_key, p.name AS subscription, greatest(s.began_at, d.attached_at) AS began_at,
    CASE WHEN d.still THEN s.ends_at ELSE least(s.ends_at, d.until_at) END AS ends_at
FROM token_drivers d
JOIN subscriptions s ON s.tenant_id = d.tenant_id AND s.driver_id = d.driver_id
JOIN subscription_plans p ON p.tenant_id = s.tenant_id AND p.plan_id = s.plan_id;
