-- Whoever wrote letters takes them back while they wait: told by their numbers, for what stands in them stays unread.
-- depends: platform.0002

CREATE POLICY letters_taken_back ON letters FOR DELETE TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY letters_found ON letters FOR SELECT TO forecourt_app USING (tenant_id = forecourt_tenant());
GRANT SELECT (tenant_id, letter_id), DELETE ON letters TO forecourt_app;
