-- Why a campaign could not begin is kept with it, for its page and the API.
-- depends: loyalty.0010

ALTER TABLE loyalty_campaigns ADD COLUMN unbegun text COLLATE "C"
    CHECK (unbegun IN ('nobody', 'too-many', 'no-prices'));
COMMENT ON COLUMN loyalty_campaigns.unbegun IS 'why it could not begin at its time and is a draft again; NULL: nothing kept it';
