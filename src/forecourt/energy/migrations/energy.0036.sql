-- Which command told a limit, so that a late answer finds it; and whether all of what a site took was measured.
-- depends: energy.0035

ALTER TABLE charging_orders ADD COLUMN command_id uuid;
CREATE INDEX charging_orders_of_command ON charging_orders (command_id) WHERE command_id IS NOT NULL AND accepted IS NULL;
GRANT UPDATE (command_id) ON charging_orders TO forecourt_app;
COMMENT ON COLUMN charging_orders.command_id IS 'NULL: nothing was sent';

ALTER TABLE site_power ADD COLUMN measured bool NOT NULL DEFAULT true;
COMMENT ON COLUMN site_power.measured IS 'false: something stood in for a meter that was late, or a car was not heard of';
