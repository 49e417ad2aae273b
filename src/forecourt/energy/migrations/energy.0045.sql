-- A station that asks for its limit is answered by the row that it is recorded by, unless a planner is changing it.
-- depends: energy.0041

ALTER TABLE dynamic_profiles ADD COLUMN asked_at timestamptz;
COMMENT ON COLUMN dynamic_profiles.asked_at IS 'when its station asked last what it shall say, and was told';
CREATE POLICY by_ingest ON dynamic_profiles FOR UPDATE TO forecourt_ingest USING (true);
GRANT UPDATE (asked_at) ON dynamic_profiles TO forecourt_ingest;
