-- What a station may hold of a desire beside what it said yes to last.
-- depends: stations.0019

ALTER TABLE desires ADD COLUMN sent jsonb, ADD COLUMN unsure jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN desires.sent IS 'what was sent last, as long as it is not known what came of it';
COMMENT ON COLUMN desires.unsure IS 'what was sent before or said yes to, and may still hold, since nobody knows what came of what followed';
