-- Forecasts of sites and of the network, night by night, and by what they are made.
-- depends: insight.0002 stations.0005

-- What each series is forecast by, or why it isn't. A site is called as the lake calls it, the whole network ''.
CREATE TABLE forecast_choices (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    site text COLLATE "C" NOT NULL CHECK (length(site) <= 210),
    target text NOT NULL CHECK (target IN ('energy', 'occupancy', 'arrivals')),
    name text,
    zone text NOT NULL,
    seen_on date NOT NULL,
    chosen_on date,
    reason text,
    recipe jsonb,
    judged jsonb,
    recent real[] NOT NULL,
    PRIMARY KEY (tenant_id, site, target),
    CHECK ((recipe IS NULL) = (judged IS NULL) AND (recipe IS NULL) = (chosen_on IS NULL)),
    CHECK ((recipe IS NULL) = (reason IS NOT NULL))
);
COMMENT ON COLUMN forecast_choices.seen_on IS 'the day, by the clock of the zone, until whose beginning the past was known';
COMMENT ON COLUMN forecast_choices.recent IS 'what came in the hours before that day, by the clock of the zone; null: not known';
COMMENT ON COLUMN forecast_choices.recipe IS 'forecourt.insight.forecast.recipe.BandRecipe, one a band';
COMMENT ON COLUMN forecast_choices.judged IS 'forecourt.insight.forecast.model.Judged: what the backtest found';

-- The hours from the beginning of a day on, by the clock of the zone.
CREATE TABLE forecasts (
    tenant_id int NOT NULL,
    site text COLLATE "C" NOT NULL,
    target text NOT NULL,
    begins_on date NOT NULL,
    zone text NOT NULL,
    expected real[] NOT NULL,
    low real[] NOT NULL,
    middle real[] NOT NULL,
    high real[] NOT NULL,
    PRIMARY KEY (tenant_id, site, target, begins_on),
    FOREIGN KEY (tenant_id, site, target) REFERENCES forecast_choices ON DELETE CASCADE,
    CHECK (cardinality(expected) BETWEEN 1 AND 168 AND cardinality(low) = cardinality(expected)
        AND cardinality(middle) = cardinality(expected) AND cardinality(high) = cardinality(expected))
);
COMMENT ON TABLE forecasts IS 'in kWh, plugs taken on average, or cars that come, an hour';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['forecast_choices', 'forecasts']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        -- Who is limited to some sites sees theirs, and not the network.
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL OR site IN (SELECT i.slug FROM sites i))', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, UPDATE, DELETE ON forecast_choices, forecasts TO forecourt_app;
