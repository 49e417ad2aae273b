-- Sites that can't be planned.
-- depends: care.0071 energy.0051

ALTER TABLE incidents DROP CONSTRAINT incidents_kind_check;
ALTER TABLE incidents ADD CONSTRAINT incidents_kind_check CHECK (kind IN ('fault', 'offline', 'flapping',
    'failed_starts', 'quarantined', 'not_accepted', 'clock', 'ghost', 'disobeys', 'overloaded', 'hold_ends', 'excess',
    'unplanned'));
