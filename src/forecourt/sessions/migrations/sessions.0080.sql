-- Where a car named itself at its station: a station of several EVSEs tells cars apart by nothing else. And how the id of
-- a contract may be written.
-- depends: sessions.0079

ALTER TABLE cars_seen ADD COLUMN evse int;
COMMENT ON COLUMN cars_seen.evse IS 'at which it named itself last; NULL where that was never said';

-- The ways of writing the id of a contract: country, provider, instance and perhaps a check digit, parted by hyphens, by
-- stars or by nothing. A text that is none is itself.
CREATE FUNCTION emaid_forms(uid text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN bare ~ '^[a-z]{2}[a-z0-9]{12,13}$' THEN (
        SELECT array_agg(id || digit) FROM (VALUES (''), ('-'), ('*')) parted (by),
            LATERAL (SELECT concat_ws(by, left(bare, 2), substr(bare, 3, 3), substr(bare, 6, 9)) AS id) named,
            LATERAL (SELECT '' AS digit UNION ALL SELECT by || d
                FROM regexp_split_to_table('0123456789abcdefghijklmnopqrstuvwxyz', '') d) ends)
    ELSE ARRAY[lower(uid COLLATE "C")] END
    FROM (SELECT lower(translate(uid, '-*', '') COLLATE "C") AS bare) said
$$;
