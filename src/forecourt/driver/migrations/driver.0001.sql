-- How an organisation's driver pages look, and what is looked up for drivers before a tenant is known.
-- depends: payments.0010 stations.0013 access.0007

CREATE TABLE driver_brands (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    slug text COLLATE "C" NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9]){0,39}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    colour text COLLATE "C" NOT NULL CHECK (colour ~ '^#[0-9a-f]{6}$'),
    domain text COLLATE "C" UNIQUE CHECK (domain ~ '^[a-z0-9.-]{1,253}$'),
    help_phone text CHECK (help_phone ~ '^[+0-9 ()/-]{3,40}$'),
    help_email text CHECK (length(help_email) <= 254),
    imprint_url text CHECK (imprint_url ~ '^https://' AND length(imprint_url) <= 500),
    listed bool NOT NULL DEFAULT true,
    version int NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN driver_brands.listed IS 'its sites may be found on the map by anybody';
ALTER TABLE driver_brands ENABLE ROW LEVEL SECURITY;
ALTER TABLE driver_brands FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON driver_brands TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_lookup ON driver_brands FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT, INSERT, UPDATE ON driver_brands TO forecourt_app;
GRANT SELECT (tenant_id, slug, domain, listed) ON driver_brands TO forecourt_lookup;
GRANT SELECT (tenant_id, identity) ON stations TO forecourt_lookup;

-- Whose station it is: its identity stands on it.
CREATE FUNCTION driver_tenant_of_station(said text) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT tenant_id FROM stations WHERE identity = said $body$;

-- Whose payment it is: its id can't be guessed, and who knows it paid.
CREATE FUNCTION driver_tenant_of_payment(intent uuid) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT tenant_id FROM payment_intents WHERE intent_id = intent $body$;

-- Whose pages they are: by their name in the address, or by the host that was asked.
CREATE FUNCTION driver_tenant_of_brand(said text, host text) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
    SELECT tenant_id FROM driver_brands WHERE listed AND (slug = said OR (said = '' AND domain = host)) LIMIT 1
$body$;

-- The only organisation with pages, where there is one.
CREATE FUNCTION driver_only_brand() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT CASE WHEN count(*) = 1 THEN min(slug) END FROM driver_brands WHERE listed $body$;

DO $owner$
DECLARE f text;
BEGIN
    GRANT CREATE ON SCHEMA public TO forecourt_lookup;
    FOREACH f IN ARRAY ARRAY['driver_tenant_of_station(text)', 'driver_tenant_of_payment(uuid)',
        'driver_tenant_of_brand(text, text)', 'driver_only_brand()']
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO forecourt_lookup', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO forecourt_app', f);
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
END
$owner$;
