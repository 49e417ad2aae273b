-- A fleet's session is billed by its payment alone. What was held for one that stands on the fleet's account already,
-- put there by its session, can never be captured: it is given back, and what is open of its payment is over.
-- depends: payments.0030

ALTER TABLE fleet_lines ADD COLUMN over_limit bool NOT NULL DEFAULT false;
COMMENT ON COLUMN fleet_lines.over_limit IS 'it was delivered beyond what the fleet, or its driver, may spend on a session or in a month';
CREATE INDEX fleet_lines_over_limit ON fleet_lines (tenant_id, fleet_id, line_id) WHERE over_limit;

CREATE FUNCTION payments_release_stuck() RETURNS int
LANGUAGE plpgsql
AS $body$
DECLARE each record; released int := 0;
BEGIN
    FOR each IN
        SELECT i.tenant_id, i.intent_id FROM payment_intents i
        WHERE i.method = 'invoice' AND i.session_id IS NOT NULL
          AND i.state IN ('hold_requested', 'authorised', 'capturing', 'releasing')
          AND EXISTS (SELECT FROM journal j WHERE j.tenant_id = i.tenant_id AND j.key = 'capture:' || i.session_id)
        FOR UPDATE
    LOOP
        UPDATE payment_book_holds SET state = 'cancelled' WHERE tenant_id = each.tenant_id
            AND intent = replace(each.intent_id::text, '-', '') AND state = 'authorised';
        UPDATE payment_calls SET state = 'failed', ended_at = now(), reason = 'The fleet was billed without it.'
            WHERE tenant_id = each.tenant_id AND intent_id = each.intent_id AND state = 'open';
        UPDATE payment_intents SET state = 'released', next_at = NULL, reason = 'The fleet was billed without it.',
            billed_amount = 0, updated_at = now() WHERE tenant_id = each.tenant_id AND intent_id = each.intent_id;
        INSERT INTO payment_steps (tenant_id, intent_id, kind, at, detail)
            VALUES (each.tenant_id, each.intent_id, 'released', now(), 'The fleet was billed without it.');
        released := released + 1;
    END LOOP;
    RETURN released;
END
$body$;
REVOKE ALL ON FUNCTION payments_release_stuck() FROM PUBLIC;
-- Whoever migrates owns the tables; for this one transaction their rows are all to be seen.
ALTER TABLE payment_intents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_calls NO FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_steps NO FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_book_holds NO FORCE ROW LEVEL SECURITY;
ALTER TABLE journal NO FORCE ROW LEVEL SECURITY;
SELECT payments_release_stuck();
ALTER TABLE payment_intents FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_calls FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_steps FORCE ROW LEVEL SECURITY;
ALTER TABLE payment_book_holds FORCE ROW LEVEL SECURITY;
ALTER TABLE journal FORCE ROW LEVEL SECURITY;
