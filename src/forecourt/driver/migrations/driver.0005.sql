-- Who acts as a driver sees no page of anybody else on which a card is left.
-- depends: driver.0004 payments.0012

CREATE POLICY of_driver ON payment_setups AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_driver()) IS NULL OR payer = 'driver:' || (SELECT forecourt_driver()));
