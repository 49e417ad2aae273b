-- What sessions cost, and by which version of a tariff.
-- depends: sessions.0008 pricing.0001

CREATE TABLE session_costs (
    session_id uuid PRIMARY KEY,
    tenant_id int NOT NULL,
    station_id bigint NOT NULL,
    tariff_id uuid,
    tariff_version int,
    frozen_by text NOT NULL CHECK (frozen_by IN ('assignment', 'agreement')),
    assignment_id uuid,
    zone text NOT NULL,
    circumstances jsonb NOT NULL,
    frozen_at timestamptz NOT NULL,
    most_minor bigint CHECK (most_minor >= 0),
    final bool NOT NULL DEFAULT false,
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    excl_minor bigint,
    incl_minor bigint,
    bill jsonb,
    priced_at timestamptz,
    sealed_at timestamptz,
    later_incl_minor bigint,
    FOREIGN KEY (tariff_id, tariff_version) REFERENCES tariff_versions (tariff_id, version),
    CHECK ((tariff_id IS NULL) = (tariff_version IS NULL)),
    CHECK (NOT final OR (priced_at IS NOT NULL AND (tariff_id IS NULL OR bill IS NOT NULL)))
);
CREATE INDEX session_costs_of_station ON session_costs (station_id);
COMMENT ON COLUMN session_costs.tariff_id IS 'NULL: no tariff counts, so it costs nothing';
COMMENT ON COLUMN session_costs.frozen_by IS 'agreement: the price that somebody was shown, which wins; assignment: the tariff assigned when it began';
COMMENT ON COLUMN session_costs.most_minor IS 'what may be taken at the most, after taxes: what was authorised';
COMMENT ON COLUMN session_costs.bill IS 'forecourt.pricing.shown.Quote';
COMMENT ON COLUMN session_costs.sealed_at IS 'since then, money having moved, it changes no more';
COMMENT ON COLUMN session_costs.later_incl_minor IS 'what it would cost by values that came after it was sealed, where that differs';

ALTER TABLE session_costs ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_costs FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON session_costs TO forecourt_app USING (tenant_id = forecourt_tenant());
SELECT stations_hold_to_sites('session_costs');
GRANT SELECT, INSERT ON session_costs TO forecourt_app;
GRANT UPDATE (tariff_id, tariff_version, frozen_by, assignment_id, circumstances, frozen_at, most_minor, final, currency,
    excl_minor, incl_minor, bill, priced_at, sealed_at, later_incl_minor) ON session_costs TO forecourt_app;

-- Once sealed, a cost stays: only what it would be is noted beside it.
CREATE FUNCTION sessions_costs_stay() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    IF TG_OP = 'DELETE' OR (OLD.excl_minor, OLD.incl_minor, OLD.currency, OLD.bill, OLD.final, OLD.sealed_at)
            IS DISTINCT FROM (NEW.excl_minor, NEW.incl_minor, NEW.currency, NEW.bill, NEW.final, NEW.sealed_at) THEN
        RAISE EXCEPTION 'the cost of session % is sealed', OLD.session_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER session_costs_stay BEFORE UPDATE OR DELETE ON session_costs
    FOR EACH ROW WHEN (OLD.sealed_at IS NOT NULL) EXECUTE FUNCTION sessions_costs_stay();
