-- What stations are wanted to be, and how far they are.
-- depends: stations.0003 stations.0005 stations.0017

CREATE TABLE desires (
    station_id bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 64),
    tenant_id int NOT NULL,
    wanted jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    set_by text NOT NULL,
    wanted_at timestamptz NOT NULL,
    expires_at timestamptz,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sent', 'scheduled', 'reached', 'refused', 'unsupported', 'unreachable')),
    attempts int NOT NULL DEFAULT 0,
    refusals int NOT NULL DEFAULT 0,
    next_try_at timestamptz,
    in_flight_until timestamptz,
    sent_version bigint,
    last_command_id uuid,
    reported jsonb,
    reported_at timestamptz,
    why text,
    PRIMARY KEY (station_id, kind, key)
) WITH (fillfactor = 80);
COMMENT ON COLUMN desires.wanted IS 'as the kind spells it; JSON null: nothing of it shall be there';
COMMENT ON COLUMN desires.version IS 'counts the changes of what is wanted; `sent_version` is the one that was last sent';
COMMENT ON COLUMN desires.next_try_at IS 'when there is something to do, if only to forget it; NULL: not until something happens';
COMMENT ON COLUMN desires.in_flight_until IS 'until then it is in the hands of one who sends it, and of nobody else';
COMMENT ON COLUMN desires.why IS 'why it is not reached: a station''s own word, or the code of an error';
CREATE INDEX desires_due ON desires (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX desires_of_command ON desires (last_command_id) WHERE last_command_id IS NOT NULL;
CREATE INDEX desires_adrift ON desires (tenant_id, wanted_at) WHERE state <> 'reached';

ALTER TABLE desires ENABLE ROW LEVEL SECURITY;
ALTER TABLE desires FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON desires TO forecourt_app USING (tenant_id = forecourt_tenant());
-- Ingest looks which stations have any, the worker whose are due.
CREATE POLICY of_ingest ON desires FOR SELECT TO forecourt_ingest USING (true);
CREATE POLICY of_worker ON desires FOR SELECT TO forecourt_worker USING (true);
SELECT stations_hold_to_sites('desires');
GRANT SELECT, INSERT, UPDATE, DELETE ON desires TO forecourt_app;
GRANT SELECT (station_id, last_command_id) ON desires TO forecourt_ingest;
GRANT SELECT (tenant_id, next_try_at) ON desires TO forecourt_worker;
