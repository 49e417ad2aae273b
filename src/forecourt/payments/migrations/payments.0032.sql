-- Holds of sessions that are held back for their signed values, for whoever watches over them.
-- depends: payments.0031 sessions.0013

CREATE INDEX payment_intents_ending ON payment_intents (tenant_id, capture_before)
    WHERE state = 'authorised' AND session_id IS NOT NULL AND capture_before IS NOT NULL;
CREATE VIEW held_back_conditions WITH (security_invoker = true) AS
SELECT i.tenant_id, i.intent_id, i.station_id, i.evse, i.session_id, i.capture_before, i.authorised_amount AS amount,
    i.currency
FROM payment_intents i JOIN session_signatures g ON g.tenant_id = i.tenant_id AND g.session_id = i.session_id
WHERE i.state = 'authorised' AND i.capture_before IS NOT NULL AND g.held AND g.released_at IS NULL;
COMMENT ON VIEW held_back_conditions IS 'holds that run out while a person has yet to release what they are for';
GRANT SELECT ON held_back_conditions TO forecourt_app;
