-- Published: of which group drivers are: their fleet, else what the group of their token is called.
-- depends: drivers.0021

CREATE VIEW driver_fleets WITH (security_invoker = true) AS
SELECT m.tenant_id, m.fleet_id, m.driver_id, f.name AS fleet, m.joined_at
FROM fleet_members m JOIN fleets f ON f.tenant_id = m.tenant_id AND f.fleet_id = m.fleet_id;
COMMENT ON VIEW driver_fleets IS 'in which fleet drivers are, and since when';
GRANT SELECT ON driver_fleets TO forecourt_app;

CREATE VIEW session_fleets WITH (security_invoker = true) AS
SELECT s.tenant_id, s.session_id, f.name AS fleet
FROM fleet_sessions s JOIN fleets f ON f.tenant_id = s.tenant_id AND f.fleet_id = s.fleet_id;
COMMENT ON VIEW session_fleets IS 'of sessions on the account of a fleet, whoever has left it since';
GRANT SELECT ON session_fleets TO forecourt_app;

CREATE VIEW token_groups WITH (security_invoker = true) AS
SELECT tenant_id, uid_key, lower(group_uid COLLATE "C") AS group_key FROM tokens WHERE group_uid IS NOT NULL;
COMMENT ON VIEW token_groups IS 'groups in the form in which uids are compared';
GRANT SELECT ON token_groups TO forecourt_app;
