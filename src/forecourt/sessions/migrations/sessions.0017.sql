-- Connectors that are held for somebody for minutes: who else shows a token there is refused.
-- depends: sessions.0014 stations.0020

CREATE SEQUENCE reservation_ids AS int MINVALUE 1 MAXVALUE 2147483647 CYCLE;

CREATE TABLE reservations (
    reservation_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number int NOT NULL DEFAULT nextval('reservation_ids'),
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    station_id bigint NOT NULL,
    evse int NOT NULL CHECK (evse > 0),
    token_uid text COLLATE "C" NOT NULL CHECK (length(token_uid) BETWEEN 1 AND 255),
    token_type text COLLATE "C" NOT NULL CHECK (length(token_type) BETWEEN 1 AND 40),
    token_keys text[] COLLATE "C" NOT NULL CHECK (cardinality(token_keys) BETWEEN 1 AND 100),
    held_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL CHECK (until_at > held_at),
    extended bool NOT NULL DEFAULT false,
    ended_at timestamptz CHECK (ended_at >= held_at),
    how text CHECK (how IN ('used', 'lapsed', 'released', 'unusable')),
    at_station bool,
    said text CHECK (length(said) <= 100),
    CHECK ((ended_at IS NULL) = (how IS NULL))
);
COMMENT ON COLUMN reservations.number IS 'how the station knows it';
COMMENT ON COLUMN reservations.token_uid IS 'for which the station keeps it';
COMMENT ON COLUMN reservations.token_keys IS 'who may charge there meanwhile, as uids are compared';
COMMENT ON COLUMN reservations.extended IS 'it was made longer for a payment, which happens once';
COMMENT ON COLUMN reservations.at_station IS 'whether the station keeps it too; NULL: it was asked, and nobody knows';
COMMENT ON COLUMN reservations.said IS 'what the station answered';
-- One EVSE is held for one at a time, whoever holds it from wherever.
CREATE UNIQUE INDEX reservations_open ON reservations (station_id, evse) WHERE ended_at IS NULL;
CREATE INDEX reservations_in_time ON reservations (station_id, evse, held_at);
CREATE INDEX reservations_of_tenant ON reservations (tenant_id, until_at) WHERE ended_at IS NULL;

ALTER TABLE reservations ENABLE ROW LEVEL SECURITY;
ALTER TABLE reservations FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON reservations TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_ingest ON reservations FOR SELECT TO forecourt_ingest USING (true);
CREATE POLICY of_worker ON reservations TO forecourt_worker USING (true);
SELECT stations_hold_to_sites('reservations');
GRANT SELECT, INSERT ON reservations TO forecourt_app;
GRANT UPDATE (token_keys, until_at, extended, ended_at, how, at_station, said) ON reservations TO forecourt_app;
GRANT USAGE ON SEQUENCE reservation_ids TO forecourt_app;
GRANT SELECT (station_id, evse, token_keys, held_at, until_at, ended_at) ON reservations TO forecourt_ingest;
GRANT SELECT (reservation_id, ended_at), DELETE ON reservations TO forecourt_worker;
