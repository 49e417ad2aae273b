-- Published: the type of each plug, as far as somebody said so.
-- depends: pricing.0002

CREATE VIEW plug_types WITH (security_invoker = true) AS
SELECT tenant_id, station_id, evse, connector, connector_type, evse_kind FROM evse_plugs;
GRANT SELECT ON plug_types TO forecourt_app;
