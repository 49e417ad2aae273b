-- Which planners there are, so that they share the sites; a lease is held while limits are recorded under it.
-- depends: energy.0012

-- A planner that runs, whether it holds sites or not.
CREATE TABLE planner_holders (
    holder uuid PRIMARY KEY,
    until timestamptz NOT NULL
);
COMMENT ON COLUMN planner_holders.until IS 'it has given no word for too long from then on';
GRANT SELECT, INSERT, UPDATE, DELETE ON planner_holders TO forecourt_worker;
-- To lock a lease against others is a kind of UPDATE.
GRANT UPDATE (until) ON planner_leases TO forecourt_app;
