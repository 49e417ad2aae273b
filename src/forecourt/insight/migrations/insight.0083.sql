-- How often a study of new sites was begun, and when whoever chooses was last heard of; the worker looks for those
-- that nobody has in hand any more.
-- depends: insight.0082 insight.0060

ALTER TABLE siting_studies ADD COLUMN tries int NOT NULL DEFAULT 0, ADD COLUMN heard_at timestamptz;
COMMENT ON COLUMN siting_studies.begun_at IS 'when it was last begun';
COMMENT ON COLUMN siting_studies.heard_at IS 'of a running one, by whoever chooses; of a waiting one, when it was last offered';
CREATE INDEX siting_studies_open ON siting_studies (tenant_id, study_id) WHERE ended_at IS NULL;
CREATE POLICY of_worker ON siting_studies FOR SELECT TO forecourt_worker USING (true);
GRANT SELECT (tenant_id, study_id, state, made_at, heard_at, ended_at) ON siting_studies TO forecourt_worker;
