-- The audit is only added to, and in the end forgotten: by one function, which leaves the last ninety days alone.
-- depends: access.0005

-- Row-level security holds the owner of the table, as whom the function runs, to what may be forgotten.
CREATE POLICY read_to_forget ON audit FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY forget ON audit FOR DELETE TO CURRENT_USER USING (at < now() - interval '90 days');

CREATE OR REPLACE FUNCTION access_audit_stays() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('forecourt.forgetting', true) = 'audit' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit is only added to' USING ERRCODE = 'insufficient_privilege';
END
$body$;

-- Entries are numbered as they are made, so the oldest numbers are the oldest entries, and looking at these is enough.
CREATE FUNCTION access_forget_audit(before timestamptz, most int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $body$
DECLARE forgotten int;
BEGIN
    -- For this transaction only; who may not delete from the table gains nothing by saying it.
    PERFORM set_config('forecourt.forgetting', 'audit', true);
    DELETE FROM audit WHERE audit_id IN (
        SELECT audit_id FROM (SELECT a.audit_id, a.at FROM audit a ORDER BY a.audit_id LIMIT most) oldest
        WHERE at < least(access_forget_audit.before, now() - interval '90 days'));
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    PERFORM set_config('forecourt.forgetting', '', true);
    RETURN forgotten;
END
$body$;
REVOKE ALL ON FUNCTION access_forget_audit(timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION access_forget_audit(timestamptz, int) TO forecourt_worker;
