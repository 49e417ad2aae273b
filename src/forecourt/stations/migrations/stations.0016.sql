-- Sites in the order of their names, for lists that are read so page by page.
-- depends: stations.0001

CREATE INDEX sites_by_name ON sites (tenant_id, lower(name), slug);
