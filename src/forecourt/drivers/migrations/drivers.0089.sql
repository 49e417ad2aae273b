-- Published: whom letters may be written to and who agreed to what, and how tokens are spelt.
-- depends: drivers.0022

CREATE VIEW active_accounts WITH (security_invoker = true) AS
SELECT tenant_id, driver_id, email, language FROM driver_accounts WHERE state = 'active';

CREATE VIEW driver_agreements WITH (security_invoker = true) AS
SELECT DISTINCT ON (tenant_id, driver_id, kind) tenant_id, driver_id, kind, given FROM driver_consents
ORDER BY tenant_id, driver_id, kind, said_at DESC;
COMMENT ON VIEW driver_agreements IS 'what each driver said last of each kind';

CREATE VIEW token_spellings WITH (security_invoker = true) AS
SELECT tenant_id, uid_key, uid FROM tokens;
GRANT SELECT ON active_accounts, driver_agreements, token_spellings TO forecourt_app;
