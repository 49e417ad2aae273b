-- Since when a session's connector was held for its driver, which its tariff may price.
-- depends: sessions.0072

ALTER TABLE session_costs ADD COLUMN reserved_at timestamptz;
COMMENT ON COLUMN session_costs.reserved_at IS 'since when the connector was held for its driver; NULL: it was not';
