-- What came of a call is told more truly: surely not sent, or sent and nobody knows.
-- depends: stations.0009

ALTER TABLE commands DROP CONSTRAINT commands_outcome_check;
ALTER TABLE commands ADD CONSTRAINT commands_outcome_check CHECK (
    outcome IN ('sent', 'answered', 'error', 'offline', 'timeout', 'late', 'unsent', 'unknown')) NOT VALID;
