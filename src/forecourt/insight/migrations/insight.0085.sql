-- Imported history may tell of which group of drivers a session is, and the lake tells it of recorded ones.
-- depends: insight.0084 drivers.0022

ALTER TABLE imported_sessions ADD COLUMN driver_group text;
COMMENT ON COLUMN imported_sessions.driver_group IS 'as the file calls it: a fleet';
GRANT UPDATE (driver_group) ON imported_sessions TO forecourt_app;
