-- Variables as a station last told them, what is done to many stations at once, and indexes to find what is rare in the
-- message log.
-- depends: stations.0001

-- One row a configuration key (1.6) or an attribute of a variable (2.x). No secret is ever in `value`.
CREATE TABLE station_variables (
    station_id bigint NOT NULL,
    component text COLLATE "C" NOT NULL,
    variable text COLLATE "C" NOT NULL,
    attribute text COLLATE "C" NOT NULL,
    tenant_id int NOT NULL,
    value text,
    read_only bool NOT NULL,
    secret bool NOT NULL,
    unit text,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (station_id, component, variable, attribute)
);
COMMENT ON COLUMN station_variables.component IS
    'empty in 1.6; else Name, Name[instance], Name@evse or Name@evse.connector, as `variable` is Name or Name[instance]';

-- The last reading of all variables of a station. A 2.x station sends them afterwards, page by page, as NotifyReport.
CREATE TABLE variable_readings (
    station_id bigint PRIMARY KEY,
    tenant_id int NOT NULL,
    request_id int NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('reading', 'complete', 'incomplete', 'refused')),
    said text,
    variables int NOT NULL DEFAULT 0,
    ended_at timestamptz
);
CREATE SEQUENCE report_request_ids AS int MINVALUE 1 CYCLE;

-- One thing done to many stations, and what came of it at each.
CREATE TABLE bulk_runs (
    run_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    action text NOT NULL CHECK (action IN ('reset', 'registration', 'site')),
    argument text NOT NULL,
    actor text NOT NULL,
    asked_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'stopping', 'stopped', 'done')),
    began_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX bulk_runs_in_order ON bulk_runs (tenant_id, number);
COMMENT ON COLUMN bulk_runs.actor IS 'JSON of who asked, for whom the worker acts';
CREATE TABLE bulk_run_stations (
    run_id uuid NOT NULL REFERENCES bulk_runs (run_id),
    position int NOT NULL,
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    station text COLLATE "C" NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'working', 'done', 'refused', 'failed', 'unknown')),
    said text,
    began_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (run_id, position)
);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['station_variables', 'variable_readings', 'bulk_runs', 'bulk_run_stations']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, UPDATE, DELETE ON station_variables TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON variable_readings TO forecourt_app;
GRANT SELECT, INSERT ON bulk_runs, bulk_run_stations TO forecourt_app;
GRANT UPDATE (state, began_at, ended_at) ON bulk_runs TO forecourt_app;
GRANT UPDATE (state, said, began_at, ended_at) ON bulk_run_stations TO forecourt_app;
GRANT USAGE ON SEQUENCE report_request_ids TO forecourt_app;

-- On the parent alone: building them for the days that are there would hold up every writer for minutes. Each new day gets
-- them, and the old ones, which are walked meanwhile, are dropped in time. Frequent actions are left out: they are found at
-- once wherever one looks, and cost most to index.
CREATE INDEX messages_rare ON ONLY messages (station_id, action, number)
    WHERE action <> ALL (ARRAY['Heartbeat', 'MeterValues', 'StatusNotification', 'TransactionEvent']);
CREATE INDEX messages_deviating ON ONLY messages (station_id, number) WHERE deviations IS NOT NULL;
CREATE INDEX messages_refused ON ONLY messages (station_id, number) WHERE kind IN (0, 4, 5);
