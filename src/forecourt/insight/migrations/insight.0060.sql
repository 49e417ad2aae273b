-- How sites grow and where new ones go: what the operator says of it, and what was chosen.
-- depends: insight.0002

-- What is said for all sites, where `site` is '', and for one otherwise. A site is called as the lake calls it.
CREATE TABLE expansion_inputs (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    site text COLLATE "C" NOT NULL CHECK (length(site) <= 210),
    inputs jsonb NOT NULL,
    said_at timestamptz NOT NULL,
    said_by text NOT NULL,
    PRIMARY KEY (tenant_id, site)
);
COMMENT ON COLUMN expansion_inputs.inputs IS 'forecourt.insight.expansion.inputs.Inputs';

-- One row a study: scenarios that share places and demand, chosen by a job that can be stopped.
CREATE TABLE siting_studies (
    study_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'stopped', 'refused')),
    wanted jsonb NOT NULL,
    places jsonb NOT NULL,
    done int NOT NULL DEFAULT 0,
    every int NOT NULL,
    doing text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    begun_at timestamptz,
    stop_wanted bool NOT NULL DEFAULT false,
    ended_at timestamptz,
    reason text,
    report jsonb,
    CHECK ((state IN ('done', 'stopped', 'refused')) = (ended_at IS NOT NULL)),
    CHECK ((state = 'done') = (report IS NOT NULL))
);
CREATE INDEX siting_studies_in_order ON siting_studies (tenant_id, study_id);
COMMENT ON COLUMN siting_studies.wanted IS 'forecourt.insight.siting.study.Wanted';
COMMENT ON COLUMN siting_studies.places IS 'forecourt.insight.siting.model.Asked';
COMMENT ON COLUMN siting_studies.report IS 'forecourt.insight.siting.service.Report';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['expansion_inputs', 'siting_studies']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        -- Plans are of the whole organisation: who is limited to some sites has nothing to do with them.
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, UPDATE, DELETE ON expansion_inputs, siting_studies TO forecourt_app;
