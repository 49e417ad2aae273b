-- What a bank carries out or sends back once more than the journal knows is a difference of its own.
-- depends: payments.0046

ALTER TABLE reconcile_differences DROP CONSTRAINT reconcile_differences_kind_check;
ALTER TABLE reconcile_differences ADD CONSTRAINT reconcile_differences_kind_check CHECK (kind IN ('missing', 'unknown',
    'doubled', 'wrong_amount', 'wrong_currency', 'late', 'fee_mismatch', 'unposted', 'bank_unknown', 'bank_amount',
    'bank_twice', 'bank_missing'));
