-- Accounts at payment providers, payments with every call that was made for them, and what providers hinted at.
-- depends: stations.0013 sessions.0006 access.0003

CREATE TABLE payment_accounts (
    account_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    name text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    provider text NOT NULL CHECK (provider IN ('stripe', 'adyen')),
    own bool NOT NULL,
    sealed bytea,
    active bool NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, account_id),
    CHECK (own = (sealed IS NOT NULL))
);
CREATE UNIQUE INDEX payment_accounts_shared ON payment_accounts (tenant_id) WHERE NOT own;
COMMENT ON COLUMN payment_accounts.own IS 'the organisation''s; else the deployment''s, whose keys are settings';
COMMENT ON COLUMN payment_accounts.sealed IS 'its keys, sealed by the secret key of the deployment';

-- A payment. What it is for, how far it is, and what the provider calls it.
CREATE TABLE payment_intents (
    intent_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    purpose text NOT NULL CHECK (purpose IN ('session', 'top_up', 'debt')),
    method text NOT NULL CHECK (method IN ('hosted', 'saved', 'reader', 'wallet', 'invoice')),
    state text NOT NULL CHECK (state IN ('hold_requested', 'authorised', 'capturing', 'captured', 'settled', 'refunded',
        'disputed', 'releasing', 'released', 'failed', 'expired', 'abandoned')),
    account_id uuid,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    hold_amount bigint NOT NULL CHECK (hold_amount > 0),
    authorised_amount bigint NOT NULL DEFAULT 0 CHECK (authorised_amount >= 0),
    billed_amount bigint CHECK (billed_amount >= 0),
    captured_amount bigint NOT NULL DEFAULT 0 CHECK (captured_amount >= 0),
    refunded_amount bigint NOT NULL DEFAULT 0 CHECK (refunded_amount BETWEEN 0 AND captured_amount),
    owed_amount bigint NOT NULL DEFAULT 0 CHECK (owed_amount >= 0),
    reference text COLLATE "C",
    page_reference text COLLATE "C",
    page_url text,
    return_url text,
    capture_before timestamptz,
    may_increment bool NOT NULL DEFAULT false,
    per_hour bigint NOT NULL DEFAULT 0,
    card jsonb,
    saved jsonb,
    reader text,
    customer text,
    email text,
    language text NOT NULL DEFAULT 'en' CHECK (language ~ '^[a-z]{2,3}$'),
    payer text COLLATE "C" CHECK (length(payer) BETWEEN 1 AND 100),
    station_id bigint,
    evse int,
    token_uid text COLLATE "C",
    tariff_id uuid,
    tariff_version int,
    session_id uuid,
    authorised_at timestamptz,
    start_asked_at timestamptz,
    stop_asked_at timestamptz,
    stop_reason text,
    ends_as text CHECK (ends_as IN ('released', 'failed', 'expired', 'abandoned')),
    reason text,
    hold_said jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    read_at timestamptz,
    next_at timestamptz,
    UNIQUE (tenant_id, intent_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES payment_accounts (tenant_id, account_id),
    CHECK (captured_amount <= authorised_amount)
);
CREATE UNIQUE INDEX payment_intents_of_session ON payment_intents (session_id) WHERE session_id IS NOT NULL
    AND purpose = 'session';
CREATE UNIQUE INDEX payment_intents_of_token ON payment_intents (tenant_id, lower(token_uid)) WHERE token_uid IS NOT NULL;
CREATE INDEX payment_intents_in_order ON payment_intents (tenant_id, number);
CREATE INDEX payment_intents_by_reference ON payment_intents (tenant_id, reference) WHERE reference IS NOT NULL;
CREATE INDEX payment_intents_due ON payment_intents (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX payment_intents_owed ON payment_intents (tenant_id, payer) WHERE owed_amount > 0;
COMMENT ON COLUMN payment_intents.hold_said IS 'how the hold was sized, as the driver was told';
COMMENT ON COLUMN payment_intents.page_reference IS 'what the provider called it before somebody paid';
COMMENT ON COLUMN payment_intents.per_hour IS 'the most that an hour of the session may cost';
COMMENT ON COLUMN payment_intents.payer IS 'driver:<id> or fleet:<id>; NULL: nobody that is known';
COMMENT ON COLUMN payment_intents.ends_as IS 'what giving back the hold ends in';
COMMENT ON COLUMN payment_intents.next_at IS 'when it is looked at again; NULL: it is final';

-- Every call that changes something at a provider, with its key, committed before it is made.
CREATE TABLE payment_calls (
    call_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id int NOT NULL,
    intent_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('hold', 'increment', 'capture', 'cancel', 'refund', 'charge')),
    key text COLLATE "C" NOT NULL UNIQUE,
    amount bigint NOT NULL CHECK (amount >= 0),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed')),
    tries int NOT NULL DEFAULT 0,
    asked_by text,
    said text CHECK (length(said) <= 500),
    reason text,
    reference text COLLATE "C",
    asked_at timestamptz NOT NULL,
    ended_at timestamptz,
    next_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, intent_id) REFERENCES payment_intents (tenant_id, intent_id),
    CHECK ((state = 'open') = (ended_at IS NULL))
);
CREATE INDEX payment_calls_of_intent ON payment_calls (intent_id, number);
-- Of a payment one call is in the air at a time; refunds stand beside it.
CREATE UNIQUE INDEX payment_calls_open ON payment_calls (intent_id) WHERE state = 'open' AND kind <> 'refund';
COMMENT ON COLUMN payment_calls.said IS 'why somebody asked for it';
COMMENT ON COLUMN payment_calls.reason IS 'why it failed';

