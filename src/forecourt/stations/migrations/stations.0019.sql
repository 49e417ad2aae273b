-- Calls that smart charging makes all day long are kept for a shorter time, and don't stand in a station's story.
-- depends: stations.0018

ALTER TABLE commands ADD COLUMN routine bool NOT NULL DEFAULT false;
COMMENT ON COLUMN commands.routine IS 'asked by a program again and again, without anybody''s doing';
CREATE INDEX commands_routine ON commands (asked_at) WHERE routine;
GRANT SELECT (routine) ON commands TO forecourt_worker;
