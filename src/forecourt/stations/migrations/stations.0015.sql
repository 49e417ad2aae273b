-- What a connector is shown as comes from its own word and from its session's: a car that charges is seen to charge, whatever
-- the connector said of itself, or if it never said anything.
-- depends: stations.0006 stations.0014

-- Other rooms look for what was said.
CREATE OR REPLACE VIEW connector_conditions WITH (security_invoker = true) AS
SELECT c.tenant_id, c.station_id, c.evse, c.connector, c.state, c.state_at, c.error_code,
    c.vendor_error_code, c.info, coalesce(h.arrived_at, c.state_at) AS arrived_at
FROM connectors c
LEFT JOIN connector_history h ON h.tenant_id = c.tenant_id AND h.station_id = c.station_id AND h.evse = c.evse
    AND h.connector = c.connector AND h.state_at = c.state_at AND h.state = c.state
WHERE c.state <> 'Unknown';

-- The table is small: a row a connector. What was said before counts where it did, until it is said anew.
ALTER TABLE connectors ADD COLUMN active_here boolean NOT NULL DEFAULT false;
ALTER TABLE connectors DROP COLUMN shown_state;
ALTER TABLE connectors ADD COLUMN shown_state text NOT NULL GENERATED ALWAYS AS (
    CASE WHEN state = 'Occupied' OR (active_here AND state IN ('Available', 'Unknown')) THEN coalesce(activity, state)
        ELSE state END) STORED;
COMMENT ON COLUMN connectors.state IS 'as last said; Unknown, since 1970, where a session alone tells of the connector';
COMMENT ON COLUMN connectors.activity IS 'what a running 2.x transaction says of the EVSE, in the 1.6 words';
COMMENT ON COLUMN connectors.active_here IS 'the transaction is at this connector, and not at another one of the EVSE';
CREATE INDEX connectors_active ON connectors (tenant_id) WHERE activity IS NOT NULL;

-- The worker ends what sessions said of connectors when they are over.
GRANT SELECT (tenant_id, activity) ON connectors TO forecourt_worker;
GRANT UPDATE (activity, active_here) ON connectors TO forecourt_app;
