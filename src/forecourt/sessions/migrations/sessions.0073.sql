-- What OCPP 2.x stations said of the charging in their transactions, and when: pauses are told by it as they were.
-- depends: sessions.0072

CREATE TABLE session_states (
    station_id bigint NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    order_key bigint NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (length(state) BETWEEN 1 AND 40),
    tenant_id int NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 0),
    at timestamptz NOT NULL,
    PRIMARY KEY (station_id, transaction_id, order_key, state)
);
COMMENT ON COLUMN session_states.seq IS 'the seqNo of the report that said it';
COMMENT ON COLUMN session_states.at IS 'since when it counts: the station''s time, or ours where that could not be believed';

-- What sessions that run said last, where their last report said it and so when.
ALTER TABLE sessions NO FORCE ROW LEVEL SECURITY;
INSERT INTO session_states (station_id, transaction_id, order_key, state, tenant_id, seq, at)
SELECT station_id, transaction_id, state_key, charging_state, tenant_id, state_key & ((1::bigint << 60) - 1), last_at
FROM sessions WHERE over_at IS NULL AND charging_state IS NOT NULL AND state_key = last_key;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;

ALTER TABLE session_states ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_states FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON session_states TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_ingest ON session_states TO forecourt_ingest USING (true);
SELECT stations_hold_to_sites('session_states');
GRANT SELECT ON session_states TO forecourt_app;
GRANT SELECT, INSERT ON session_states TO forecourt_ingest;
