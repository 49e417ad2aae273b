-- What was measured of an excess may be the most that it can have been.
-- depends: energy.0056

ALTER TABLE node_excesses ADD COLUMN at_most bool NOT NULL DEFAULT false;
COMMENT ON COLUMN node_excesses.at_most IS 'cars told their power alone: measured is what flowed if all of each was on one conductor';
