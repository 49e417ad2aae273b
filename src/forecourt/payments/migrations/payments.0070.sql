-- Money that was taken of a hold before its session had a final price: until then the session is looked at, to be stopped.
-- depends: payments.0060

DROP INDEX payment_intents_watched;
CREATE INDEX payment_intents_watched ON payment_intents (watch_at NULLS FIRST)
    WHERE session_id IS NOT NULL AND purpose = 'session' AND (state IN ('authorised', 'hold_requested')
        OR billed_amount IS NULL AND state IN ('captured', 'refunded', 'disputed'));
COMMENT ON COLUMN payment_intents.billed_amount IS 'what the session came to; NULL of one that is captured: it was taken ahead of its final price';
GRANT SELECT (billed_amount) ON payment_intents TO forecourt_worker;
