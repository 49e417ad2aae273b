-- Health of connectors: what each night found, alerts and what became of them, models and their contests.
-- depends: insight.0030 care.0070 stations.0070

-- What was found of an organisation's connectors as a whole, the latest time. Stations and sites are called as the lake
-- calls them.
CREATE TABLE connector_looks (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    looked_at timestamptz NOT NULL,
    seen_on date NOT NULL,
    model text NOT NULL,
    learned bool NOT NULL,
    threshold real NOT NULL,
    known int NOT NULL,
    unknown int NOT NULL,
    left_out int NOT NULL,
    failures int NOT NULL,
    foreseen int NOT NULL,
    drift jsonb
);
COMMENT ON COLUMN connector_looks.seen_on IS 'the last whole day (UTC) that was looked at';
COMMENT ON COLUMN connector_looks.learned IS 'false: the control chart stood in, and risks are shares of its threshold';
COMMENT ON COLUMN connector_looks.failures IS 'in the days that are looked back on; foreseen: of these, with an alert before';
COMMENT ON COLUMN connector_looks.drift IS 'the population stability index by sign; NULL: too few days';

CREATE TABLE connector_health (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    station text COLLATE "C" NOT NULL,
    evse int NOT NULL CHECK (evse > 0),
    site text COLLATE "C",
    seen_on date NOT NULL,
    standing text NOT NULL CHECK (standing IN ('known', 'few_days', 'down')),
    days int NOT NULL CHECK (days >= 0),
    kind text CHECK (kind IN ('gradual', 'sudden')),
    part text,
    risk real CHECK (risk >= 0),
    reasons jsonb NOT NULL DEFAULT '[]',
    recent real[] NOT NULL,
    PRIMARY KEY (tenant_id, station, evse),
    CHECK ((standing = 'known') = (risk IS NOT NULL))
);
COMMENT ON COLUMN connector_health.days IS 'of history, since it was new or mended';
COMMENT ON COLUMN connector_health.kind IS 'of one that is down: gradual if it was foreseen, else sudden; of others, what is told is gradual';
COMMENT ON COLUMN connector_health.reasons IS 'forecourt.insight.health.found.Reason, the strongest first';
COMMENT ON COLUMN connector_health.recent IS 'the risk of the days until then; null: nothing was known';

CREATE TABLE connector_alerts (
    alert_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    station text COLLATE "C" NOT NULL,
    evse int NOT NULL CHECK (evse > 0),
    site text COLLATE "C",
    opened_on date NOT NULL,
    opened_at timestamptz NOT NULL,
    part text NOT NULL,
    risk real NOT NULL,
    reasons jsonb NOT NULL,
    lead_d real,
    model text NOT NULL,
    closed_on date,
    closed_at timestamptz,
    ended_by text CHECK (ended_by IN ('calm', 'down', 'gone', 'said')),
    outcome text CHECK (outcome IN ('failed', 'held', 'worn', 'sound')),
    outcome_on date,
    outcome_by text,
    note text CHECK (length(note) <= 2000),
    CHECK ((closed_at IS NULL) = (closed_on IS NULL) AND (closed_at IS NULL) = (ended_by IS NULL)),
    CHECK ((outcome IS NULL) = (outcome_on IS NULL))
);
CREATE UNIQUE INDEX connector_alerts_open ON connector_alerts (tenant_id, station, evse) WHERE closed_at IS NULL;
CREATE INDEX connector_alerts_in_order ON connector_alerts (tenant_id, number);
COMMENT ON COLUMN connector_alerts.opened_on IS 'the day (UTC) at whose end it was known';
COMMENT ON COLUMN connector_alerts.lead_d IS 'days after which half of what such alerts foresaw had failed, on validation';
COMMENT ON COLUMN connector_alerts.ended_by IS 'calm: the risk went; down: it failed or was lost; gone: nothing is known of it; said: somebody was there';
COMMENT ON COLUMN connector_alerts.outcome IS 'failed, or held for the whole horizon; somebody found it worn and mended it, or sound';

-- Models that an organisation's own outcomes made, and the contests that they had to win.
CREATE TABLE connector_models (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    version text NOT NULL CHECK (length(version) BETWEEN 1 AND 40),
    made_at timestamptz NOT NULL,
    in_use bool NOT NULL,
    card jsonb NOT NULL,
    trees text NOT NULL CHECK (length(trees) <= 8000000),
    PRIMARY KEY (tenant_id, version)
);
CREATE UNIQUE INDEX connector_models_in_use ON connector_models (tenant_id) WHERE in_use;
COMMENT ON TABLE connector_models IS 'where none is in use, the one that ships with Forecourt is';

CREATE TABLE connector_contests (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    held_on date NOT NULL,
    held_at timestamptz NOT NULL,
    champion text NOT NULL,
    challenger text,
    won bool NOT NULL,
    told jsonb NOT NULL,
    PRIMARY KEY (tenant_id, held_on)
);
COMMENT ON COLUMN connector_contests.told IS 'forecourt.insight.health.contest.Contest: what each was worth on later days, and why it came out so';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['connector_looks', 'connector_health', 'connector_alerts', 'connector_models', 'connector_contests']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    -- Who is limited to some sites sees their connectors.
    FOREACH t IN ARRAY ARRAY['connector_health', 'connector_alerts']
    LOOP
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL OR site IN (SELECT i.slug FROM sites i))', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, UPDATE, DELETE ON connector_looks, connector_health, connector_models TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON connector_alerts TO forecourt_app;
GRANT UPDATE (closed_on, closed_at, ended_by, outcome, outcome_on, outcome_by, note) ON connector_alerts TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON connector_contests TO forecourt_app;

-- Published: EVSEs that wear, as long as an alert of them stands and their stations are in service.
CREATE VIEW wear_conditions WITH (security_invoker = true) AS
SELECT a.tenant_id, p.station_id, a.evse, a.alert_id, a.opened_at AS since, a.part, a.risk, a.lead_d, a.reasons
FROM connector_alerts a
JOIN station_places p ON p.tenant_id = a.tenant_id AND p.station = a.station AND p.retired_at IS NULL
WHERE a.closed_at IS NULL;
GRANT SELECT ON wear_conditions TO forecourt_app;
