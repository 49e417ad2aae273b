-- Cards that drivers leave without paying, cards that the provider is to forget, and card readers.
-- depends: payments.0011 payments.0004 stations.0013

-- A page of the provider on which somebody leaves a card. Nothing is held by it: one that nobody finishes runs out.
CREATE TABLE payment_setups (
    setup_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    payer text COLLATE "C" NOT NULL CHECK (length(payer) BETWEEN 1 AND 100),
    account_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL UNIQUE,
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'open', 'kept', 'over')),
    reference text COLLATE "C",
    page_url text,
    customer text COLLATE "C",
    method_id uuid,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    next_at timestamptz,
    UNIQUE (tenant_id, setup_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES payment_accounts (tenant_id, account_id),
    CHECK ((state IN ('kept', 'over')) = (ended_at IS NOT NULL))
);
CREATE INDEX payment_setups_of_payer ON payment_setups (tenant_id, payer, created_at);
CREATE INDEX payment_setups_by_age ON payment_setups (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX payment_setups_due ON payment_setups (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX payment_setups_by_reference ON payment_setups (reference) WHERE reference IS NOT NULL;
COMMENT ON COLUMN payment_setups.state IS 'asked: of the provider; open: the page waits; kept: a card was left; over: none was';
COMMENT ON COLUMN payment_setups.next_at IS 'when it is looked at again; NULL: it is over';

ALTER TABLE payment_methods ADD COLUMN drop_at timestamptz, ADD COLUMN forgotten bool NOT NULL DEFAULT false;
CREATE INDEX payment_methods_to_drop ON payment_methods (drop_at) WHERE drop_at IS NOT NULL;
COMMENT ON COLUMN payment_methods.drop_at IS 'when the provider is next asked to forget it; NULL: there is nothing to ask';
COMMENT ON COLUMN payment_methods.forgotten IS 'its driver was erased: the row goes once the provider has forgotten it';

-- Readers that the provider drives for us, and where they stand.
CREATE TABLE card_readers (
    reader_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    account_id uuid NOT NULL,
    reference text COLLATE "C" NOT NULL CHECK (reference ~ '^[A-Za-z0-9_]{1,100}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    site_id int NOT NULL,
    only_station_id bigint,
    created_at timestamptz NOT NULL,
    removed_at timestamptz,
    UNIQUE (tenant_id, reader_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES payment_accounts (tenant_id, account_id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id)
);
CREATE UNIQUE INDEX card_readers_once ON card_readers (tenant_id, account_id, reference) WHERE removed_at IS NULL;
CREATE INDEX card_readers_in_order ON card_readers (tenant_id, name, reader_id) WHERE removed_at IS NULL;
COMMENT ON COLUMN card_readers.reference IS 'what the provider calls it';
COMMENT ON COLUMN card_readers.only_station_id IS 'NULL: it serves all stations of the site and of those below it';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['payment_setups', 'card_readers']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
END
$policies$;
CREATE POLICY of_the_whole ON payment_setups AS RESTRICTIVE TO forecourt_app USING ((SELECT forecourt_sites()) IS NULL);
CREATE POLICY of_sites ON card_readers AS RESTRICTIVE TO forecourt_app USING ((SELECT forecourt_sites()) IS NULL
    OR site_id IN (SELECT i.site_id FROM sites i));
GRANT SELECT, INSERT, UPDATE, DELETE ON payment_setups TO forecourt_app;
GRANT SELECT, INSERT, UPDATE ON card_readers TO forecourt_app;

-- The worker takes what is due of every organisation, and sees nothing else of it.
CREATE POLICY of_worker ON payment_setups TO forecourt_worker USING (true);
GRANT SELECT (tenant_id, setup_id, next_at, ended_at), UPDATE (next_at), DELETE ON payment_setups TO forecourt_worker;
CREATE POLICY of_worker ON payment_methods TO forecourt_worker USING (true);
GRANT SELECT (tenant_id, method_id, drop_at), UPDATE (drop_at) ON payment_methods TO forecourt_worker;

-- By what it forgets old webhooks: their own names.
GRANT SELECT (account_id, event) ON payment_hooks TO forecourt_worker;

-- A webhook of the deployment's account may be about a page on which a card is left.
CREATE POLICY of_lookup ON payment_setups FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (setup_id, tenant_id, account_id, reference) ON payment_setups TO forecourt_lookup;

CREATE FUNCTION payments_setup_of_deployment(setup uuid, said text, OUT tenant_id int, OUT account_id uuid)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT s.tenant_id, s.account_id FROM payment_setups s JOIN payment_accounts a USING (account_id)
    WHERE NOT a.own AND (s.setup_id = setup OR (setup IS NULL AND s.reference = said))
    LIMIT 1
$body$;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION payments_setup_of_deployment(uuid, text) OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION payments_setup_of_deployment(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION payments_setup_of_deployment(uuid, text) TO forecourt_app;
