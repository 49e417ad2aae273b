-- Imported history tells campaigns and tiers of loyalty what it knows, and its plugs by OCPI's names.
-- depends: insight.0084 pricing.0089 sessions.0082

-- Published: sessions of imported history by the pseudonyms of their drivers, and by where they were.
CREATE OR REPLACE VIEW imported_visits WITH (security_invoker = true) AS
SELECT tenant_id, driver, zone, started_at, energy_wh, currency, excl_minor, incl_minor FROM imported_sessions
WHERE driver IS NOT NULL;

CREATE VIEW imported_use WITH (security_invoker = true) AS
SELECT tenant_id, station, own_station, site, zone, started_at, energy_wh FROM imported_sessions;
COMMENT ON COLUMN imported_use.own_station IS 'the station is one that is registered here';
GRANT SELECT ON imported_use TO forecourt_app;

-- The lake of a form before makes all its days anew, so no day is marked for it.
ALTER TABLE imported_sessions NO FORCE ROW LEVEL SECURITY;
UPDATE imported_sessions SET connector_type = plain_connector_type(connector_type)
WHERE connector_type <> plain_connector_type(connector_type);
ALTER TABLE imported_sessions FORCE ROW LEVEL SECURITY;

-- Who was erased is forgotten once nothing could bring them back.
GRANT DELETE ON lake_erasures TO forecourt_app;
