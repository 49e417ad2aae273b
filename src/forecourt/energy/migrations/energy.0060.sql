-- Whether a car took nothing of what it might when it was told to draw nothing: it hands its room over at its station's yes.
-- depends: energy.0059

ALTER TABLE charging_orders ADD COLUMN rested boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN charging_orders.rested IS
    'when it was sent the car was measured to draw nothing of what it might, though it had had the time to begin';
