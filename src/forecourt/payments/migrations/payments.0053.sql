-- Looks at payments are shared out by the accounts at providers that they are of, and what sessions cost meanwhile is
-- looked at apart from them, whether or not a provider answers.
-- depends: payments.0052

ALTER TABLE payment_intents ADD COLUMN watch_at timestamptz,
    ADD COLUMN reads_missed integer NOT NULL DEFAULT 0 CHECK (reads_missed >= 0),
    ADD COLUMN read_next_at timestamptz;
COMMENT ON COLUMN payment_intents.watch_at IS 'when it is looked at again what its session costs; NULL: at once';
COMMENT ON COLUMN payment_intents.reads_missed IS 'how often in a row the provider did not say how it stands';
COMMENT ON COLUMN payment_intents.read_next_at IS 'the provider is not asked again by itself before then; NULL: it answered';
CREATE INDEX payment_intents_watched ON payment_intents (watch_at NULLS FIRST)
    WHERE session_id IS NOT NULL AND purpose = 'session' AND state IN ('authorised', 'hold_requested');
GRANT SELECT (account_id, session_id, purpose, state, watch_at), UPDATE (watch_at) ON payment_intents TO forecourt_worker;
