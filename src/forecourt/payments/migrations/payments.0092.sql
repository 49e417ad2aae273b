-- A match of a bank's line that somebody takes back: its posting is reversed, and the line is matched by nobody but a person
-- from then on.
-- depends: payments.0091

ALTER TABLE bank_lines ADD COLUMN undone int NOT NULL DEFAULT 0 CHECK (undone >= 0);
COMMENT ON COLUMN bank_lines.undone IS 'how often somebody took back what it was matched with';
GRANT UPDATE (undone) ON bank_lines TO forecourt_app;
