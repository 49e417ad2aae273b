-- Whether every payment keeps to what payments.0112 asks of it: others are read and written meanwhile.
-- depends: payments.0112

ALTER TABLE payment_intents VALIDATE CONSTRAINT payment_intents_debt_of;
ALTER TABLE payment_intents VALIDATE CONSTRAINT payment_intents_of_one_tenant;
