-- What campaigns that there are say is within the bounds that are said since.
-- depends: loyalty.0013

ALTER TABLE loyalty_campaigns NO FORCE ROW LEVEL SECURITY;
UPDATE loyalty_campaigns c SET terms = jsonb_set(c.terms, '{audience}', c.terms -> 'audience' || (
    SELECT jsonb_object_agg(b.name, greatest(least((c.terms -> 'audience' ->> b.name)::numeric, b.most), 0))
    FROM (VALUES ('min_sessions', 10000), ('max_sessions', 10000), ('min_energy_wh', 1000000000), ('unseen_days', 365))
        AS b (name, most)
    WHERE jsonb_typeof(c.terms -> 'audience' -> b.name) = 'number'))
WHERE EXISTS (
    SELECT FROM unnest(ARRAY['min_sessions', 'max_sessions', 'min_energy_wh', 'unseen_days']) AS b (name)
    WHERE jsonb_typeof(c.terms -> 'audience' -> b.name) = 'number');
-- What is longer than any site's slug or any type is none; nobody asked for more of them than there can be. Where
-- nothing else is left a word stays that none is called by, as no word at all means all of them.
DO $cut$
DECLARE part text; most int; none text;
BEGIN
    FOR part, most, none IN VALUES ('sites', 1000, 'no such site'), ('connector_types', 100, 'no such type')
    LOOP
        UPDATE loyalty_campaigns c SET terms = jsonb_set(c.terms, ARRAY['places', part], (
            SELECT coalesce(jsonb_agg(n.word), jsonb_build_array(none)) FROM (
                SELECT e.word FROM jsonb_array_elements_text(c.terms -> 'places' -> part) AS e (word)
                WHERE length(e.word) BETWEEN 1 AND 100 LIMIT most) n))
        WHERE jsonb_typeof(c.terms -> 'places' -> part) = 'array' AND (
            jsonb_array_length(c.terms -> 'places' -> part) > most
            OR EXISTS (SELECT FROM jsonb_array_elements_text(c.terms -> 'places' -> part) AS e (word)
                WHERE length(e.word) NOT BETWEEN 1 AND 100));
    END LOOP;
END
$cut$;
ALTER TABLE loyalty_campaigns FORCE ROW LEVEL SECURITY;
