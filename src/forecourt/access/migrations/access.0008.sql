-- Reading campaigns is a right of its own: keys that were made for reading keep it.
-- depends: access.0007

ALTER TABLE api_keys NO FORCE ROW LEVEL SECURITY;
UPDATE api_keys SET scopes = array_append(scopes, 'read_campaigns')
WHERE 'read' = ANY (scopes) AND NOT 'read_campaigns' = ANY (scopes) AND cardinality(scopes) < 100;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
