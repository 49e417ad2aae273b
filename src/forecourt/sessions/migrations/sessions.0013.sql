-- What the signed meter values of each session prove, and the keys of the meters.
-- depends: sessions.0008 access.0007

-- The public key by which the records of a meter are checked from a moment on. Rows are never changed: a meter that is
-- exchanged gets another.
CREATE TABLE meter_keys (
    station_id bigint NOT NULL,
    evse int NOT NULL,
    since timestamptz NOT NULL,
    tenant_id int NOT NULL,
    public_key text COLLATE "C" NOT NULL,
    source text NOT NULL CHECK (source IN ('operator', 'station')),
    said_by text NOT NULL,
    said_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (station_id, evse, since)
);
COMMENT ON COLUMN meter_keys.public_key IS 'hex of the DER of a SubjectPublicKeyInfo';
COMMENT ON COLUMN meter_keys.source IS 'station: it said the key itself, and the first one it said counts';

CREATE TABLE session_signatures (
    session_id uuid PRIMARY KEY,
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    trust text NOT NULL CHECK (trust IN ('none', 'verified', 'unproven', 'broken')),
    flaws text[] NOT NULL,
    energy_wh bigint,
    begin_wh bigint,
    end_wh bigint,
    meter text,
    public_key text COLLATE "C",
    records int NOT NULL,
    held bool NOT NULL,
    released_by text,
    released_at timestamptz,
    release_reason text,
    checked_at timestamptz NOT NULL
);
COMMENT ON COLUMN session_signatures.held IS 'nothing may be billed until somebody releases it';
CREATE INDEX session_signatures_held ON session_signatures (tenant_id) WHERE held AND released_at IS NULL;

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['meter_keys', 'session_signatures']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        PERFORM stations_hold_to_sites(t::regclass);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT ON meter_keys TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON session_signatures TO forecourt_app;
