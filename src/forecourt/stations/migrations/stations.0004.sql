-- A station that is taken out of service is retired, not erased: sessions and messages keep pointing at it. Its identity
-- becomes free, so it is kept beside.
-- depends: stations.0001

ALTER TABLE stations ADD COLUMN retired_at timestamptz, ADD COLUMN retired_identity text COLLATE "C";
ALTER TABLE stations ALTER COLUMN identity DROP NOT NULL;
ALTER TABLE stations ADD CONSTRAINT stations_retired CHECK (
    (identity IS NULL) = (retired_at IS NOT NULL) AND (identity IS NULL) = (retired_identity IS NOT NULL)) NOT VALID;
CREATE INDEX stations_retired_of_tenant ON stations (tenant_id, retired_identity) WHERE retired_identity IS NOT NULL;
COMMENT ON COLUMN stations.identity IS 'by which it connects; NULL: retired, nothing finds it by a name any more';
COMMENT ON COLUMN stations.retired_identity IS 'what identity was; another station may have it now';

GRANT DELETE ON sites TO forecourt_app;

CREATE INDEX quarantine_of_tenant ON quarantine (tenant_id, quarantine_id);
