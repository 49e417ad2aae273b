-- How much is said of hardware is counted of the whole organisation, whatever who asks may see; and what replacing costs
-- is said by nobody who is limited to some sites.
-- depends: insight.0087

CREATE TABLE hardware_change_counts (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    said bigint NOT NULL CHECK (said >= 0)
);
COMMENT ON TABLE hardware_change_counts IS 'of hardware_changes, kept by its triggers';

CREATE FUNCTION hardware_changes_more() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO hardware_change_counts AS c (tenant_id, said)
    SELECT tenant_id, count(*) FROM changed GROUP BY tenant_id ORDER BY tenant_id
    ON CONFLICT (tenant_id) DO UPDATE SET said = c.said + excluded.said;
    RETURN NULL;
END
$body$;
CREATE FUNCTION hardware_changes_fewer() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE hardware_change_counts c SET said = c.said - g.gone
    FROM (SELECT tenant_id, count(*) AS gone FROM changed GROUP BY tenant_id) g WHERE c.tenant_id = g.tenant_id;
    RETURN NULL;
END
$body$;
CREATE TRIGGER counted AFTER INSERT ON hardware_changes REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hardware_changes_more();
CREATE TRIGGER counted_out AFTER DELETE ON hardware_changes REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hardware_changes_fewer();

ALTER TABLE hardware_changes NO FORCE ROW LEVEL SECURITY;
INSERT INTO hardware_change_counts SELECT tenant_id, count(*) FROM hardware_changes GROUP BY tenant_id;
ALTER TABLE hardware_changes FORCE ROW LEVEL SECURITY;

ALTER TABLE hardware_change_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE hardware_change_counts FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON hardware_change_counts TO forecourt_app USING (tenant_id = forecourt_tenant());
GRANT SELECT, INSERT, UPDATE ON hardware_change_counts TO forecourt_app;

-- Who is limited reads since when ends are recorded, which their own plan is reckoned by.
CREATE POLICY of_the_whole_said ON replacement_inputs AS RESTRICTIVE FOR INSERT TO forecourt_app
    WITH CHECK ((SELECT forecourt_sites()) IS NULL);
CREATE POLICY of_the_whole_changed ON replacement_inputs AS RESTRICTIVE FOR UPDATE TO forecourt_app
    USING ((SELECT forecourt_sites()) IS NULL);
