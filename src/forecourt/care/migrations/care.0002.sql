-- Incidents of EVSEs that draw more than they may.
-- depends: care.0001 energy.0046

ALTER TABLE incidents DROP CONSTRAINT incidents_kind_check;
ALTER TABLE incidents ADD CONSTRAINT incidents_kind_check CHECK (kind IN ('fault', 'offline', 'flapping',
    'failed_starts', 'quarantined', 'not_accepted', 'clock', 'ghost', 'disobeys'));
