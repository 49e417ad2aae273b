-- What a comparison asks of payments and transfers that stand on both sides of the end of its span.
-- depends: payments.0049

CREATE INDEX provider_movements_of_intent ON provider_movements (tenant_id, account, intent) WHERE intent IS NOT NULL;
CREATE INDEX provider_movements_of_transfer ON provider_movements (tenant_id, account, source)
    WHERE kind IN ('transfer', 'transfer_reversal');
COMMENT ON COLUMN reconciliations.until IS 'everything before it was compared; the next comparison begins there, or earlier';
