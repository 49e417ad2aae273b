-- What drivers earn by sessions: points in lots that lapse, and what became of them.
-- depends: loyalty.0001

CREATE TABLE loyalty_programs (
    tenant_id int PRIMARY KEY REFERENCES organisations (tenant_id),
    program jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE loyalty_points (
    lot_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    driver_id bigint NOT NULL,
    session_id uuid NOT NULL UNIQUE,
    points bigint NOT NULL CHECK (points >= 0),
    points_left bigint NOT NULL CHECK (points_left BETWEEN 0 AND points),
    currency text COLLATE "C" NOT NULL,
    minor bigint NOT NULL CHECK (minor >= 0),
    minor_left bigint NOT NULL CHECK (minor_left BETWEEN 0 AND minor),
    cashback bigint NOT NULL CHECK (cashback >= 0),
    earned_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id)
);
CREATE INDEX loyalty_points_of_driver ON loyalty_points (tenant_id, driver_id, expires_at) WHERE points_left > 0;
CREATE INDEX loyalty_points_lapsing ON loyalty_points (expires_at) WHERE points_left > 0;
COMMENT ON TABLE loyalty_points IS 'one lot of a session, also where it earned none: a session earns once';
COMMENT ON COLUMN loyalty_points.minor IS 'what its points are worth, fixed when they were earned';

CREATE TABLE loyalty_moves (
    move_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    driver_id bigint NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('used', 'lapsed')),
    points bigint NOT NULL CHECK (points > 0),
    currency text COLLATE "C" NOT NULL,
    minor bigint NOT NULL CHECK (minor >= 0),
    at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, driver_id) REFERENCES driver_accounts (tenant_id, driver_id)
);
CREATE INDEX loyalty_moves_of_driver ON loyalty_moves (tenant_id, driver_id, move_id);

DO $policies$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['loyalty_programs', 'loyalty_points', 'loyalty_moves']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY of_tenant ON %I TO forecourt_app USING (tenant_id = forecourt_tenant())', t);
        EXECUTE format('CREATE POLICY of_the_whole ON %I AS RESTRICTIVE TO forecourt_app'
            ' USING ((SELECT forecourt_sites()) IS NULL)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO forecourt_app', t);
    END LOOP;
END
$policies$;
CREATE POLICY of_worker ON loyalty_points FOR SELECT TO forecourt_worker USING (true);
GRANT SELECT (tenant_id, points_left, expires_at) ON loyalty_points TO forecourt_worker;
