-- A draw that falls to its limit once may have fallen by itself: a station is quick once that was seen twice.
-- depends: energy.0051

ALTER TABLE evse_obedience ADD COLUMN fell_at timestamptz;
COMMENT ON COLUMN evse_obedience.fell_at IS 'when the limit was sent to which what it drew was last seen to fall; NULL: never since it disobeyed';
COMMENT ON COLUMN evse_obedience.proven IS 'obey_s was seen: what it drew fell to two lower limits, by more than meters may be wrong by';
