-- By which ticket a code was used: who presses twice is led to the payment of the first time.
-- depends: driver.0006 driver.0007

ALTER TABLE driver_codes_used ADD COLUMN payment uuid;
COMMENT ON COLUMN driver_codes_used.payment IS 'the payment that was begun by it; NULL of those from before this was kept';
