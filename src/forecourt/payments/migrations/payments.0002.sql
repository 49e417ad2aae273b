-- Hosts: who owns a site and gets a share of what is earned there, by which rules, and how they are paid.
-- depends: payments.0001

CREATE TABLE hosts (
    host_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    address text NOT NULL DEFAULT '' CHECK (length(address) <= 500),
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    email text NOT NULL DEFAULT '' CHECK (length(email) <= 254),
    vat_id text NOT NULL DEFAULT '' CHECK (length(vat_id) <= 20),
    vat_rate numeric(5, 2) CHECK (vat_rate BETWEEN 0 AND 50),
    site_ids int[] NOT NULL DEFAULT '{}' CHECK (cardinality(site_ids) <= 500),
    payout_every text NOT NULL DEFAULT 'day' CHECK (payout_every IN ('day', 'week', 'month')),
    payout_minimum bigint NOT NULL DEFAULT 0 CHECK (payout_minimum BETWEEN 0 AND 1000000000000),
    bank_name text NOT NULL DEFAULT '' CHECK (length(bank_name) <= 70),
    iban_sealed bytea,
    iban_shown text NOT NULL DEFAULT '' CHECK (length(iban_shown) <= 40),
    bic text NOT NULL DEFAULT '' CHECK (bic ~ '^([A-Z0-9]{8}|[A-Z0-9]{11})?$'),
    connect_account text NOT NULL DEFAULT '' CHECK (length(connect_account) <= 100),
    connect_by text NOT NULL DEFAULT '' CHECK (length(connect_by) <= 100),
    held_at timestamptz,
    held_reason text NOT NULL DEFAULT '' CHECK (length(held_reason) <= 300),
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, host_id)
);
CREATE INDEX hosts_in_order ON hosts (tenant_id, host_id);
COMMENT ON COLUMN hosts.vat_rate IS 'percent that is put on what they are owed; NULL: they charge no VAT';
COMMENT ON COLUMN hosts.site_ids IS 'sites that are theirs now: whoever is limited to all of these sees what the host is owed';
COMMENT ON COLUMN hosts.iban_shown IS 'the first four and the last four of it';
COMMENT ON COLUMN hosts.connect_account IS 'their account at the payment provider whose account with us is connect_by';
COMMENT ON COLUMN hosts.held_at IS 'since when they are not paid, and why: a payout came back';

-- Share rules in versions. The one that counts at a session's start is the latest at its station, else at the nearest site
-- above it.
CREATE TABLE host_rules (
    rule_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    host_id int,
    site_id int NOT NULL,
    only_station_id bigint,
    valid_from timestamptz NOT NULL,
    rule jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    FOREIGN KEY (tenant_id, host_id) REFERENCES hosts (tenant_id, host_id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, site_id, only_station_id, valid_from)
);
COMMENT ON COLUMN host_rules.host_id IS 'NULL: from then on nobody has a share there';
COMMENT ON COLUMN host_rules.only_station_id IS 'NULL: all stations of the site and of those below it';

-- What a host is owed, line by line: one of each leg on their account, with what led to it. Only added to.
CREATE TABLE host_lines (
    line_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    host_id int NOT NULL,
    entry_id bigint NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    at timestamptz NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL,
    share bigint NOT NULL DEFAULT 0,
    vat bigint NOT NULL DEFAULT 0,
    platform_fee bigint NOT NULL DEFAULT 0,
    rule_id int,
    session_id uuid,
    intent text,
    site_id int,
    station text,
    evse int,
    connector int,
    started_at timestamptz,
    energy_wh bigint,
    net bigint,
    payout_id int,
    memo text NOT NULL DEFAULT '',
    FOREIGN KEY (tenant_id, host_id) REFERENCES hosts (tenant_id, host_id),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES journal (tenant_id, entry_id)
);
CREATE INDEX host_lines_of_host ON host_lines (host_id, currency, line_id) INCLUDE (amount);
CREATE INDEX host_lines_of_session ON host_lines (tenant_id, session_id) WHERE session_id IS NOT NULL;
COMMENT ON COLUMN host_lines.amount IS 'minor units that they are owed for it; below 0: that they owe, or were paid';
COMMENT ON COLUMN host_lines.net IS 'what was earned before VAT of what the share is of';

