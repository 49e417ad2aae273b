-- Actions: what rules found in the lake, what people decided on it, and what came of it.
-- depends: insight.0030

CREATE TABLE insight_actions (
    action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    kind text NOT NULL CHECK (kind IN ('failing', 'blocking', 'idle', 'shift', 'underused', 'peak')),
    site text COLLATE "C" NOT NULL CHECK (length(site) <= 210),
    station text COLLATE "C" NOT NULL CHECK (length(station) <= 300),
    evse text COLLATE "C" NOT NULL CHECK (length(evse) <= 100),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'taken', 'dismissed')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    expected bigint NOT NULL,
    low bigint NOT NULL,
    high bigint NOT NULL,
    facts jsonb NOT NULL,
    raised_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by text,
    measured jsonb,
    CHECK (low <= expected AND expected <= high),
    CHECK ((state = 'open') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)),
    CHECK (measured IS NULL OR state <> 'open')
);
CREATE UNIQUE INDEX insight_actions_open ON insight_actions (tenant_id, kind, site, station, evse)
    WHERE state = 'open';
CREATE INDEX insight_actions_decided ON insight_actions (tenant_id, decided_at);
COMMENT ON COLUMN insight_actions.site IS 'as the lake calls it; empty: stations of no site';
COMMENT ON COLUMN insight_actions.expected IS 'minor units in 30 days; low and high are the ends of its interval';
COMMENT ON COLUMN insight_actions.facts IS 'numbers that the words of its rule are made of';
COMMENT ON COLUMN insight_actions.measured IS 'forecourt.insight.actions.model.Measured';

ALTER TABLE insight_actions ENABLE ROW LEVEL SECURITY;
ALTER TABLE insight_actions FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON insight_actions TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_sites ON insight_actions AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL OR site IN (SELECT i.slug FROM sites i));
GRANT SELECT, INSERT, DELETE ON insight_actions TO forecourt_app;
GRANT UPDATE (state, currency, expected, low, high, facts, seen_at, decided_at, decided_by, measured)
    ON insight_actions TO forecourt_app;
