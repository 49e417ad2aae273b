-- Tariffs in versions, and where, for whom and when each counts.
-- depends: access.0007 stations.0005 stations.0015

CREATE TABLE tariffs (
    tariff_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    ended_at timestamptz,
    UNIQUE (tenant_id, tariff_id)
);
CREATE INDEX tariffs_in_order ON tariffs (tenant_id, number);
COMMENT ON COLUMN tariffs.ended_at IS 'for sessions that begin from then on it does not count, wherever it is assigned';

-- Append only: a session keeps the version that counted when it began.
CREATE TABLE tariff_versions (
    tariff_id uuid NOT NULL,
    version int NOT NULL CHECK (version > 0),
    tenant_id int NOT NULL,
    body jsonb NOT NULL,
    valid_from timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    PRIMARY KEY (tariff_id, version),
    FOREIGN KEY (tenant_id, tariff_id) REFERENCES tariffs (tenant_id, tariff_id)
);
COMMENT ON COLUMN tariff_versions.body IS 'forecourt.pricing.model.Tariff';
COMMENT ON COLUMN tariff_versions.valid_from IS 'of those that are valid the one counts that is so since last, the higher of two';

-- Append only but for the end, which comes once or sooner.
CREATE TABLE tariff_assignments (
    assignment_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id int NOT NULL,
    tariff_id uuid NOT NULL,
    site_id int,
    at_station bigint,
    evse int CHECK (evse > 0),
    connector_type text CHECK (length(connector_type) BETWEEN 1 AND 255),
    evse_kind text CHECK (evse_kind IN ('AC', 'DC')),
    driver_group text CHECK (length(driver_group) BETWEEN 1 AND 255),
    subscription text CHECK (length(subscription) BETWEEN 1 AND 255),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    said_at timestamptz NOT NULL,
    said_by text NOT NULL,
    ended_by text,
    FOREIGN KEY (tenant_id, tariff_id) REFERENCES tariffs (tenant_id, tariff_id),
    CHECK (ends_at >= starts_at),
    CHECK (site_id IS NULL OR at_station IS NULL),
    CHECK (evse IS NULL OR at_station IS NOT NULL)
);
CREATE INDEX tariff_assignments_in_order ON tariff_assignments (tenant_id, number);
CREATE INDEX tariff_assignments_of_tariff ON tariff_assignments (tariff_id, number);
COMMENT ON TABLE tariff_assignments IS 'a price list: whoever may read prices reads all of it, whatever site is meant';

CREATE FUNCTION pricing_stay() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    IF TG_TABLE_NAME = 'tariff_assignments' AND TG_OP = 'UPDATE' THEN
        IF NEW.ends_at IS NOT NULL AND NEW.ends_at < coalesce(OLD.ends_at, 'infinity') THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'rows of % stay as they are', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$body$;
CREATE TRIGGER tariff_versions_stay BEFORE UPDATE OR DELETE ON tariff_versions
    FOR EACH ROW EXECUTE FUNCTION pricing_stay();
CREATE TRIGGER tariff_assignments_stay BEFORE UPDATE OR DELETE ON tariff_assignments
    FOR EACH ROW EXECUTE FUNCTION pricing_stay();

-- What plugs an EVSE has, as far as somebody said so.
CREATE TABLE evse_plugs (
    station_id bigint NOT NULL,
    evse int NOT NULL CHECK (evse > 0),
    connector int NOT NULL CHECK (connector > 0),
    tenant_id int NOT NULL,
    connector_type text NOT NULL CHECK (length(connector_type) BETWEEN 1 AND 255),
    evse_kind text NOT NULL CHECK (evse_kind IN ('AC', 'DC')),
    said_at timestamptz NOT NULL,
    said_by text NOT NULL,
    PRIMARY KEY (station_id, evse, connector)
);
COMMENT ON COLUMN evse_plugs.connector_type IS 'OCPI ConnectorType, such as IEC_62196_T2_COMBO';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['tariffs', 'tariff_versions', 'tariff_assignments', 'evse_plugs']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
END
$policies$;
SELECT stations_hold_to_sites('evse_plugs');
GRANT SELECT, INSERT ON tariffs, tariff_versions, tariff_assignments TO forecourt_app;
GRANT UPDATE (name, ended_at) ON tariffs TO forecourt_app;
GRANT UPDATE (ends_at, ended_by) ON tariff_assignments TO forecourt_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON evse_plugs TO forecourt_app;