-- What happened to a payment, in the order in which it was found out.
CREATE TABLE payment_steps (
    step_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    intent_id uuid NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    amount bigint,
    detail text,
    by text,
    FOREIGN KEY (tenant_id, intent_id) REFERENCES payment_intents (tenant_id, intent_id)
);
CREATE INDEX payment_steps_of_intent ON payment_steps (intent_id, step_id);

-- Webhooks of providers as they came, each once.
CREATE TABLE payment_hooks (
    account_id uuid NOT NULL,
    event text COLLATE "C" NOT NULL CHECK (length(event) BETWEEN 1 AND 255),
    tenant_id int NOT NULL,
    kind text NOT NULL,
    body bytea NOT NULL,
    intent_id uuid,
    received_at timestamptz NOT NULL,
    heeded_at timestamptz,
    PRIMARY KEY (account_id, event),
    FOREIGN KEY (tenant_id, account_id) REFERENCES payment_accounts (tenant_id, account_id)
);
CREATE INDEX payment_hooks_by_age ON payment_hooks (received_at);

-- Ways to pay that drivers left with a provider. No number is here but the last four digits.
CREATE TABLE payment_methods (
    method_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id int NOT NULL,
    payer text COLLATE "C" NOT NULL CHECK (length(payer) BETWEEN 1 AND 100),
    account_id uuid NOT NULL,
    customer text COLLATE "C" NOT NULL,
    method text COLLATE "C" NOT NULL,
    card jsonb,
    created_at timestamptz NOT NULL,
    removed_at timestamptz,
    FOREIGN KEY (tenant_id, account_id) REFERENCES payment_accounts (tenant_id, account_id),
    UNIQUE (tenant_id, account_id, method)
);
CREATE INDEX payment_methods_of_payer ON payment_methods (tenant_id, payer) WHERE removed_at IS NULL;

