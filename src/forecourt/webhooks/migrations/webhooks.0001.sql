-- Who outside wants to hear what, what was told, and how each try went.
-- depends: access.0001

CREATE TABLE webhooks (
    webhook_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    description text NOT NULL DEFAULT '' CHECK (length(description) <= 200),
    events text[] NOT NULL CHECK (cardinality(events) BETWEEN 1 AND 50),
    active bool NOT NULL DEFAULT true,
    paused_at timestamptz,
    pause_reason text CHECK (pause_reason IN ('gone', 'failing', 'backlog')),
    secret bytea NOT NULL,
    former_secret bytea,
    former_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, webhook_id)
);
COMMENT ON COLUMN webhooks.active IS 'switched off by a person; paused_at: by us, because nothing gets through';
COMMENT ON COLUMN webhooks.secret IS 'sealed by the secret key of the deployment';
COMMENT ON COLUMN webhooks.former_secret IS 'signs as well until former_until';

-- One row an event as it is told, to however many. `event_id` is made from what it says: the same said again is no news.
CREATE TABLE webhook_events (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    event_id uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    at timestamptz NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (tenant_id, event_id)
);
CREATE INDEX webhook_events_by_age ON webhook_events (kind, at);

CREATE TABLE webhook_deliveries (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    webhook_id int NOT NULL,
    event_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'held', 'delivered', 'failed')),
    test bool NOT NULL DEFAULT false,
    tries int NOT NULL DEFAULT 0,
    attempts int NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    UNIQUE (webhook_id, event_id),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, webhook_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, event_id) REFERENCES webhook_events (tenant_id, event_id) ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_unsettled ON webhook_deliveries (webhook_id) WHERE state IN ('waiting', 'held');
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries (webhook_id, delivery_id);
CREATE INDEX webhook_deliveries_of_event ON webhook_deliveries (tenant_id, event_id);
COMMENT ON COLUMN webhook_deliveries.tries IS 'since it was last put in line; decides when the next one is';
COMMENT ON COLUMN webhook_deliveries.attempts IS 'ever';
COMMENT ON COLUMN webhook_deliveries.state IS 'held: its webhook is paused';

CREATE TABLE webhook_attempts (
    delivery_id bigint NOT NULL REFERENCES webhook_deliveries (delivery_id) ON DELETE CASCADE,
    number int NOT NULL,
    tenant_id int NOT NULL,
    at timestamptz NOT NULL,
    duration_ms int NOT NULL,
    status int,
    error text,
    answer text NOT NULL DEFAULT '',
    PRIMARY KEY (delivery_id, number)
);
COMMENT ON COLUMN webhook_attempts.answer IS 'the first bytes of what came back';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['webhooks', 'webhook_events', 'webhook_deliveries', 'webhook_attempts']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_worker ON %I TO forecourt_worker USING (true)', t);
    END LOOP;
    CREATE POLICY of_ingest ON webhooks FOR SELECT TO forecourt_ingest USING (true);
END
$policies$;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks TO forecourt_app;
GRANT SELECT, INSERT ON webhook_events TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON webhook_deliveries TO forecourt_app;
GRANT SELECT, INSERT ON webhook_attempts TO forecourt_app;
-- The sender takes what is due of every organisation; what comes of it is written as that organisation.
GRANT SELECT ON webhooks TO forecourt_worker;
GRANT SELECT, DELETE ON webhook_events TO forecourt_worker;
GRANT SELECT ON webhook_deliveries TO forecourt_worker;
GRANT UPDATE (next_at, tries, attempts) ON webhook_deliveries TO forecourt_worker;
GRANT SELECT (tenant_id, events, active) ON webhooks TO forecourt_ingest;

-- Published: what anybody outside wants to hear of. An event that is in nobody's list need not be written.
CREATE VIEW followed_events WITH (security_invoker = true) AS
SELECT w.tenant_id, followed.event FROM webhooks w CROSS JOIN LATERAL unnest(w.events) AS followed (event)
WHERE w.active;
GRANT SELECT ON followed_events TO forecourt_app, forecourt_ingest, forecourt_worker;
