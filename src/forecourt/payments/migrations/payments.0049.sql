-- Since when a call has its key: providers forget keys, and a call may outlive its first one.
-- depends: payments.0048

ALTER TABLE payment_calls ADD COLUMN keyed_at timestamptz;
COMMENT ON COLUMN payment_calls.keyed_at IS 'since when it has its key; NULL: since it was asked for';
