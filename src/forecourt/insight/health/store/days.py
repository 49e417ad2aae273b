"""What tables of the lake's form are asked about days of connectors, on DuckDB."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import duckdb

DAY_S: Final = 86_400
#: Rows that are held at a time.
ROWS_AT_ONCE: Final = 50_000
#: A session of less energy, or of less time, was no charge; as for incidents of failed starts.
LEAST_CHARGE_WH: Final = 50
LEAST_CHARGE_S: Final = 60
#: How soon the same driver starts at the same site again where that is a second try.
RETRY_S: Final = 600
#: Days that are looked back on for what a driver's car draws, and whether its starts fail, at other EVSEs of the site;
#: and charges there below which nobody knows what it draws.
CAR_D: Final = 90
LEAST_CHARGES: Final = 2
#: Codes by what they point at.
CODES: Final[Mapping[str, tuple[str, ...]]] = {
    "lock": ("ConnectorLockFailure",),
    "hot": ("HighTemperature",),
    "switch": ("PowerSwitchFailure", "OverCurrentFailure", "GroundFailure"),
    "link": ("EVCommunicationError",),
    "metering": ("PowerMeterFailure",),
}
#: Sessions that count: those of stations that are ours, also as other records tell of them.
_OURS: Final = "(s.source = 'own' OR p.source = 'own')"
#: Each gives station, evse (None: all of the station), the day since 1970, and values; times are whole seconds.
_SESSIONS: Final = f"""
    WITH tried AS (
        SELECT s.station, try_cast(s.evse AS INT) AS evse, coalesce(p.site, s.station) AS site, s.driver,
            epoch(s.started_at)::BIGINT AS a, epoch(s.ended_at)::BIGINT AS b,
            s.sampled_wh, s.power_wh, s.offered_wh, s.hottest_c,
            s.power_wh / nullif(s.offered_wh, 0) AS load,
            coalesce(s.energy_wh, 0) AS wh, coalesce(s.energy_wh, 0) < {LEAST_CHARGE_WH}
                OR epoch(s.ended_at)::BIGINT - epoch(s.started_at)::BIGINT < {LEAST_CHARGE_S} AS failed
        FROM sessions s LEFT JOIN stations p USING (station)
        WHERE {_OURS} AND s.outcome <> 'refused' AND epoch(s.started_at)::BIGINT >= $since
            AND epoch(s.started_at)::BIGINT < $until
    ),
    followed AS (
        SELECT *, lead(a) OVER next AS next_at, lead(failed) OVER next AS next_failed,
            lead(station) OVER next <> station OR lead(evse) OVER next <> evse AS moves,
            lag(b) OVER (PARTITION BY site, driver, station, evse ORDER BY a) AS before_at,
            sum(failed::INT) OVER there - coalesce(sum(failed::INT) OVER here, 0) AS failed_there,
            count(load) OVER there - count(load) OVER here AS charges_there,
            (sum(power_wh) FILTER (WHERE load IS NOT NULL) OVER there
                - coalesce(sum(power_wh) FILTER (WHERE load IS NOT NULL) OVER here, 0))
            / nullif(sum(offered_wh) FILTER (WHERE load IS NOT NULL) OVER there
                - coalesce(sum(offered_wh) FILTER (WHERE load IS NOT NULL) OVER here, 0), 0) AS usual
        FROM tried WINDOW next AS (PARTITION BY site, driver ORDER BY a),
            there AS (PARTITION BY site, driver ORDER BY a
                RANGE BETWEEN {CAR_D * DAY_S} PRECEDING AND 1 PRECEDING),
            here AS (PARTITION BY site, driver, station, evse ORDER BY a
                RANGE BETWEEN {CAR_D * DAY_S} PRECEDING AND 1 PRECEDING)
    ),
    known AS (
        SELECT *, driver IS NOT NULL AS is_known,
            driver IS NULL
                OR (coalesce(failed_there, 0) = 0 AND coalesce(a - before_at >= {RETRY_S}, true)) AS is_fair,
            driver IS NOT NULL AND charges_there >= {LEAST_CHARGES} AND usual * load IS NOT NULL AS is_told
        FROM followed
    )
    SELECT station, evse, a // {DAY_S} AS day, count(*) AS starts,
        count(*) FILTER (WHERE failed) AS failed,
        count(*) FILTER (WHERE failed AND is_known AND next_at - b < {RETRY_S}) AS retries,
        count(*) FILTER (WHERE is_fair) AS fair_starts,
        count(*) FILTER (WHERE is_fair AND failed) AS fair_failed,
        count(*) FILTER (WHERE failed AND is_known AND next_at - b < {RETRY_S} AND moves AND NOT next_failed) AS moved,
        sum(wh) AS energy,
        coalesce(sum(power_wh) FILTER (WHERE offered_wh > 0), 0) AS power_wh,
        coalesce(sum(offered_wh) FILTER (WHERE power_wh IS NOT NULL), 0) AS offered_wh,
        coalesce(sum(usual * offered_wh - power_wh) FILTER (WHERE is_told), 0) AS short_wh,
        coalesce(sum(offered_wh) FILTER (WHERE is_told), 0) AS told_wh,
        coalesce(sum(power_wh) FILTER (WHERE sampled_wh IS NOT NULL), 0) AS metered_wh,
        coalesce(sum(sampled_wh - power_wh), 0) AS drifted_wh,
        coalesce(sum(hottest_c), 0) AS heat, count(hottest_c) AS heats,
        coalesce(sum(hottest_c) FILTER (WHERE load IS NOT NULL), 0) AS loaded_heat,
        count(hottest_c) FILTER (WHERE load IS NOT NULL) AS loaded_heats,
        coalesce(sum(load) FILTER (WHERE hottest_c IS NOT NULL), 0) AS load,
        coalesce(sum(load * load) FILTER (WHERE hottest_c IS NOT NULL), 0) AS load_squared,
        coalesce(sum(load * hottest_c), 0) AS load_heat
    FROM known WHERE evse IS NOT NULL GROUP BY ALL
    """
_ERRORS: Final = f"""
    WITH said AS (
        SELECT station, evse, epoch(state_at)::BIGINT AS t, error_code FROM states
        WHERE epoch(state_at)::BIGINT >= $since AND epoch(state_at)::BIGINT < $until AND error_code IS NOT NULL
            AND error_code <> 'NoError' AND evse > 0
    ),
    hourly AS (
        SELECT station, evse, t // {DAY_S} AS day, t // 3600 AS hour, count(*) AS errors, {{each}}
        FROM said GROUP BY ALL
    )
    SELECT station, evse, day, {{sums}}, max(errors) AS burst FROM hourly GROUP BY ALL
    """
#: Times are shared out among the days that they are in.
_SPREAD: Final = f"""
    SELECT station, evse, day, sum(least(b, (day + 1) * {DAY_S}) - greatest(a, day * {DAY_S})) AS {{name}}
    FROM (SELECT *, unnest(generate_series(a // {DAY_S}, (b - 1) // {DAY_S})) AS day FROM (
        {{spans}}) WHERE b > a) GROUP BY ALL
    """
_FAULTED: Final = """
    SELECT station, evse, greatest(t, $since) AS a, least(coalesce(next_at, $until), $until) AS b FROM (
        SELECT station, evse, state, epoch(state_at)::BIGINT AS t,
            lead(epoch(state_at)::BIGINT) OVER (PARTITION BY station, evse, connector ORDER BY state_at) AS next_at
        FROM states WHERE evse > 0 AND epoch(state_at)::BIGINT < $until
    ) WHERE state = 'Faulted'
    """
_AWAY: Final = """
    SELECT station, NULL::INT AS evse, greatest(epoch(lost_at)::BIGINT, $since) AS a,
        least(coalesce(epoch(returned_at)::BIGINT, $until), $until) AS b
    FROM gaps WHERE epoch(lost_at)::BIGINT < $until
    """
_FLAPS: Final = f"""
    SELECT station, NULL::INT AS evse, epoch(lost_at)::BIGINT // {DAY_S} AS day, count(*) AS flaps
    FROM gaps WHERE epoch(lost_at)::BIGINT >= $since AND epoch(lost_at)::BIGINT < $until GROUP BY ALL
    """
_PLUGS: Final = f"""
    SELECT k.station, k.evse, any_value(p.site) AS site, min(k.t) // {DAY_S} AS began,
        min(k.t) FILTER (WHERE k.own) // {DAY_S} AS heard FROM (
        SELECT s.station, try_cast(s.evse AS INT) AS evse, s.source = 'own' AS own,
            min(epoch(s.started_at)::BIGINT) AS t
        FROM sessions s LEFT JOIN stations p USING (station) WHERE {_OURS} GROUP BY ALL
        UNION ALL SELECT station, evse::INT, true, min(epoch(state_at)::BIGINT) FROM states GROUP BY ALL
    ) k JOIN stations p USING (station) WHERE k.evse > 0 GROUP BY ALL ORDER BY k.station, k.evse
    """


def list_plugs(db: "duckdb.DuckDBPyConnection") -> list[tuple[str, int, str | None, int, int | None]]:
    """Station, EVSE, site, the day since 1970 on which it was first heard of, and the one on which it first spoke here,
    None where records that were brought in are all, of every EVSE that ever did or said something, in order."""
    return db.execute(_PLUGS).fetchall()


def day_counts(
    db: "duckdb.DuckDBPyConnection", since: int, until: int
) -> Iterator[tuple[list[str], list[tuple[Any, ...]]]]:
    """Counts of days, from one time until another (seconds since 1970): the names of some, and rows of station, EVSE
    (None: all of the station), day since 1970, and the count of each name."""
    for query in _queries():
        answer = db.execute(query, {"since": since, "until": until})
        names = [column[0] for column in answer.description[3:]]
        while rows := answer.fetchmany(ROWS_AT_ONCE):
            yield names, rows


def _queries() -> list[str]:
    each = [
        f"count(*) FILTER (WHERE error_code IN ({', '.join(repr(code) for code in codes)})) AS {name}"
        for name, codes in CODES.items()
    ]
    known = ", ".join(repr(code) for codes in CODES.values() for code in codes)
    each.append(f"count(*) FILTER (WHERE error_code NOT IN ({known})) AS other")
    sums = ", ".join(f"sum({name}) AS {name}" for name in (*CODES, "other"))
    return [
        _SESSIONS,
        _ERRORS.format(each=", ".join(each), sums=sums),
        _SPREAD.format(name="faulted_s", spans=_FAULTED),
        _SPREAD.format(name="away_s", spans=_AWAY),
        _FLAPS,
    ]
