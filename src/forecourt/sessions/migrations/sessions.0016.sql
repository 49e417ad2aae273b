-- Cars that named themselves at a station by their own address, so that a driver who pays there otherwise can say which
-- one is theirs. Kept where an organisation lets cars start by being plugged in, and for two days.
-- depends: sessions.0014 drivers.0010 stations.0013

CREATE TABLE cars_seen (
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    uid_key text COLLATE "C" NOT NULL CHECK (length(uid_key) BETWEEN 1 AND 255),
    uid text NOT NULL CHECK (length(uid) BETWEEN 1 AND 255),
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, station_id, uid_key)
);
CREATE INDEX cars_seen_by_age ON cars_seen (seen_at);
ALTER TABLE cars_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE cars_seen FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON cars_seen TO forecourt_app USING (tenant_id = forecourt_tenant());
SELECT stations_hold_to_sites('cars_seen');
CREATE POLICY of_ingest ON cars_seen TO forecourt_ingest USING (true);
GRANT SELECT ON cars_seen TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON cars_seen TO forecourt_ingest;
CREATE POLICY of_worker ON cars_seen TO forecourt_worker USING (true);
GRANT SELECT (tenant_id, station_id, uid_key, seen_at), DELETE ON cars_seen TO forecourt_worker;
