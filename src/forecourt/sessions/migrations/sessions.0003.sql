-- Reports of unknown transactions get a number by which they are listed and reviewed.
-- depends: sessions.0001

ALTER TABLE orphan_reports ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX orphan_reports_in_order ON orphan_reports (tenant_id, number);
