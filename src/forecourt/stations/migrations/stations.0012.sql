-- What was read of a station's variables and done to many stations is seen by whoever sees the station.
-- depends: stations.0005 stations.0007

SELECT stations_hold_to_sites(held)
FROM unnest(ARRAY['station_variables', 'variable_readings', 'bulk_run_stations']::regclass[]) held;
CREATE POLICY of_sites ON bulk_runs AS RESTRICTIVE TO forecourt_app USING (
    (SELECT forecourt_sites()) IS NULL OR run_id IN (SELECT b.run_id FROM bulk_run_stations b)) WITH CHECK (true);
