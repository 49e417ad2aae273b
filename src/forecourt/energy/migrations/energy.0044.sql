-- A station takes a while to obey when priority ends.
-- depends: energy.0042

ALTER TABLE priority_asks ADD COLUMN ended_at timestamptz;
COMMENT ON COLUMN priority_asks.ended_at IS 'when its station said that it goes by its own profile no more';
GRANT UPDATE (ended_at) ON priority_asks TO forecourt_ingest;
