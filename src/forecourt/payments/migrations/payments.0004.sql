-- Whom a night has work for.
-- depends: payments.0003

-- Organisations with books or hosts; the worker then works as each of them.
CREATE FUNCTION payments_tenants() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT tenant_id FROM hosts UNION SELECT tenant_id FROM ledger_accounts ORDER BY 1 $body$;
CREATE POLICY of_lookup ON ledger_accounts FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (tenant_id) ON ledger_accounts TO forecourt_lookup;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION payments_tenants() OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION payments_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION payments_tenants() TO forecourt_worker, forecourt_app;
DROP FUNCTION payments_tenants_with_hosts();
