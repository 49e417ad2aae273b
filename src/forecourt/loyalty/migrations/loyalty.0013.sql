-- What was given to a session says nothing of the token that began it: that may be the card of somebody who left.
-- depends: loyalty.0012

ALTER TABLE loyalty_uses NO FORCE ROW LEVEL SECURITY;
UPDATE loyalty_uses SET token_uid = NULL WHERE state <> 'open' AND token_uid IS NOT NULL;
ALTER TABLE loyalty_uses FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN loyalty_uses.token_uid IS 'kept for the session that this token begins; NULL once it has one';
