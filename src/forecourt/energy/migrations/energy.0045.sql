-- A station is answered by the row that its limit is recorded by: locked, for a planner may be changing it.
-- depends: energy.0041

CREATE POLICY by_ingest ON dynamic_profiles FOR UPDATE TO forecourt_ingest USING (true);
GRANT UPDATE (order_id) ON dynamic_profiles TO forecourt_ingest;
