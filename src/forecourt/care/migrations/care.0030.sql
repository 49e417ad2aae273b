-- Sessions that are held back while what is held for them runs out.
-- depends: care.0003 payments.0032

ALTER TABLE incidents DROP CONSTRAINT incidents_kind_check;
ALTER TABLE incidents ADD CONSTRAINT incidents_kind_check CHECK (kind IN ('fault', 'offline', 'flapping',
    'failed_starts', 'quarantined', 'not_accepted', 'clock', 'ghost', 'disobeys', 'overloaded', 'hold_ends'));