-- Files for the bank, each with the payouts of one day.
CREATE TABLE payout_files (
    file_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES organisations (tenant_id),
    message text COLLATE "C" NOT NULL CHECK (length(message) BETWEEN 1 AND 35),
    execution_on date NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    payouts int NOT NULL CHECK (payouts > 0),
    total bigint NOT NULL CHECK (total > 0),
    sealed bytea NOT NULL,
    made_at timestamptz NOT NULL,
    UNIQUE (tenant_id, file_id),
    UNIQUE (tenant_id, message)
);

CREATE TABLE payouts (
    payout_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    host_id int NOT NULL,
    way text NOT NULL CHECK (way IN ('sepa', 'connect')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CHECK (amount > 0),
    state text NOT NULL CHECK (state IN ('asked', 'paid', 'refused', 'bounced')),
    execution_on date NOT NULL,
    up_to_line bigint NOT NULL,
    source text NOT NULL,
    bank_shown text NOT NULL,
    file_id int,
    reference text,
    reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 300),
    made_at timestamptz NOT NULL,
    ended_at timestamptz,
    booked_on date,
    UNIQUE (tenant_id, payout_id),
    FOREIGN KEY (tenant_id, host_id) REFERENCES hosts (tenant_id, host_id),
    FOREIGN KEY (tenant_id, file_id) REFERENCES payout_files (tenant_id, file_id)
);
CREATE INDEX payouts_of_host ON payouts (host_id, payout_id);
-- One is in the air at a time, so that what a host is owed is paid once.
CREATE UNIQUE INDEX payouts_asked ON payouts (host_id, currency) WHERE state = 'asked';
COMMENT ON COLUMN payouts.state IS 'asked: the provider was or will be asked; refused: it never went; bounced: it came back';
COMMENT ON COLUMN payouts.source IS 'the account of the ledger that it is paid from';
COMMENT ON COLUMN payouts.up_to_line IS 'the last of the lines that it pays';
COMMENT ON COLUMN payouts.booked_on IS 'when our bank booked it, by its own statement';

-- From where an organisation pays.
CREATE TABLE payout_banks (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 70),
    iban_sealed bytea NOT NULL,
    iban_shown text NOT NULL,
    bic text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL
);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['hosts', 'host_rules', 'host_lines', 'payout_files', 'payouts', 'payout_banks']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['payout_files', 'payout_banks']
    LOOP
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
    END LOOP;
    -- Who is limited to some sites sees the hosts whose sites are all among these, and what hangs on those hosts.
    CREATE POLICY of_sites ON hosts AS RESTRICTIVE TO forecourt_app USING ((SELECT forecourt_sites()) IS NULL
        OR (site_ids <> '{}' AND site_ids <@ (SELECT array_agg(i.site_id) FROM sites i)));
    FOREACH t IN ARRAY ARRAY['host_rules', 'host_lines', 'payouts']
    LOOP
        EXECUTE format('CREATE POLICY of_sites ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL OR host_id IN (SELECT h.host_id FROM hosts h))', t);
    END LOOP;
END
$policies$;
GRANT SELECT, INSERT, UPDATE ON hosts, payout_banks TO forecourt_app;
GRANT SELECT, INSERT ON host_rules, host_lines, payout_files, payouts TO forecourt_app;
GRANT UPDATE (state, file_id, reference, reason, ended_at, booked_on) ON payouts TO forecourt_app;

CREATE TRIGGER host_lines_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON host_lines
    FOR EACH STATEMENT EXECUTE FUNCTION payments_ledger_stays();
ALTER TABLE host_lines ENABLE ALWAYS TRIGGER host_lines_stay;

-- Organisations with hosts; the worker then works as each of them.
CREATE FUNCTION payments_tenants_with_hosts() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $body$ SELECT DISTINCT tenant_id FROM hosts ORDER BY 1 $body$;
CREATE POLICY of_lookup ON hosts FOR SELECT TO forecourt_lookup USING (true);
GRANT SELECT (tenant_id) ON hosts TO forecourt_lookup;
GRANT CREATE ON SCHEMA public TO forecourt_lookup;
ALTER FUNCTION payments_tenants_with_hosts() OWNER TO forecourt_lookup;
REVOKE CREATE ON SCHEMA public FROM forecourt_lookup;
REVOKE ALL ON FUNCTION payments_tenants_with_hosts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION payments_tenants_with_hosts() TO forecourt_worker, forecourt_app;
