-- Tokens are the whole organisation's: who is limited to some of its sites sees and changes none.
-- depends: drivers.0001 access.0003

CREATE POLICY of_the_whole ON tokens AS RESTRICTIVE TO forecourt_app USING ((SELECT forecourt_sites()) IS NULL);
