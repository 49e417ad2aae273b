-- The audit is looked through by what was done to one thing; requests may be asked twice and are done once.
-- depends: access.0001

CREATE INDEX audit_of_object ON audit (tenant_id, object, audit_id);

-- What a program asked for under a key of its own, so that asking again does nothing again. The key is kept as a digest,
-- and the answer, which may hold a secret that is shown once, encrypted under the key: the table alone tells neither.
CREATE TABLE idempotent_requests (
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    key_digest bytea NOT NULL CHECK (length(key_digest) = 32),
    request_digest bytea NOT NULL CHECK (length(request_digest) = 32),
    begun_at timestamptz NOT NULL,
    answer bytea,
    PRIMARY KEY (tenant_id, key_digest)
);
CREATE INDEX idempotent_requests_by_age ON idempotent_requests (tenant_id, begun_at);
COMMENT ON COLUMN idempotent_requests.answer IS 'NULL: still at work';

ALTER TABLE idempotent_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotent_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON idempotent_requests TO forecourt_app USING (tenant_id = forecourt_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotent_requests TO forecourt_app;
