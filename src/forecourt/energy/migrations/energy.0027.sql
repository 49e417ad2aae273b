-- A driver may ask for priority at the station itself.
-- depends: energy.0026

ALTER TABLE session_needs DROP CONSTRAINT session_needs_source_check;
ALTER TABLE session_needs ADD CONSTRAINT session_needs_source_check
    CHECK (source IN ('station', 'driver', 'api', 'iso15118', 'predicted'));
CREATE POLICY of_ingest ON session_needs TO forecourt_ingest USING (source = 'station');
GRANT SELECT, INSERT, DELETE ON session_needs TO forecourt_ingest;
GRANT UPDATE (wants, said_at, said_by) ON session_needs TO forecourt_ingest;