-- Holds that need no provider: on a wallet, or on the limit of who pays by invoice. Keys as a provider keeps them.
CREATE TABLE payment_book_holds (
    reference uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id int NOT NULL,
    intent text COLLATE "C" NOT NULL,
    payer text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('wallet', 'invoice')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    state text NOT NULL CHECK (state IN ('authorised', 'captured', 'cancelled')),
    authorised bigint NOT NULL CHECK (authorised > 0),
    captured bigint NOT NULL DEFAULT 0 CHECK (captured BETWEEN 0 AND authorised),
    refunds jsonb NOT NULL DEFAULT '[]',
    key text COLLATE "C" NOT NULL UNIQUE,
    made_at timestamptz NOT NULL
);
CREATE INDEX payment_book_holds_of_payer ON payment_book_holds (tenant_id, payer) WHERE state <> 'cancelled';

-- What who pays by invoice may owe at most.
CREATE TABLE payment_limits (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    payer text COLLATE "C" NOT NULL CHECK (length(payer) BETWEEN 1 AND 100),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    most bigint NOT NULL CHECK (most >= 0),
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, payer, currency)
);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['payment_accounts', 'payment_intents', 'payment_calls', 'payment_steps', 'payment_hooks',
                             'payment_methods', 'payment_book_holds', 'payment_limits']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    -- What a site-limited person sees of a payment hangs on its station; the rest is the whole organisation's.
    FOREACH t IN ARRAY ARRAY['payment_hooks', 'payment_methods', 'payment_book_holds', 'payment_limits']
    LOOP
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['payment_calls', 'payment_steps']
    LOOP
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app USING ('
            '(SELECT forecourt_sites()) IS NULL OR intent_id IN (SELECT i.intent_id FROM payment_intents i))', t);
    END LOOP;
END
$policies$;
SELECT stations_hold_to_sites('payment_intents');
GRANT SELECT, INSERT, UPDATE ON payment_accounts, payment_intents, payment_calls, payment_hooks, payment_methods,
    payment_book_holds, payment_limits TO forecourt_app;
GRANT DELETE ON payment_limits TO forecourt_app;
GRANT SELECT, INSERT ON payment_steps TO forecourt_app;

-- The sweeper takes what is due of every organisation, and sees nothing else of it.
CREATE POLICY of_worker ON payment_intents TO forecourt_worker USING (true);
GRANT SELECT (tenant_id, intent_id, next_at), UPDATE (next_at) ON payment_intents TO forecourt_worker;
CREATE POLICY of_worker ON payment_hooks TO forecourt_worker USING (true);
GRANT SELECT (received_at), DELETE ON payment_hooks TO forecourt_worker;

-- A webhook names its account, or a payment made by the deployment's, before a tenant is known.
CREATE POLICY of_lookup ON payment_accounts FOR SELECT TO forecourt_lookup USING (true);
CREATE POLICY of_lookup ON payment_intents FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (account_id, tenant_id, own) ON payment_accounts TO forecourt_lookup;
GRANT SELECT (intent_id, tenant_id, account_id, reference, page_reference) ON payment_intents TO forecourt_lookup;

CREATE FUNCTION payments_tenant_of_account(account uuid) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT tenant_id FROM payment_accounts WHERE account_id = account AND own $body$;

CREATE FUNCTION payments_of_deployment(intent uuid, said text, OUT tenant_id int, OUT account_id uuid)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT i.tenant_id, i.account_id FROM payment_intents i JOIN payment_accounts a USING (account_id)
    WHERE NOT a.own AND (i.intent_id = intent OR (intent IS NULL AND (i.reference = said OR i.page_reference = said)))
    LIMIT 1
$body$;
CREATE INDEX payment_intents_by_name ON payment_intents (reference);
CREATE INDEX payment_intents_by_page ON payment_intents (page_reference);

DO $owner$
DECLARE f text;
BEGIN
    GRANT CREATE ON SCHEMA public TO forecourt_lookup;
    FOREACH f IN ARRAY ARRAY['payments_tenant_of_account(uuid)', 'payments_of_deployment(uuid, text)']
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO forecourt_lookup', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO forecourt_app', f);
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
END
$owner$;
