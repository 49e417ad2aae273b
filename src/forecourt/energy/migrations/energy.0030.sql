-- What never reached a station says nothing of it.
-- depends: energy.0012

ALTER TABLE charging_orders ADD COLUMN unsent bool NOT NULL DEFAULT false;
COMMENT ON COLUMN charging_orders.unsent IS 'it never reached the station; `accepted` is false then';
GRANT UPDATE (unsent) ON charging_orders TO forecourt_app;
