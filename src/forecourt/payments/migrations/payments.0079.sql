-- Published: how each session is paid.
-- depends: payments.0060

CREATE VIEW session_payments WITH (security_invoker = true) AS
SELECT tenant_id, session_id, method FROM payment_intents
WHERE session_id IS NOT NULL AND purpose = 'session' AND state NOT IN ('failed', 'released', 'expired', 'abandoned');
GRANT SELECT ON session_payments TO forecourt_app;
