-- When values came that belong to no transaction: of what a car draws they tell as well, and whether they are of now
-- only our own clock knows.
-- depends: sessions.0080

ALTER TABLE meter_values ADD COLUMN arrived_at timestamptz;
COMMENT ON COLUMN meter_values.arrived_at IS
    'of values outside any transaction: when they came first, by our clock; NULL where they came before that was kept';
CREATE INDEX meter_values_apart ON meter_values (station_id, evse, arrived_at, at) WHERE arrived_at IS NOT NULL;
