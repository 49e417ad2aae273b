-- What tariffs were called: what was copied out stands by the name of then, and so does whose it is.
-- depends: pricing.0089

CREATE TABLE tariff_names (
    tenant_id int NOT NULL,
    tariff_id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (tenant_id, tariff_id, name),
    FOREIGN KEY (tenant_id, tariff_id) REFERENCES tariffs (tenant_id, tariff_id)
);
COMMENT ON TABLE tariff_names IS 'that tariffs had once, each once; what they are called is in tariffs';

ALTER TABLE tariff_names ENABLE ROW LEVEL SECURITY;
ALTER TABLE tariff_names FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON tariff_names TO forecourt_app USING (tenant_id = forecourt_tenant());
GRANT SELECT, INSERT ON tariff_names TO forecourt_app;

-- Published: by which other names a tariff stands in what was copied out.
CREATE VIEW former_tariff_names WITH (security_invoker = true) AS
SELECT n.tenant_id, n.tariff_id, n.name
FROM tariff_names n JOIN tariffs t ON t.tenant_id = n.tenant_id AND t.tariff_id = n.tariff_id
WHERE n.name <> t.name;
COMMENT ON VIEW former_tariff_names IS 'not what it is called today, though it was once';
GRANT SELECT ON former_tariff_names TO forecourt_app;
