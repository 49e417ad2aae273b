-- Sites for which no plan is found in time: their cure is another one than that of what can't be solved.
-- depends: energy.0054

ALTER TABLE planning_faults DROP CONSTRAINT planning_faults_stage_check;
ALTER TABLE planning_faults ADD CONSTRAINT planning_faults_stage_check CHECK (stage IN ('look', 'plan', 'late'));
COMMENT ON COLUMN planning_faults.stage IS
    'look: nothing was planned or shared out; plan: what there is was shared out; late: so, for want of time';
