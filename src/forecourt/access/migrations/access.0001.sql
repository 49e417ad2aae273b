-- Organisations, the people and programs that act for them, and what they did.
-- depends: platform.0001

CREATE TABLE organisations (
    tenant_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    demo bool NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE operators (
    operator_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    email text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'operator', 'technician', 'support', 'viewer', 'site_host')),
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    UNIQUE (tenant_id, operator_id)
);
COMMENT ON COLUMN operators.password_hash IS 'argon2id, with its parameters';

CREATE TABLE operator_sessions (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    operator_id int NOT NULL,
    tenant_id int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, operator_id) REFERENCES operators (tenant_id, operator_id)
);
CREATE INDEX operator_sessions_of_operator ON operator_sessions (operator_id, created_at);

CREATE TABLE api_keys (
    key_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    key_hash bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    role text NOT NULL CHECK (role IN ('owner', 'operator', 'technician', 'support', 'viewer', 'site_host')),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, key_id);

-- Append only: nobody is granted UPDATE or DELETE.
CREATE TABLE audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_of_tenant ON audit (tenant_id, audit_id);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['organisations', 'operators', 'operator_sessions', 'api_keys', 'audit']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    -- The first start makes organisations and their first people and keys as the owner of the tables, which is held by
    -- row-level security like everyone else: it may see all organisations, and inside one only what is that one's.
    FOREACH t IN ARRAY ARRAY['operators', 'api_keys', 'audit']
    LOOP
        EXECUTE format('CREATE POLICY of_owner ON %I TO CURRENT_USER USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    CREATE POLICY of_owner ON organisations TO CURRENT_USER USING (true);
END
$policies$;

GRANT SELECT ON organisations TO forecourt_app;
GRANT UPDATE (name) ON organisations TO forecourt_app;
GRANT SELECT, INSERT ON operators TO forecourt_app;
GRANT UPDATE (name, password_hash, role, disabled_at) ON operators TO forecourt_app;
GRANT SELECT, INSERT, DELETE ON operator_sessions TO forecourt_app;
GRANT SELECT, INSERT ON api_keys TO forecourt_app;
GRANT UPDATE (name, last_used_at, revoked_at) ON api_keys TO forecourt_app;
GRANT SELECT, INSERT ON audit TO forecourt_app;

-- Who is asking is found before a tenant is known. These three functions are all that sees more than one tenant, each one
-- row by its exact key. Their owner reads these tables only, only these columns, and is held by policies of its own.
GRANT SELECT (operator_id, tenant_id, email, name, password_hash, role, disabled_at) ON operators TO forecourt_lookup;
GRANT SELECT (token_hash, operator_id, tenant_id, expires_at) ON operator_sessions TO forecourt_lookup;
GRANT SELECT (key_id, tenant_id, name, key_hash, role, revoked_at) ON api_keys TO forecourt_lookup;
GRANT SELECT (tenant_id, name) ON organisations TO forecourt_lookup;
CREATE POLICY of_lookup ON organisations FOR SELECT TO forecourt_lookup USING (true);
CREATE POLICY of_lookup ON operators FOR SELECT TO forecourt_lookup USING (disabled_at IS NULL);
CREATE POLICY of_lookup ON operator_sessions FOR SELECT TO forecourt_lookup USING (true);
CREATE POLICY of_lookup ON api_keys FOR SELECT TO forecourt_lookup USING (revoked_at IS NULL);

CREATE FUNCTION access_key(hash bytea, OUT key_id int, OUT tenant_id int, OUT organisation text, OUT name text,
                           OUT role text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT k.key_id, k.tenant_id, o.name, k.name, k.role
    FROM api_keys k JOIN organisations o USING (tenant_id)
    WHERE k.key_hash = hash AND k.revoked_at IS NULL
$body$;

CREATE FUNCTION access_operator(address text, OUT operator_id int, OUT tenant_id int, OUT organisation text, OUT name text,
                                OUT role text, OUT password_hash text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT o.operator_id, o.tenant_id, g.name, o.name, o.role, o.password_hash
    FROM operators o JOIN organisations g USING (tenant_id)
    WHERE o.email = lower(address) AND o.disabled_at IS NULL
$body$;

CREATE FUNCTION access_session(hash bytea, at timestamptz, OUT operator_id int, OUT tenant_id int,
                               OUT organisation text, OUT name text, OUT role text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT o.operator_id, o.tenant_id, g.name, o.name, o.role
    FROM operator_sessions s JOIN operators o USING (operator_id) JOIN organisations g ON g.tenant_id = o.tenant_id
    WHERE s.token_hash = hash AND s.expires_at > at AND o.disabled_at IS NULL
$body$;

-- Giving a function away asks for membership of its new owner, and for that owner's right to create here for a moment.
DO $owner$
DECLARE f text;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT forecourt_lookup TO %I', current_user);
    END IF;
    GRANT CREATE ON SCHEMA public TO forecourt_lookup;
    FOREACH f IN ARRAY ARRAY['access_key(bytea)', 'access_operator(text)', 'access_session(bytea, timestamptz)']
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO forecourt_app', f);
        EXECUTE format('ALTER FUNCTION %s OWNER TO forecourt_lookup', f);
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
END
$owner$;
