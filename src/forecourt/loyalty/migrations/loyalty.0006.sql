-- Campaigns that other records tell of.
-- depends: loyalty.0005 insight.0084

ALTER TABLE loyalty_campaigns ADD COLUMN source text COLLATE "C" CHECK (length(source) BETWEEN 1 AND 63);
COMMENT ON COLUMN loyalty_campaigns.source IS 'whose records tell of it; null: it was run here';
