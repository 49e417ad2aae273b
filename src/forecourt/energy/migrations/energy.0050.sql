-- What was drawn when a limit was told: only a draw that fell since shows that its station obeys.
-- depends: energy.0049

ALTER TABLE charging_orders ADD COLUMN drawn_ma int CHECK (drawn_ma >= 0);
COMMENT ON COLUMN charging_orders.drawn_ma IS 'what was drawn on a conductor when it was sent, as measured lately; NULL: nobody knew';
COMMENT ON COLUMN evse_obedience.proven IS 'obey_s was seen: what it drew fell to a lower limit, by more than meters may be wrong by';
