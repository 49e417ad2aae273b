-- depends: payments.0053
-- Hosts whom neither a file for the bank nor a provider reaches are paid by hand: somebody says when and by which reference.
ALTER TABLE payouts DROP CONSTRAINT payouts_way_check;
ALTER TABLE payouts ADD CONSTRAINT payouts_way_check CHECK (way IN ('sepa', 'connect', 'hand'));
COMMENT ON COLUMN payouts.state IS 'asked: the provider, or whoever pays by hand, was or will be asked; refused: it never went; bounced: it came back';
GRANT UPDATE (execution_on) ON payouts TO forecourt_app;
