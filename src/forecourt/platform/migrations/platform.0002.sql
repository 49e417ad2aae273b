-- Letters that wait to be sent: written in the transaction that needs them, read by nobody but the worker.
-- depends: platform.0001

CREATE TABLE letters (
    letter_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id int NOT NULL,
    recipient text NOT NULL CHECK (length(recipient) BETWEEN 3 AND 254 AND recipient !~ '[\r\n]'),
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200 AND subject !~ '[\r\n]'),
    body text NOT NULL CHECK (length(body) <= 20000),
    written_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE letters IS 'a letter is deleted once it was handed over, since links that sign people in stand in it';

ALTER TABLE letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE letters FORCE ROW LEVEL SECURITY;
CREATE POLICY letters_written ON letters FOR INSERT TO forecourt_app WITH CHECK (tenant_id = forecourt_tenant());
CREATE POLICY letters_sent ON letters TO forecourt_worker USING (true);
GRANT INSERT ON letters TO forecourt_app;
GRANT SELECT, DELETE ON letters TO forecourt_worker;
