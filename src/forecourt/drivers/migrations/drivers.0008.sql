-- Drivers with an account at an organisation: how they sign in, what is theirs, what they agreed to.
-- depends: drivers.0007 access.0007

-- The driver that a transaction acts as; NULL: it acts as none, and is held by its tenant alone.
CREATE FUNCTION forecourt_driver() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $body$ SELECT nullif(current_setting('forecourt.driver', true), '')::bigint $body$;

CREATE TABLE driver_accounts (
    driver_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    email text CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name text CHECK (length(name) BETWEEN 1 AND 200),
    language text NOT NULL DEFAULT 'en' CHECK (language ~ '^[a-z]{2,3}$'),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'blocked', 'erased')),
    pays_by text NOT NULL DEFAULT 'page' CHECK (pays_by IN ('page', 'card', 'wallet', 'fleet')),
    pays_method uuid,
    wants jsonb NOT NULL DEFAULT '{}',
    subject text COLLATE "C" CHECK (length(subject) BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    seen_at timestamptz,
    erased_at timestamptz,
    UNIQUE (tenant_id, driver_id),
    CHECK ((state = 'erased') = (erased_at IS NOT NULL)),
    CHECK (state <> 'erased' OR (email IS NULL AND name IS NULL AND subject IS NULL AND wants = '{}')),
    CHECK ((pays_by = 'card') = (pays_method IS NOT NULL))
);
CREATE UNIQUE INDEX driver_accounts_by_email ON driver_accounts (tenant_id, email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX driver_accounts_by_subject ON driver_accounts (tenant_id, subject) WHERE subject IS NOT NULL;
CREATE INDEX driver_accounts_in_order ON driver_accounts (tenant_id, driver_id);
COMMENT ON COLUMN driver_accounts.pays_by IS 'what pays for a session that a token starts, and is offered first';
COMMENT ON COLUMN driver_accounts.wants IS 'what the driver usually needs, as every token of the account is told';
COMMENT ON COLUMN driver_accounts.subject IS 'what the organisation''s own sign-in for drivers calls them';

-- Links of letters, good for one sign-in. The address may be one that has no account yet.
CREATE TABLE driver_links (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    email text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    language text NOT NULL CHECK (language ~ '^[a-z]{2,3}$'),
    expires_at timestamptz NOT NULL
);
CREATE INDEX driver_links_by_age ON driver_links (tenant_id, expires_at);

CREATE TABLE driver_sessions (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    number bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id int NOT NULL,
    driver_id bigint NOT NULL,
    how text NOT NULL CHECK (how IN ('letter', 'provider')),
    address text NOT NULL CHECK (length(address) <= 100),
    user_agent text NOT NULL CHECK (length(user_agent) <= 300),
    began_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id)
);
CREATE INDEX driver_sessions_of_driver ON driver_sessions (tenant_id, driver_id, number);

-- Which tokens are a driver's.
CREATE TABLE driver_tokens (
    tenant_id int NOT NULL,
    uid_key text COLLATE "C" NOT NULL,
    driver_id bigint NOT NULL,
    attached_at timestamptz NOT NULL,
    attached_by text NOT NULL CHECK (attached_by IN ('driver', 'operator')),
    PRIMARY KEY (tenant_id, uid_key),
    FOREIGN KEY (tenant_id, uid_key) REFERENCES tokens (tenant_id, uid_key) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id)
);
CREATE INDEX driver_tokens_of_driver ON driver_tokens (tenant_id, driver_id);

-- Codes that come with a card: who types one in has the card.
CREATE TABLE token_claims (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    tenant_id int NOT NULL,
    uid_key text COLLATE "C" NOT NULL,
    expires_at timestamptz NOT NULL,
    UNIQUE (tenant_id, uid_key),
    FOREIGN KEY (tenant_id, uid_key) REFERENCES tokens (tenant_id, uid_key) ON DELETE CASCADE
);

CREATE TABLE driver_vehicles (
    vehicle_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    driver_id bigint NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    battery_wh int CHECK (battery_wh BETWEEN 1000 AND 2000000),
    max_ac_w int CHECK (max_ac_w BETWEEN 1000 AND 100000),
    max_dc_w int CHECK (max_dc_w BETWEEN 1000 AND 5000000),
    connector text CHECK (length(connector) BETWEEN 1 AND 20),
    added_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id)
);
CREATE INDEX driver_vehicles_of_driver ON driver_vehicles (tenant_id, driver_id);

-- What was agreed to, or taken back, and by which text. Only added to; the latest of a kind counts.
CREATE TABLE driver_consents (
    consent_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    driver_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('terms', 'marketing', 'usage')),
    given bool NOT NULL,
    text_version text NOT NULL CHECK (length(text_version) BETWEEN 1 AND 40),
    said_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id)
);
CREATE INDEX driver_consents_of_driver ON driver_consents (tenant_id, driver_id, kind, consent_id);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['driver_accounts', 'driver_links', 'driver_sessions', 'driver_tokens', 'token_claims',
                             'driver_vehicles', 'driver_consents']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
    -- Who acts as a driver sees what is theirs, whatever was asked for.
    FOREACH t IN ARRAY ARRAY['driver_accounts', 'driver_sessions', 'driver_tokens', 'driver_vehicles', 'driver_consents']
    LOOP
        EXECUTE format('CREATE POLICY of_driver ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_driver()) IS NULL OR driver_id = (SELECT forecourt_driver()))', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT ON driver_accounts, driver_consents TO forecourt_app;
GRANT UPDATE (email, name, language, state, pays_by, pays_method, wants, subject, updated_at, seen_at, erased_at)
    ON driver_accounts TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON driver_links, driver_sessions, driver_tokens, token_claims, driver_vehicles TO forecourt_app;
GRANT UPDATE (seen_at) ON driver_sessions TO forecourt_app;
GRANT UPDATE (name, battery_wh, max_ac_w, max_dc_w, connector) ON driver_vehicles TO forecourt_app;

-- Whose link or session a digest is, before a tenant is known.
CREATE POLICY of_lookup ON driver_links FOR SELECT TO forecourt_lookup USING (true);
CREATE POLICY of_lookup ON driver_sessions FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (digest, tenant_id) ON driver_links TO forecourt_lookup;
GRANT SELECT (digest, tenant_id) ON driver_sessions TO forecourt_lookup;

CREATE FUNCTION drivers_tenant_of_link(said bytea) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT tenant_id FROM driver_links WHERE digest = said $body$;

CREATE FUNCTION drivers_tenant_of_session(said bytea) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT tenant_id FROM driver_sessions WHERE digest = said $body$;

DO $owner$
DECLARE f text;
BEGIN
    GRANT CREATE ON SCHEMA public TO forecourt_lookup;
    FOREACH f IN ARRAY ARRAY['drivers_tenant_of_link(bytea)', 'drivers_tenant_of_session(bytea)']
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO forecourt_lookup', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO forecourt_app', f);
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
END
$owner$;
