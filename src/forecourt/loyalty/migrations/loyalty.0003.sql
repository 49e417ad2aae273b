-- What a refund takes back of what a session earned.
-- depends: loyalty.0002

ALTER TABLE loyalty_points ADD COLUMN paid bigint CHECK (paid > 0);
ALTER TABLE loyalty_points ADD COLUMN refunded bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0);
COMMENT ON COLUMN loyalty_points.paid IS 'for what it was earned, in minor units with taxes; null: all that was taken';
COMMENT ON COLUMN loyalty_points.refunded IS 'of that, what was given back and is taken off it already';

ALTER TABLE loyalty_moves DROP CONSTRAINT loyalty_moves_kind_check;
ALTER TABLE loyalty_moves ADD CONSTRAINT loyalty_moves_kind_check CHECK (kind IN ('used', 'lapsed', 'refunded'));
