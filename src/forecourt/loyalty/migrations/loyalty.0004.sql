-- What of a lot was used, and what a refund of its session has still to take out of the wallet.
-- depends: loyalty.0003

ALTER TABLE loyalty_points ADD COLUMN used bigint NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND points);
ALTER TABLE loyalty_points ADD COLUMN used_minor bigint NOT NULL DEFAULT 0 CHECK (used_minor BETWEEN 0 AND minor);
ALTER TABLE loyalty_points ADD COLUMN owed bigint NOT NULL DEFAULT 0 CHECK (owed >= 0);
COMMENT ON COLUMN loyalty_points.used IS 'points of it that became money in the wallet; used_minor: so much';
COMMENT ON COLUMN loyalty_points.owed IS 'what refunds take out of the wallet once what is held there comes free, in minor units';
CREATE INDEX loyalty_points_owed ON loyalty_points (tenant_id, driver_id) WHERE owed > 0;

ALTER TABLE loyalty_points NO FORCE ROW LEVEL SECURITY;
-- What is missing of a lot that has not lapsed, and was not taken back, was used.
UPDATE loyalty_points SET used = gone, used_minor = minor * gone / points
FROM (SELECT lot_id AS lot, points - points_left - points * least(refunded, paid) / paid AS gone FROM loyalty_points
      WHERE points > 0 AND paid IS NOT NULL AND expires_at > now()
      UNION ALL SELECT lot_id, points - points_left FROM loyalty_points
      WHERE points > 0 AND paid IS NULL AND refunded = 0 AND expires_at > now()) found
WHERE lot = lot_id AND gone > 0;
ALTER TABLE loyalty_points FORCE ROW LEVEL SECURITY;
