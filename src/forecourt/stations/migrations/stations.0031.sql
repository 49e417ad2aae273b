-- Codes for payments that stations of OCPP 2.1 show and that change by themselves.
-- depends: stations.0030

CREATE TABLE payment_codes (
    station_id bigint PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    sealed bytea NOT NULL,
    former bytea,
    version int NOT NULL DEFAULT 1,
    shown bool NOT NULL,
    address text NOT NULL CHECK (length(address) BETWEEN 1 AND 500),
    validity_s int NOT NULL CHECK (validity_s BETWEEN 6 AND 3600),
    length int NOT NULL CHECK (length BETWEEN 8 AND 32),
    set_by text NOT NULL,
    set_at timestamptz NOT NULL
);
COMMENT ON COLUMN payment_codes.sealed IS 'what the one-time passwords are made of, sealed by the secret key of the deployment';
COMMENT ON COLUMN payment_codes.former IS 'the one before, which counts until the station has the new one';
COMMENT ON COLUMN payment_codes.address IS 'the template that the station fills in';

ALTER TABLE payment_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_codes FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON payment_codes TO forecourt_app USING (tenant_id = forecourt_tenant());
SELECT stations_hold_to_sites('payment_codes');
GRANT SELECT, INSERT, UPDATE ON payment_codes TO forecourt_app;
