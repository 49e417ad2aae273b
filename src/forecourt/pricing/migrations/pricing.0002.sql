-- What power a plug gives, as far as somebody said so.
-- depends: pricing.0001

ALTER TABLE evse_plugs ADD max_power_w int CHECK (max_power_w > 0);
COMMENT ON COLUMN evse_plugs.said_by IS 'who said so: somebody, or `station`, whose own word gives way to anybody''s';
