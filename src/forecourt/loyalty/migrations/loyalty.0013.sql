-- What was given to a session says nothing of the token that began it: that may be the card of somebody who left. Of whom
-- a campaign was for, those who left are counted: what they did is known to nobody, which its effect says.
-- depends: loyalty.0012

ALTER TABLE loyalty_uses NO FORCE ROW LEVEL SECURITY;
UPDATE loyalty_uses SET token_uid = NULL WHERE state <> 'open' AND token_uid IS NOT NULL;
ALTER TABLE loyalty_uses FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN loyalty_uses.token_uid IS 'kept for the session that this token begins; NULL once it has one';

ALTER TABLE loyalty_campaigns ADD COLUMN left_treated int NOT NULL DEFAULT 0 CHECK (left_treated >= 0),
    ADD COLUMN left_held_out int NOT NULL DEFAULT 0 CHECK (left_held_out >= 0);
COMMENT ON COLUMN loyalty_campaigns.left_treated IS 'of its drivers who had it, those who were erased since';
COMMENT ON COLUMN loyalty_campaigns.left_held_out IS 'of its drivers who were held out, those who were erased since';
COMMENT ON TABLE loyalty_members IS 'whom a campaign is for and who of them has it, but for those who were erased';
