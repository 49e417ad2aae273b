-- Plug & Charge: what responders (OCSP) said of certificates, shared by all gateways.
-- depends: stations.0040

CREATE TABLE responder_answers (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    algorithm text NOT NULL CHECK (length(algorithm) <= 20),
    issuer_name_hash text COLLATE "C" NOT NULL CHECK (length(issuer_name_hash) <= 128),
    issuer_key_hash text COLLATE "C" NOT NULL CHECK (length(issuer_key_hash) <= 128),
    serial text COLLATE "C" NOT NULL CHECK (length(serial) <= 64),
    url text NOT NULL CHECK (length(url) <= 2000),
    issuer text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 1000),
    standing text NOT NULL CHECK (standing IN ('Good', 'Revoked', 'Unknown', 'Failed')),
    produced_at timestamptz,
    counts_until timestamptz NOT NULL,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, algorithm, issuer_name_hash, issuer_key_hash, serial, url),
    CHECK ((standing = 'Failed') = (produced_at IS NULL))
);
COMMENT ON COLUMN responder_answers.serial IS 'of the certificate that was asked about, in hex';
COMMENT ON COLUMN responder_answers.issuer IS 'the name of its authority';
COMMENT ON COLUMN responder_answers.produced_at IS 'when the responder signed it; null: no answer came that counts';
CREATE INDEX responder_answers_by_age ON responder_answers (tenant_id, asked_at DESC);

ALTER TABLE responder_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE responder_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON responder_answers TO forecourt_app USING (tenant_id = forecourt_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON responder_answers TO forecourt_app;
