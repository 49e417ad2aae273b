-- Who is limited to some sites sees the sessions there and no other.
-- depends: sessions.0002 sessions.0003 stations.0005

SELECT stations_hold_to_sites(held)
FROM unnest(ARRAY['sessions', 'meter_values', 'orphan_reports', 'remote_starts']::regclass[]) held;
