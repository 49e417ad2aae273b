-- What concerns the whole organisation is not shown to who is limited to some of its sites.
-- depends: access.0003

CREATE POLICY of_the_whole ON api_keys AS RESTRICTIVE TO forecourt_app USING ((SELECT forecourt_sites()) IS NULL);
CREATE POLICY of_the_whole ON invitations AS RESTRICTIVE TO forecourt_app USING ((SELECT forecourt_sites()) IS NULL);
-- What they do themselves is written down all the same.
CREATE POLICY of_the_whole ON audit AS RESTRICTIVE FOR SELECT TO forecourt_app USING ((SELECT forecourt_sites()) IS NULL);

CREATE INDEX audit_of_action ON audit (tenant_id, action, audit_id);
