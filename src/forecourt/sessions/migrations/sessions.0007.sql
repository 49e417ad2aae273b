-- Sessions of a token, of a transaction, and those that the review noted something of.
-- depends: sessions.0004

CREATE INDEX sessions_of_token ON sessions (tenant_id, token_uid, started_at);
CREATE INDEX sessions_noted ON sessions (tenant_id, started_at, number) WHERE notes <> '{}';
CREATE INDEX sessions_of_transaction ON sessions (tenant_id, transaction_id);
