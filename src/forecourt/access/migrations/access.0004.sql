-- All ways of signing in: second factors, passkeys, an organisation's own provider (OIDC), steps that are taken once,
-- failed attempts, the places people sign in from, and sessions that tell where and how they began.
-- depends: access.0003

ALTER TABLE organisations ADD COLUMN require_second_factor bool NOT NULL DEFAULT false;
COMMENT ON COLUMN organisations.require_second_factor IS 'nobody does anything here without one, but by the provider';
GRANT UPDATE (require_second_factor) ON organisations TO forecourt_app;

ALTER TABLE person_sessions
    ADD COLUMN session_id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN how text NOT NULL DEFAULT 'password',
    ADD COLUMN second_factor bool NOT NULL DEFAULT false,
    ADD COLUMN provider_of int CHECK (provider_of = tenant_id),
    ADD COLUMN proved_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN last_seen_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN address text NOT NULL DEFAULT '',
    ADD COLUMN user_agent text NOT NULL DEFAULT '';
COMMENT ON COLUMN person_sessions.how IS 'what proved who they are: password, passkey, provider';
COMMENT ON COLUMN person_sessions.second_factor IS 'proven by something they have besides something they know';
COMMENT ON COLUMN person_sessions.provider_of IS
    'proven by the provider of this organisation, whose word counts there and nowhere else; NULL: proven by themselves';
COMMENT ON COLUMN person_sessions.proved_at IS 'when they last proved who they are; changing how one signs in asks for it';

