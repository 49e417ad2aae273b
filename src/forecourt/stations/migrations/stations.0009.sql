-- What was asked of a station, by whom and with what, is written once; only what came of it changes.
-- depends: stations.0002

REVOKE UPDATE ON commands FROM forecourt_app;
GRANT UPDATE (outcome, answer, answered_at, password_hash) ON commands TO forecourt_app;
