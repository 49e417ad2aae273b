-- Cars that give back: what stations were told of it, how much may be fed in, and what it costs.
-- depends: energy.0036 sessions.0009

ALTER TABLE charging_orders ADD COLUMN gives_ma int NOT NULL DEFAULT 0 CHECK (gives_ma >= 0);
COMMENT ON COLUMN charging_orders.gives_ma IS 'what was to flow back on each conductor, for five minutes';
CREATE INDEX charging_orders_giving ON charging_orders (session_id) WHERE gives_ma > 0 AND accepted = false;

ALTER TABLE energy_sites
    ADD COLUMN feed_in_limit_w int NOT NULL DEFAULT 0 CHECK (feed_in_limit_w >= 0),
    ADD COLUMN car_wear_per_kwh numeric NOT NULL DEFAULT 0.05 CHECK (car_wear_per_kwh >= 0);
COMMENT ON COLUMN energy_sites.feed_in_limit_w IS 'what cars may feed into the grid beyond what the site itself takes';
