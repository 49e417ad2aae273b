-- That the bank booked a payout of a file may be said by hand, where no statement tells. `booked_on` stays what a
-- statement says: a line is matched with its payout as if nobody had said anything.
-- depends: payments.0109

ALTER TABLE payouts
    ADD COLUMN said_booked_on date,
    ADD COLUMN said_booked_at timestamptz,
    ADD COLUMN said_booked_by text,
    ADD CONSTRAINT payouts_said_booked CHECK (
        (said_booked_on IS NULL) = (said_booked_at IS NULL) AND (said_booked_on IS NULL) = (said_booked_by IS NULL)
        AND (said_booked_on IS NULL OR way = 'sepa'));
COMMENT ON COLUMN payouts.said_booked_on IS 'when the bank booked it, as somebody says';
COMMENT ON COLUMN payouts.said_booked_by IS 'who says so';
GRANT UPDATE (said_booked_on, said_booked_at, said_booked_by) ON payouts TO forecourt_app;
