-- Connectors that wear, as long as an alert of their health stands.
-- depends: care.0072 insight.0050

ALTER TABLE incidents DROP CONSTRAINT incidents_kind_check;
ALTER TABLE incidents ADD CONSTRAINT incidents_kind_check CHECK (kind IN ('fault', 'offline', 'flapping',
    'failed_starts', 'quarantined', 'not_accepted', 'clock', 'ghost', 'disobeys', 'overloaded', 'hold_ends', 'excess',
    'unplanned', 'wearing'));
