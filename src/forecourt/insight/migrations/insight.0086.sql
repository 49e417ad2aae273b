-- A report may tell of one group of drivers: what a fleet is sent of its own use.
-- depends: insight.0085 insight.0070

ALTER TABLE reports ADD COLUMN driver_group text NOT NULL DEFAULT '' CHECK (length(driver_group) <= 200);
