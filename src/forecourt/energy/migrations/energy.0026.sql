-- Whether stations hold what they were told: what each was asked last, and what it said.
-- depends: energy.0025

CREATE TABLE profile_checks (
    station_id bigint PRIMARY KEY,
    tenant_id int NOT NULL,
    request_id int GENERATED ALWAYS AS IDENTITY (START 1000000 MAXVALUE 2147483647 CYCLE),
    way text NOT NULL CHECK (way IN ('profiles', 'schedule')),
    asked_at timestamptz NOT NULL,
    answered_at timestamptz,
    settled_at timestamptz,
    status text,
    findings jsonb NOT NULL DEFAULT '[]'
);
COMMENT ON COLUMN profile_checks.way IS 'profiles: by GetChargingProfiles; schedule: by GetCompositeSchedule';
COMMENT ON COLUMN profile_checks.answered_at IS 'NULL: the report has not ended yet';
COMMENT ON COLUMN profile_checks.settled_at IS 'NULL: nobody has compared it yet';

-- What the check that is under way has brought so far.
CREATE TABLE held_profiles (
    station_id bigint NOT NULL REFERENCES profile_checks (station_id) ON DELETE CASCADE,
    evse int NOT NULL,
    profile_id bigint NOT NULL,
    tenant_id int NOT NULL,
    source text NOT NULL,
    profile jsonb NOT NULL,
    PRIMARY KEY (station_id, evse, profile_id)
);
COMMENT ON COLUMN held_profiles.profile IS 'as the neutral language has it';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['profile_checks', 'held_profiles']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_ingest ON %I TO forecourt_ingest USING (true)', t);
    END LOOP;
END
$policies$;
SELECT stations_hold_to_sites(held) FROM unnest(ARRAY['profile_checks', 'held_profiles']::regclass[]) held;
GRANT SELECT, INSERT, UPDATE, DELETE ON profile_checks TO forecourt_app;
GRANT SELECT, DELETE ON held_profiles TO forecourt_app;
GRANT SELECT, UPDATE (answered_at) ON profile_checks TO forecourt_ingest;
GRANT SELECT, INSERT, UPDATE ON held_profiles TO forecourt_ingest;
