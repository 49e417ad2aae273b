-- The audit is looked through by what was done to one thing.
-- depends: access.0001

CREATE INDEX audit_of_object ON audit (tenant_id, object, audit_id);
