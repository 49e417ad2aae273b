-- Whether an EVSE stood still when it was told something, and since when that is known: what was measured before a station
-- said yes tells nothing of whether it obeys.
-- depends: energy.0058

ALTER TABLE charging_orders ADD COLUMN still_since timestamptz;
COMMENT ON COLUMN charging_orders.still_since IS
    'from when on it was measured to draw nothing when it was sent; NULL: it drew something, or nobody knew';
