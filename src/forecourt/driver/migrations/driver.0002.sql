-- Names of driver pages are nobody else's; and from where payments were begun, for as long as that bounds them.
-- depends: driver.0001

-- Whether the pages of another organisation than this have a name or a domain.
CREATE FUNCTION driver_brand_taken(tenant int, said text, host text) RETURNS bool
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT EXISTS (SELECT FROM driver_brands WHERE tenant_id <> tenant AND (slug = said OR domain = host)) $body$;

GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION driver_brand_taken(int, text, text) OWNER TO forecourt_lookup;
REVOKE ALL ON FUNCTION driver_brand_taken(int, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION driver_brand_taken(int, text, text) TO forecourt_app;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;

-- A payment that somebody without an account began. The address is a keyed digest, and is forgotten within the hour.
CREATE TABLE driver_starts (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    intent_id uuid NOT NULL,
    station text COLLATE "C" NOT NULL,
    evse int NOT NULL,
    address bytea NOT NULL CHECK (length(address) = 16),
    begun_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, intent_id),
    FOREIGN KEY (tenant_id, intent_id) REFERENCES payment_intents (tenant_id, intent_id)
);
CREATE INDEX driver_starts_of_address ON driver_starts (tenant_id, address);
CREATE INDEX driver_starts_at_evse ON driver_starts (tenant_id, station, evse);
CREATE INDEX driver_starts_in_order ON driver_starts (tenant_id, begun_at);
COMMENT ON COLUMN driver_starts.address IS 'of the client, keyed: the same one is known again, and none can be read back';
ALTER TABLE driver_starts ENABLE ROW LEVEL SECURITY;
ALTER TABLE driver_starts FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON driver_starts TO forecourt_app USING (tenant_id = forecourt_tenant());
GRANT SELECT, INSERT, DELETE ON driver_starts TO forecourt_app;
