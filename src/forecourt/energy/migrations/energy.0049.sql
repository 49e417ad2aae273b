-- How far and for how long more might flow than limits allow, and who was late.
-- depends: energy.0048

CREATE TABLE node_excesses (
    excess_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    site_id int NOT NULL,
    node text NOT NULL,
    name text NOT NULL,
    unit text NOT NULL CHECK (unit IN ('mA', 'W')),
    since timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    over_at timestamptz,
    allowed int NOT NULL CHECK (allowed >= 0),
    counted int NOT NULL,
    measured int,
    late jsonb NOT NULL,
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX node_excesses_open ON node_excesses (site_id, node, unit) WHERE over_at IS NULL;
CREATE INDEX node_excesses_of_site ON node_excesses (site_id, excess_id);
COMMENT ON COLUMN node_excesses.due_at IS 'when the slowest station below must have obeyed what it is told';
COMMENT ON COLUMN node_excesses.over_at IS 'when what stations may draw was within the limit again; NULL: it goes on';
COMMENT ON COLUMN node_excesses.allowed IS 'the least that the limit left for charging meanwhile';
COMMENT ON COLUMN node_excesses.counted IS 'the most that stations might draw together, by what they may go by';
COMMENT ON COLUMN node_excesses.measured IS 'the most that they were measured to draw together; NULL: nothing was measured';
COMMENT ON COLUMN node_excesses.late IS 'the EVSEs that might still draw more than they were told when it was last looked at';
ALTER TABLE node_excesses ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_excesses FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON node_excesses TO forecourt_app USING (tenant_id = forecourt_tenant());
CREATE POLICY of_sites ON node_excesses AS RESTRICTIVE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL OR site_id IN (SELECT i.site_id FROM sites i));
GRANT SELECT, INSERT, UPDATE, DELETE ON node_excesses TO forecourt_app;

-- For whoever watches over sites.
CREATE VIEW excess_conditions WITH (security_invoker = true) AS
SELECT x.tenant_id, x.site_id, x.node, x.name, x.unit, x.since, x.due_at, x.allowed, x.counted, x.measured, x.late
FROM node_excesses x JOIN energy_sites e ON e.tenant_id = x.tenant_id AND e.site_id = x.site_id AND e.enabled
WHERE x.over_at IS NULL;
COMMENT ON VIEW excess_conditions IS 'nodes where more may flow than their limits allow, at sites that are kept';
GRANT SELECT ON excess_conditions TO forecourt_app;

-- An EVSE is taken to be slow until it was seen to be quick.
ALTER TABLE evse_obedience ADD COLUMN proven bool NOT NULL DEFAULT false;
COMMENT ON COLUMN evse_obedience.proven IS 'obey_s was seen: it kept a limit that was lower by more than meters may be wrong by';
