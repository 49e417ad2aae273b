-- History that an operator brings: files of past sessions, kept so that the lake can always be made anew.
-- depends: access.0003 stations.0006

-- One row a run of an import. What it has done so far is committed with the rows of each batch.
CREATE TABLE imports (
    import_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    source text COLLATE "C" NOT NULL CHECK (source ~ '^[a-z0-9][a-z0-9._-]{0,62}$' AND source <> 'own'),
    file text NOT NULL CHECK (length(file) BETWEEN 1 AND 255),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    form text NOT NULL,
    found text[] NOT NULL,
    begun_at timestamptz NOT NULL,
    begun_by text NOT NULL,
    ended_at timestamptz,
    rows_done bigint NOT NULL DEFAULT 0 CHECK (rows_done >= 0),
    report jsonb NOT NULL
);
CREATE UNIQUE INDEX imports_begun ON imports (tenant_id, digest) WHERE ended_at IS NULL;
CREATE INDEX imports_in_order ON imports (tenant_id, number);
COMMENT ON COLUMN imports.digest IS 'SHA-256 of the file''s content and of all that decides how it is read';
COMMENT ON COLUMN imports.rows_done IS 'rows of the file that are settled: taken, there already or refused';
COMMENT ON COLUMN imports.report IS 'forecourt.insight.importing.model.Report, without what is kept apart';

CREATE TABLE import_refusals (
    import_id uuid NOT NULL REFERENCES imports (import_id) ON DELETE CASCADE,
    line bigint NOT NULL,
    tenant_id int NOT NULL,
    reason text NOT NULL,
    words text NOT NULL CHECK (length(words) <= 1000),
    energy_wh bigint,
    PRIMARY KEY (import_id, line)
);

-- A session of somebody else's records, once, whatever file it came in.
CREATE TABLE imported_sessions (
    tenant_id int NOT NULL,
    source text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL CHECK (length(source_id) BETWEEN 1 AND 210),
    import_id uuid NOT NULL REFERENCES imports (import_id),
    line bigint NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 16),
    station text COLLATE "C" NOT NULL,
    own_station bool NOT NULL,
    site text,
    evse text,
    connector_type text,
    zone text NOT NULL,
    driver text COLLATE "C",
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL CHECK (ended_at >= started_at),
    charging_ended_at timestamptz,
    energy_wh bigint CHECK (energy_wh >= 0),
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    excl_minor bigint,
    incl_minor bigint,
    tariff text,
    outcome text NOT NULL,
    stop_reason text,
    flags text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, source, source_id)
);
CREATE INDEX imported_sessions_by_time ON imported_sessions (tenant_id, started_at);
CREATE INDEX imported_sessions_of_import ON imported_sessions (import_id);
CREATE INDEX imported_sessions_of_driver ON imported_sessions (tenant_id, driver) WHERE driver IS NOT NULL;
COMMENT ON COLUMN imported_sessions.source_id IS 'the id that the file gives, else a digest of the row';
COMMENT ON COLUMN imported_sessions.own_station IS 'the station''s name is the identity of one that is registered here';
COMMENT ON COLUMN imported_sessions.driver IS 'a pseudonym; what the file called the driver is kept nowhere';

-- By which each organisation's drivers are given pseudonyms. It stays in this database, as what it hides does.
CREATE TABLE pseudonym_keys (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    key bytea NOT NULL CHECK (length(key) = 32)
);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['imports', 'import_refusals', 'imported_sessions', 'pseudonym_keys']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        -- History is of the whole organisation: who is limited to some sites has nothing to do with it.
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT ON imports, import_refusals, imported_sessions, pseudonym_keys TO forecourt_app;
GRANT DELETE ON imports, import_refusals, imported_sessions TO forecourt_app;
GRANT UPDATE (rows_done, report, ended_at) ON imports TO forecourt_app;
GRANT UPDATE (driver, flags) ON imported_sessions TO forecourt_app;

-- Organisations by number and name: whoever works for all of them, or for one that is named, then acts as it.
CREATE FUNCTION insight_tenants(OUT tenant_id int, OUT name text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT o.tenant_id, o.name FROM organisations o ORDER BY o.tenant_id $body$;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION insight_tenants() OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION insight_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION insight_tenants() TO forecourt_worker;
