-- What the VAT of an entry is of, said by whoever posts it: reckoned back from the VAT it is right to cents only.
-- depends: payments.0051

ALTER TABLE journal ADD COLUMN nets jsonb CHECK (jsonb_typeof(nets) = 'object');
COMMENT ON COLUMN journal.nets IS 'account of VAT: what it is of before VAT, debit positive; what was earned beside that is without VAT. NULL: posted before this was kept';

-- A document may be issued without a payout: what a host supplied in a month is billed though nobody could pay it.
ALTER TABLE host_documents ALTER payout_id DROP NOT NULL;
