-- What was proven by the quicker of two falls is to be seen again, where whoever migrated saw no rows of it. Since then
-- every fall is kept with what it tells.
-- depends: energy.0057

ALTER TABLE evse_obedience NO FORCE ROW LEVEL SECURITY;
UPDATE evse_obedience SET proven = false, fell_at = NULL WHERE fell_s = 0 AND (proven OR fell_at IS NOT NULL);
ALTER TABLE evse_obedience FORCE ROW LEVEL SECURITY;
