-- The ledger: accounts, the journal, and its postings. Written once, by one statement after another in one transaction;
-- whether an entry is whole is looked at when that commits, whoever wrote it.
-- depends: stations.0013 sessions.0004 access.0003

CREATE TABLE ledger_accounts (
    account_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    name text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z_]+(:[^:[:cntrl:]]{1,80}){0,3}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, account_id)
);

CREATE TABLE journal (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    key text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    at timestamptz NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT now(),
    legs smallint NOT NULL CHECK (legs BETWEEN 2 AND 100),
    memo text NOT NULL DEFAULT '' CHECK (length(memo) <= 300),
    session_id uuid,
    intent text CHECK (length(intent) BETWEEN 1 AND 100),
    site_id int,
    UNIQUE (tenant_id, key),
    UNIQUE (tenant_id, entry_id)
);
CREATE INDEX journal_by_time ON journal (tenant_id, at, entry_id);
CREATE INDEX journal_of_session ON journal (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX journal_of_intent ON journal (tenant_id, intent) WHERE intent IS NOT NULL;
COMMENT ON COLUMN journal.key IS 'what happened, so that it is written once: capture:<intent>, settle:<movement>';
COMMENT ON COLUMN journal.at IS 'when it happened; posted_at: when it was written';
COMMENT ON COLUMN journal.legs IS 'how many postings it has, so that none can be added later';
COMMENT ON COLUMN journal.site_id IS 'of what concerns a site and no session';

CREATE TABLE postings (
    entry_id bigint NOT NULL,
    leg smallint NOT NULL CHECK (leg >= 1),
    tenant_id int NOT NULL,
    account_id int NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CHECK (amount <> 0 AND abs(amount) <= 1000000000000000),
    PRIMARY KEY (entry_id, leg),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES journal (tenant_id, entry_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES ledger_accounts (tenant_id, account_id)
);
CREATE INDEX postings_of_account ON postings (account_id, entry_id) INCLUDE (currency, amount);
COMMENT ON COLUMN postings.amount IS 'minor units; debit positive, credit negative';

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['ledger_accounts', 'journal', 'postings']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        -- The books are the whole organisation's: who is limited to some sites reads their host's statement instead.
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT ON ledger_accounts, journal, postings TO forecourt_app;

CREATE FUNCTION payments_ledger_stays() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    RAISE EXCEPTION 'the ledger is only added to: post an entry that takes the other one back'
        USING ERRCODE = 'insufficient_privilege';
END
$body$;

-- One look an entry and posting: both must be there before the transaction is over, all legs that were said and no more.
-- Rows that the reader of the policies can't see count as missing, so that it fails closed.
CREATE FUNCTION payments_entry_is_whole() RETURNS trigger
LANGUAGE plpgsql
AS $body$
DECLARE
    wanted smallint;
    found bigint;
    loose text;
BEGIN
    SELECT j.legs INTO wanted FROM journal j WHERE j.entry_id = NEW.entry_id;
    SELECT coalesce(sum(c.legs), 0), min(c.currency) FILTER (WHERE c.total <> 0) INTO found, loose
    FROM (SELECT currency, count(*) AS legs, sum(amount) AS total FROM postings WHERE entry_id = NEW.entry_id
          GROUP BY currency) AS c;
    IF wanted IS NULL OR found <> wanted THEN
        RAISE EXCEPTION 'entry % has % postings and was to have %', NEW.entry_id, found, wanted
            USING ERRCODE = 'check_violation';
    END IF;
    IF loose IS NOT NULL THEN
        RAISE EXCEPTION 'entry % does not balance in %', NEW.entry_id, loose USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$body$;

CREATE CONSTRAINT TRIGGER journal_is_whole AFTER INSERT ON journal DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_entry_is_whole();
CREATE CONSTRAINT TRIGGER postings_are_whole AFTER INSERT ON postings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_entry_is_whole();

-- Always: not even who replays rows as a replica does changes them.
DO $stays$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['ledger_accounts', 'journal', 'postings']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION payments_ledger_stays()', t || '_stay', t);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', t, t || '_stay');
    END LOOP;
END
$stays$;
ALTER TABLE journal ENABLE ALWAYS TRIGGER journal_is_whole;
ALTER TABLE postings ENABLE ALWAYS TRIGGER postings_are_whole;
