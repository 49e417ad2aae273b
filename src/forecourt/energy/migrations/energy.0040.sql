-- Whether a battery has been heard of since it was told something: until then it may go by what it was told before.
-- depends: energy.0036 energy.0020

ALTER TABLE battery_setpoints ADD COLUMN heard_at timestamptz;
COMMENT ON COLUMN battery_setpoints.heard_at IS 'when the first state after it came, in answer to which it was told; NULL: none came yet';
GRANT UPDATE (heard_at) ON battery_setpoints TO forecourt_app;
