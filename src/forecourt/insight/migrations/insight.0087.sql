-- Replacement of hardware: what people say was put in and taken out, and what replacing costs.
-- depends: insight.0084 stations.0073

CREATE TABLE hardware_changes (
    change_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    station_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('station', 'controller', 'power', 'cable')),
    evse int CHECK (evse BETWEEN 1 AND 1000),
    connector int CHECK (connector BETWEEN 1 AND 1000),
    happened_on date NOT NULL CHECK (happened_on >= '2000-01-01'),
    reason text NOT NULL CHECK (reason IN ('worn', 'defect', 'vandalism', 'accident', 'ahead', 'recall', 'upgrade',
        'commissioned')),
    note text CHECK (length(note) <= 500),
    said_at timestamptz NOT NULL,
    said_by text NOT NULL,
    CHECK ((evse IS NOT NULL) = (kind IN ('power', 'cable')) AND (connector IS NOT NULL) = (kind = 'cable'))
);
CREATE UNIQUE INDEX hardware_changes_once ON hardware_changes (tenant_id, station_id, kind, evse, connector, happened_on)
    NULLS NOT DISTINCT;
CREATE INDEX hardware_changes_in_order ON hardware_changes (tenant_id, happened_on DESC, number DESC);
COMMENT ON COLUMN hardware_changes.reason IS 'commissioned: put in, nothing was taken out; any other: taken out for it, and a new one put in';

CREATE TABLE replacement_inputs (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    inputs jsonb NOT NULL,
    said_at timestamptz NOT NULL,
    said_by text NOT NULL
);
COMMENT ON COLUMN replacement_inputs.inputs IS 'forecourt.insight.replacement.inputs.ReplacementInputs';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['hardware_changes', 'replacement_inputs']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    -- Who is limited to some sites sees and says what happened at their stations.
    PERFORM stations_hold_to_sites('hardware_changes');
END
$policies$;
GRANT SELECT, INSERT, DELETE ON hardware_changes TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON replacement_inputs TO forecourt_app;
