-- Sessions that are to draw no more than this, whatever there is: what was held for them is nearly used up.
-- depends: energy.0046 sessions.0014

CREATE TABLE session_caps (
    session_id uuid PRIMARY KEY,
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    max_w int NOT NULL CHECK (max_w > 0),
    why text NOT NULL CHECK (why IN ('held')),
    since timestamptz NOT NULL,
    said_by text NOT NULL
);
CREATE INDEX session_caps_of_station ON session_caps (station_id);
COMMENT ON COLUMN session_caps.max_w IS 'at the outlet; never less than the least that its EVSE can give';
COMMENT ON COLUMN session_caps.why IS 'held: what was held for the session is nearly used up';
ALTER TABLE session_caps ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_caps FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON session_caps TO forecourt_app USING (tenant_id = forecourt_tenant());
SELECT stations_hold_to_sites('session_caps');
GRANT SELECT, INSERT, DELETE ON session_caps TO forecourt_app;
GRANT UPDATE (max_w, why, since, said_by) ON session_caps TO forecourt_app;
