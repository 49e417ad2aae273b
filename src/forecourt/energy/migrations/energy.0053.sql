-- Plans are stored packed, as what was known is: a number of a step takes a byte or less.
-- depends: energy.0052

ALTER TABLE energy_plans ADD COLUMN packed bytea, ALTER COLUMN plan DROP NOT NULL;
ALTER TABLE energy_plans ADD CONSTRAINT energy_plans_told CHECK (plan IS NOT NULL OR packed IS NOT NULL);
ALTER TABLE energy_plans ALTER COLUMN packed SET STORAGE EXTERNAL, ALTER COLUMN known SET STORAGE EXTERNAL;
COMMENT ON COLUMN energy_plans.packed IS 'the plan, compressed JSON';
COMMENT ON COLUMN energy_plans.plan IS 'the same of those that were stored before that was packed';