CREATE TABLE authenticators (
    person_id int PRIMARY KEY REFERENCES people (person_id),
    seed bytea NOT NULL,
    last_step bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE authenticators IS 'time-based one-time passwords, RFC 6238';
COMMENT ON COLUMN authenticators.seed IS 'sealed under a key derived from the key of the deployment';
COMMENT ON COLUMN authenticators.last_step IS 'the last 30 s step that was taken; it and those before are refused';

CREATE TABLE recovery_codes (
    person_id int NOT NULL REFERENCES people (person_id),
    code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
    used_at timestamptz,
    PRIMARY KEY (person_id, code_hash)
);

CREATE TABLE passkeys (
    passkey_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id int NOT NULL REFERENCES people (person_id),
    credential_id bytea NOT NULL UNIQUE CHECK (length(credential_id) BETWEEN 1 AND 1023),
    public_key bytea NOT NULL CHECK (length(public_key) <= 4096),
    sign_count bigint NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    synced bool NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX passkeys_of_person ON passkeys (person_id, passkey_id);
COMMENT ON COLUMN passkeys.sign_count IS 'of its last use; one that goes back was copied';
COMMENT ON COLUMN passkeys.synced IS 'kept by a password manager on several devices';

CREATE TABLE places (
    person_id int NOT NULL REFERENCES people (person_id),
    address text NOT NULL CHECK (length(address) <= 100),
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, address)
);
COMMENT ON TABLE places IS 'network addresses that a person has signed in from';

CREATE TABLE sign_in_steps (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    purpose text NOT NULL CHECK (length(purpose) <= 40),
    person_id int REFERENCES people (person_id),
    sealed bytea NOT NULL CHECK (length(sealed) <= 8192),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sign_in_steps_in_time ON sign_in_steps (expires_at);
CREATE INDEX sign_in_steps_of_person ON sign_in_steps (person_id, purpose);
COMMENT ON TABLE sign_in_steps IS 'what was begun and waits for its second half, taken once: by the digest of a token alone';

CREATE TABLE attempts (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    failures int NOT NULL,
    last_at timestamptz NOT NULL,
    blocked_until timestamptz
);
CREATE INDEX attempts_in_time ON attempts (last_at);
COMMENT ON TABLE attempts IS 'failed attempts, counted by keyed digests of addresses: of no organisation, and telling nobody';

CREATE TABLE providers (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 60),
    issuer text NOT NULL CHECK (length(issuer) <= 500),
    client_id text NOT NULL CHECK (length(client_id) BETWEEN 1 AND 300),
    client_secret bytea NOT NULL,
    group_claim text NOT NULL CHECK (length(group_claim) BETWEEN 1 AND 200),
    domains text[] NOT NULL CHECK (cardinality(domains) BETWEEN 1 AND 20),
    grants jsonb NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX providers_of_domain ON providers USING gin (domains);
COMMENT ON TABLE providers IS 'who signs people of an organisation in on its behalf: OpenID Connect';
COMMENT ON COLUMN providers.client_secret IS 'sealed under a key derived from the key of the deployment';
COMMENT ON COLUMN providers.domains IS 'mail domains of the people it may sign in';
COMMENT ON COLUMN providers.grants IS 'which group makes people what: [{"group", "role", "sites"}]';

CREATE TABLE provider_people (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    issuer text NOT NULL,
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    person_id int NOT NULL REFERENCES people (person_id),
    linked_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (tenant_id, issuer, subject)
);
COMMENT ON COLUMN provider_people.withdrawn_at IS
    'since when none of their groups makes them anything; who was removed by a person stays removed whatever their groups';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['authenticators', 'recovery_codes', 'passkeys', 'places', 'sign_in_steps', 'attempts',
                             'providers', 'provider_people']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['authenticators', 'recovery_codes', 'passkeys', 'places']
    LOOP
        EXECUTE format('CREATE POLICY of_person ON %I TO forecourt_app USING (person_id = forecourt_person())', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['providers', 'provider_people']
    LOOP
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
END
$policies$;

-- Steps are begun by anybody and found by the functions below alone; those of a person are ended by that person.
CREATE POLICY begun ON sign_in_steps FOR INSERT TO forecourt_app WITH CHECK (true);
CREATE POLICY ended_by_person ON sign_in_steps FOR DELETE TO forecourt_app USING (person_id = forecourt_person());
CREATE POLICY seen_by_person ON sign_in_steps FOR SELECT TO forecourt_app USING (person_id = forecourt_person());
-- Whoever tries has no organisation yet, and rows hold nothing but digests and counts.
CREATE POLICY of_app ON attempts TO forecourt_app USING (true);

GRANT SELECT, INSERT, DELETE ON authenticators, passkeys TO forecourt_app;
GRANT UPDATE (last_step) ON authenticators TO forecourt_app;
GRANT UPDATE (name, sign_count, last_used_at) ON passkeys TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON recovery_codes TO forecourt_app;
GRANT UPDATE (used_at) ON recovery_codes TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON places TO forecourt_app;
GRANT UPDATE (last_at) ON places TO forecourt_app;
GRANT INSERT, DELETE ON sign_in_steps TO forecourt_app;
GRANT SELECT (person_id, purpose) ON sign_in_steps TO forecourt_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON attempts TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON providers TO forecourt_app;
GRANT UPDATE (slug, issuer, client_id, client_secret, group_claim, domains, grants, changed_at) ON providers TO forecourt_app;
GRANT SELECT, INSERT ON provider_people TO forecourt_app;
GRANT UPDATE (withdrawn_at) ON provider_people TO forecourt_app;
GRANT UPDATE (token_hash, second_factor, proved_at, last_seen_at) ON person_sessions TO forecourt_app;

-- What is found before anybody is known, each by its exact key.
GRANT SELECT (tenant_id, name, require_second_factor) ON organisations TO forecourt_lookup;
GRANT SELECT (session_id, second_factor, provider_of, proved_at, last_seen_at) ON person_sessions TO forecourt_lookup;
GRANT SELECT (passkey_id, person_id, credential_id, public_key, sign_count) ON passkeys TO forecourt_lookup;
GRANT SELECT (token_hash, purpose, person_id, sealed, expires_at), DELETE ON sign_in_steps TO forecourt_lookup;
GRANT SELECT (tenant_id, slug, issuer, domains) ON providers TO forecourt_lookup;
CREATE POLICY of_lookup ON passkeys FOR SELECT TO forecourt_lookup USING (true);
CREATE POLICY of_lookup ON sign_in_steps TO forecourt_lookup USING (true);
CREATE POLICY of_lookup ON providers FOR SELECT TO forecourt_lookup USING (true);

DROP FUNCTION access_session(bytea, timestamptz);
CREATE FUNCTION access_session(hash bytea, now timestamptz, seen_since timestamptz, OUT session_id bigint,
                               OUT person_id int, OUT tenant_id int, OUT organisation text, OUT name text, OUT role text,
                               OUT site_ids int[], OUT second_factor bool, OUT needs_second_factor bool,
                               OUT by_provider bool, OUT proved_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT s.session_id, p.person_id, o.tenant_id, o.name, p.name, m.role, m.site_ids, s.second_factor,
        o.require_second_factor AND NOT s.second_factor AND s.provider_of IS NULL, s.provider_of IS NOT NULL, s.proved_at
    FROM person_sessions s
    JOIN people p USING (person_id)
    JOIN memberships m ON m.tenant_id = s.tenant_id AND m.person_id = s.person_id
    JOIN organisations o ON o.tenant_id = s.tenant_id
    WHERE s.token_hash = hash AND s.expires_at > now AND s.last_seen_at > seen_since
        AND p.disabled_at IS NULL AND m.disabled_at IS NULL
$body$;

CREATE FUNCTION access_passkey(credential bytea, OUT passkey_id int, OUT person_id int, OUT name text,
                               OUT public_key bytea, OUT sign_count bigint)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT k.passkey_id, p.person_id, p.name, k.public_key, k.sign_count
    FROM passkeys k JOIN people p USING (person_id)
    WHERE k.credential_id = credential AND p.disabled_at IS NULL
$body$;

CREATE FUNCTION access_step(hash bytea, wanted text, now timestamptz, OUT person_id int, OUT sealed bytea)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT s.person_id, s.sealed FROM sign_in_steps s
    WHERE s.token_hash = hash AND s.purpose = wanted AND s.expires_at > now
$body$;

-- Whoever takes a step clears away some that nobody took in time.
CREATE FUNCTION access_take_step(hash bytea, wanted text, now timestamptz, OUT person_id int, OUT sealed bytea)
RETURNS SETOF record
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    DELETE FROM sign_in_steps s WHERE s.token_hash IN (
        SELECT e.token_hash FROM sign_in_steps e WHERE e.expires_at <= now ORDER BY e.expires_at LIMIT 100);
    DELETE FROM sign_in_steps s WHERE s.token_hash = hash AND s.purpose = wanted AND s.expires_at > now
    RETURNING s.person_id, s.sealed
$body$;

CREATE FUNCTION access_providers(wanted text, domain text, OUT tenant_id int, OUT organisation text, OUT slug text,
                                 OUT issuer text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT v.tenant_id, o.name, v.slug, v.issuer FROM providers v JOIN organisations o USING (tenant_id)
    WHERE v.slug = wanted OR v.domains @> ARRAY[domain] ORDER BY o.name LIMIT 10
$body$;

DO $owner$
DECLARE f text;
BEGIN
    GRANT CREATE ON SCHEMA public TO forecourt_lookup;
    FOREACH f IN ARRAY ARRAY['access_session(bytea, timestamptz, timestamptz)', 'access_passkey(bytea)',
                             'access_step(bytea, text, timestamptz)', 'access_take_step(bytea, text, timestamptz)',
                             'access_providers(text, text)']
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO forecourt_app', f);
        EXECUTE format('ALTER FUNCTION %s OWNER TO forecourt_lookup', f);
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
END
$owner$;
