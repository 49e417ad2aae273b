-- Whether a station's meters sign, by its sessions.
-- depends: sessions.0071

CREATE INDEX session_signatures_of_station ON session_signatures (tenant_id, station_id) WHERE records > 0;
