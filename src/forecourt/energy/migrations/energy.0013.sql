-- Where signals are fetched from by themselves, and what plants give under a clear sky.
-- depends: energy.0012

-- One row a feed of a site. It is its own queue: `next_at` says when it is fetched, `lease_until` that somebody does.
CREATE TABLE energy_feeds (
    feed_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    site_id int NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    active bool NOT NULL DEFAULT true,
    source jsonb NOT NULL,
    secrets bytea,
    held text[] NOT NULL DEFAULT '{}',
    memory jsonb NOT NULL DEFAULT '{}',
    version int NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    next_at timestamptz NOT NULL,
    lease_until timestamptz,
    tried_at timestamptz,
    succeeded_at timestamptz,
    failed_at timestamptz,
    failure text,
    failure_detail text NOT NULL DEFAULT '',
    failures int NOT NULL DEFAULT 0,
    known_until timestamptz,
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE,
    UNIQUE (site_id, name)
);
CREATE INDEX energy_feeds_of_site ON energy_feeds (tenant_id, site_id);
CREATE INDEX energy_feeds_due ON energy_feeds (next_at) WHERE active;
COMMENT ON COLUMN energy_feeds.secrets IS 'sealed by the key of the deployment';
COMMENT ON COLUMN energy_feeds.held IS 'the names of the secrets';
COMMENT ON COLUMN energy_feeds.memory IS 'what it remembers between fetches: its registration, events it answered';
COMMENT ON COLUMN energy_feeds.failures IS 'since the last success';
COMMENT ON COLUMN energy_feeds.known_until IS 'how far the values reach without a hole';

-- What a plant gives under a clear sky, one row a day by UTC.
CREATE TABLE clear_skies (
    site_id int NOT NULL,
    plant text COLLATE "C" NOT NULL,
    day date NOT NULL,
    tenant_id int NOT NULL,
    of text NOT NULL,
    power_w int[] NOT NULL CHECK (array_length(power_w, 1) = 96),
    PRIMARY KEY (site_id, plant, day),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
COMMENT ON COLUMN clear_skies.of IS 'a digest of the plant and its place for which it was reckoned';
COMMENT ON COLUMN clear_skies.power_w IS 'at the middle of each quarter of an hour';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['energy_feeds', 'clear_skies']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL OR site_id IN (SELECT i.site_id FROM sites i))', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, UPDATE, DELETE ON energy_feeds, clear_skies TO forecourt_app;
-- The worker takes what is due of every organisation, and sees no more of it.
CREATE POLICY of_worker ON energy_feeds TO forecourt_worker USING (true);
GRANT SELECT (feed_id, tenant_id, active, next_at, lease_until) ON energy_feeds TO forecourt_worker;
GRANT UPDATE (lease_until) ON energy_feeds TO forecourt_worker;

-- A limit tells which feed said it, so that the feed can take it back.
ALTER TABLE node_limits ADD COLUMN feed_id int REFERENCES energy_feeds (feed_id) ON DELETE SET NULL;
CREATE INDEX node_limits_of_feed ON node_limits (feed_id) WHERE withdrawn_at IS NULL;
GRANT UPDATE (feed_id) ON node_limits TO forecourt_app;
