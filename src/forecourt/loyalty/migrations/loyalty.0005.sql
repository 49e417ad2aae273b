-- What refunds took of what a session earned, so that one that came to nothing gives as much again.
-- depends: loyalty.0004

ALTER TABLE loyalty_points ADD COLUMN back_points bigint NOT NULL DEFAULT 0 CHECK (back_points BETWEEN 0 AND points),
    ADD COLUMN back_wallet bigint NOT NULL DEFAULT 0 CHECK (back_wallet >= 0),
    ADD COLUMN turns int NOT NULL DEFAULT 0 CHECK (turns >= 0);
COMMENT ON COLUMN loyalty_points.back_points IS 'points of it that refunds took and that were not given again';
COMMENT ON COLUMN loyalty_points.back_wallet IS 'what refunds took out of the wallet for it and was not given again, in minor units';
COMMENT ON COLUMN loyalty_points.turns IS 'how often refunds took of it or gave again, so that each is posted once';

ALTER TABLE loyalty_moves DROP CONSTRAINT loyalty_moves_kind_check;
ALTER TABLE loyalty_moves ADD CONSTRAINT loyalty_moves_kind_check
    CHECK (kind IN ('used', 'lapsed', 'refunded', 'returned'));

ALTER TABLE loyalty_points NO FORCE ROW LEVEL SECURITY;
-- Of what was taken before this was kept: points in proportion, as far as they are missing and were not used, and
-- cashback but for what is still owed.
UPDATE loyalty_points SET
    back_points = greatest(least(points * least(refunded, paid) / paid, points - points_left - used), 0),
    back_wallet = greatest(cashback * least(refunded, paid) / paid - owed, 0)
WHERE refunded > 0 AND paid > 0;
ALTER TABLE loyalty_points FORCE ROW LEVEL SECURITY;
