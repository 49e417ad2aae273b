-- Nodes where more may flow than their limits allow, though everybody has had time to obey.
-- depends: care.0030 care.0070 energy.0049

ALTER TABLE incidents DROP CONSTRAINT incidents_kind_check;
ALTER TABLE incidents ADD CONSTRAINT incidents_kind_check CHECK (kind IN ('fault', 'offline', 'flapping',
    'failed_starts', 'quarantined', 'not_accepted', 'clock', 'ghost', 'disobeys', 'overloaded', 'hold_ends', 'excess'));
