-- How long a draw took to fall is kept of the first fall too: the slower of two counts. What was proven by the quicker
-- one is to be seen again.
-- depends: energy.0053

ALTER TABLE evse_obedience ADD COLUMN fell_s double precision NOT NULL DEFAULT 0;
COMMENT ON COLUMN evse_obedience.fell_s IS 'what the fall at fell_at tells of how long it takes to obey, in seconds; 0: there was none';
ALTER TABLE evse_obedience NO FORCE ROW LEVEL SECURITY;
UPDATE evse_obedience SET proven = false, fell_at = NULL WHERE proven OR fell_at IS NOT NULL;
ALTER TABLE evse_obedience FORCE ROW LEVEL SECURITY;
