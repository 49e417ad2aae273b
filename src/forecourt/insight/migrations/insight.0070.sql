-- Reports that are made on a schedule and sent by mail, each time they were made, and what was made.
-- depends: insight.0030

CREATE TABLE reports (
    report_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    parts text[] NOT NULL CHECK (cardinality(parts) BETWEEN 1 AND 20),
    site text COLLATE "C" NOT NULL CHECK (length(site) <= 210),
    covers text NOT NULL CHECK (covers IN ('week', 'month')),
    every text NOT NULL CHECK (every IN ('week', 'month')),
    day int NOT NULL CHECK (day BETWEEN 1 AND CASE every WHEN 'week' THEN 7 ELSE 31 END),
    hour int NOT NULL CHECK (hour BETWEEN 0 AND 23),
    forms text[] NOT NULL CHECK (cardinality(forms) BETWEEN 1 AND 2),
    recipients text[] NOT NULL CHECK (cardinality(recipients) <= 20),
    active bool NOT NULL,
    next_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    UNIQUE (tenant_id, report_id)
);
COMMENT ON COLUMN reports.parts IS 'forecourt.insight.dashboards.model.Family';
COMMENT ON COLUMN reports.site IS 'a slug; empty: the whole network';
COMMENT ON COLUMN reports.day IS 'of the week, 1 is Monday, or of the month; the last where a month has fewer';

-- One row each time. The same time is never due twice.
CREATE TABLE report_runs (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    report_id int NOT NULL,
    due_at timestamptz NOT NULL,
    by_hand bool NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'made', 'failed')),
    tries int NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    settled_at timestamptz,
    known_at timestamptz,
    reason text,
    UNIQUE (tenant_id, run_id),
    UNIQUE (report_id, due_at),
    FOREIGN KEY (tenant_id, report_id) REFERENCES reports (tenant_id, report_id) ON DELETE CASCADE,
    CHECK ((state = 'waiting') = (settled_at IS NULL)),
    CHECK ((state = 'failed') = (reason IS NOT NULL))
);
CREATE INDEX report_runs_waiting ON report_runs (tenant_id, next_at) WHERE state = 'waiting';
COMMENT ON COLUMN report_runs.known_at IS 'until when the lake knew, where it was asked';

CREATE TABLE report_files (
    tenant_id int NOT NULL,
    run_id bigint NOT NULL,
    form text NOT NULL CHECK (form IN ('pdf', 'xlsx')),
    name text NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (run_id, form),
    FOREIGN KEY (tenant_id, run_id) REFERENCES report_runs (tenant_id, run_id) ON DELETE CASCADE
);

-- A letter that was written, for its files are enclosed when it is sent: one to each recipient of a run.
CREATE TABLE report_letters (
    tenant_id int NOT NULL,
    run_id bigint NOT NULL,
    recipient text NOT NULL,
    letter_id uuid NOT NULL UNIQUE,
    PRIMARY KEY (run_id, recipient),
    FOREIGN KEY (tenant_id, run_id) REFERENCES report_runs (tenant_id, run_id) ON DELETE CASCADE
);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['reports', 'report_runs', 'report_files', 'report_letters']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        -- What is sent to anybody is the whole organisation's.
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, UPDATE, DELETE ON reports, report_runs, report_files, report_letters TO forecourt_app;
