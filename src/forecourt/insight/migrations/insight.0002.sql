-- What of the lake is to be made anew, how far it is, and who is to be erased from it.
-- depends: insight.0001 sessions.0070 stations.0070 pricing.0070 drivers.0013 energy.0090 care.0070

-- Days of which a session came, changed or went since the lake was last written.
CREATE SEQUENCE lake_mark_numbers;
CREATE TABLE lake_marks (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    day date NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (tenant_id, day)
);
COMMENT ON COLUMN lake_marks.number IS 'another one each time the day is marked: a mark that was made meanwhile stays';

-- The latest snapshot of each organisation's lake, by which a folder is known to be that lake.
CREATE TABLE lakes (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    lake_id uuid NOT NULL,
    snapshot int NOT NULL,
    written_at timestamptz NOT NULL
);

-- Drivers that are to be, or were, erased from the lake, by pseudonyms, which lead to nobody.
CREATE TABLE lake_erasures (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    pseudonym text COLLATE "C" NOT NULL CHECK (length(pseudonym) = 32),
    asked_at timestamptz NOT NULL,
    done_at timestamptz,
    PRIMARY KEY (tenant_id, pseudonym)
);
CREATE INDEX lake_erasures_open ON lake_erasures (tenant_id) WHERE done_at IS NULL;

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['lake_marks', 'lakes', 'lake_erasures']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, UPDATE, DELETE ON lake_marks TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON lakes, lake_erasures TO forecourt_app;
GRANT USAGE ON SEQUENCE lake_mark_numbers TO forecourt_app;

-- Whoever may erase a driver needs it, also who is limited to some sites.
DROP POLICY of_the_whole ON pseudonym_keys;
