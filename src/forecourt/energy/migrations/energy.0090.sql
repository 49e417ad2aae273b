-- Published: prices of the day ahead and CO2 intensities by zone.
-- depends: energy.0048

CREATE VIEW signal_values WITH (security_invoker = true) AS
SELECT tenant_id, kind, zone, start_at, minutes, value, currency, source, fetched_at FROM signal_series;
COMMENT ON COLUMN signal_values.value IS 'price: of a kWh in the currency; co2: grams of a kWh';
GRANT SELECT ON signal_values TO forecourt_app;
