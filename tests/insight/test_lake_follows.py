"""What follows in a lake from what was counted: told by what it is counted of, whatever came later or was erased."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from forecourt.insight.dashboards.answering import Answers
from forecourt.insight.dashboards.model import Asked, Family, Span
from forecourt.insight.lake import erasing
from forecourt.insight.lake.groups import LEAST_OF_GROUP
from tests.insight.conftest import Desk
from tests.insight.test_dashboards import figures
from tests.insight.test_importing import written
from tests.insight.test_lake import Shore, content
from tests.support import EPOCH

HEAD = "id,station,site,evse,driver,start,end,kwh,cost,currency,fleet"
#: Vans are six and Cabs four; two are in none. By month, whose fleets came and who of none did.
MONTHS = {
    "2025-10": ("Vans", "Cabs"), "2025-11": ("Vans",), "2025-12": ("Vans", "n1", "n2"), "2026-01": ("Cabs", "n1"),
    "2026-02": ("Vans", "Cabs"),
}  # fmt: skip
FLEETS = {"Vans": 6, "Cabs": 4}


@pytest_asyncio.fixture
async def shore(desk: Desk, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Shore]:
    yield Shore(desk, tmp_path / "lake", request.node.name)


async def bring(shore: Shore, *rows: str) -> None:
    path = shore.root.parent / f"fleets-{shore.tenant_id}.csv"
    await shore.desk.bring(shore.tenant_id, written(path.parent, *rows, name=path.name, head=HEAD), "old")


def came() -> list[str]:
    rows: list[str] = []
    for month, who in MONTHS.items():
        drivers = [(f"{fleet}{n}", fleet) for fleet in who if fleet in FLEETS for n in range(FLEETS[fleet])]
        for driver, fleet in [*drivers, *((name, "") for name in who if name not in FLEETS)]:
            n = len(rows)
            rows.append(
                f"{n},{'AB'[n % 2]},north,1,{driver},{month}-0{1 + n % 9} 23:40,{month}-1{n % 9} 00:20,{n + 1},{n}.5,"
                f"{'EUR' if n % 3 else 'CHF'},{fleet}"
            )
    return rows


def plain(shore: Shore) -> set[tuple[str | None, date, int]]:
    """Of each month in which any of a group came, how many of it did in that and the two before; and how many came by
    no group that is large enough, where any did."""
    sessions = shore.ask("SELECT driver, driver_group, started_at::DATE FROM sessions WHERE driver IS NOT NULL")
    by_month: dict[date, set[tuple[int, str | None]]] = {}
    for driver, group, day in sessions:
        by_month.setdefault(day.replace(day=1), set()).add((driver, group))
    found: set[tuple[str | None, date, int]] = set()
    for month, mine in by_month.items():
        before = [month, *((month.replace(day=1) - timedelta(days=back)).replace(day=1) for back in (1, 32))]
        near = {each for other in before for each in by_month.get(other, ())}
        counts = {
            group: len({driver for driver, other in near if other == group}) for _, group in mine if group is not None
        }
        found |= {(group, month, drivers) for group, drivers in counts.items()}
        others = {d for d, group in mine if group is None or counts[group] < LEAST_OF_GROUP}
        if counts and others:
            found.add((None, month, len(others)))
    return found


async def test_groups_are_counted_again_where_their_drivers_changed(shore: Shore) -> None:
    """Of a late session the months are that it counts in; of an erased driver, all; the rest of files stays."""

    def check() -> None:
        assert {*shore.ask("SELECT driver_group, month, drivers FROM driver_groups")} == plain(shore)
        names = ["sessions", "stay_s", "idle_known", "idle_s", "energy_wh", "excl_minor", "excl_known"]
        sums = ", ".join(f"sum({name})::BIGINT" for name in names)
        keys = "local_date, driver_group, currency"
        question = f"SELECT {keys}, {sums} FROM {{}} GROUP BY ALL ORDER BY ALL"
        assert shore.ask(question.format("group_uses")) == shore.ask(question.format("group_days")) != []

    await bring(shore, *came())
    await shore.export()
    check()
    paths = shore.files("driver_groups")
    assert {month for name, month, drivers in plain(shore) if name == "Vans" and drivers == 6} == {
        date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1), date(2026, 2, 1),
    }  # fmt: skip
    assert (None, date(2025, 12, 1), 2) in plain(shore)
    # One more of November: of the months that are counted of it none of his group came in December.
    await bring(shore, "late,A,north,1,late,2025-11-20 10:00,2025-11-20 11:00,9,1.5,EUR,Cabs")
    await shore.export()
    check()
    now = shore.files("driver_groups")
    assert {name for name in now if now[name] != paths.get(name)} == {"2025-11", "2026-01"}
    whole = content(shore.root, shore.tenant_id)
    await shore.export(anew=True)
    assert content(shore.root, shore.tenant_id) == whole
    # Without two, Vans are few; in every snapshot that is kept.
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await erasing.ask(conn, shore.tenant_id, 7, ["Vans0", "Vans1", "late"], EPOCH)
    await erasing.Eraser(shore.desk.pool, shore.clock, shore.root).erase(shore.tenant_id)
    for number in shore.folder.snapshots():
        told = shore.ask("SELECT driver_group, month, drivers FROM driver_groups", number)
        assert {drivers for name, _, drivers in told if name == "Vans"} == {4}
    check()
    whole = content(shore.root, shore.tenant_id)
    await shore.export(anew=True)
    anew = content(shore.root, shore.tenant_id)
    for table in ("group_days", "group_uses", "driver_groups", "driver_spans", "drivers"):
        assert anew[table] == whole[table]


async def test_uses_of_sites_are_their_hours_and_know_whose_power_is_known(shore: Shore) -> None:
    """Once somebody says how much a station can give, what it gave is counted again."""
    stations = [shore.station("CP1"), shore.station("CP2"), shore.station("CP3", site="quay")]
    for n, station in enumerate(stations * 3):
        at = datetime(2026, 1, 30, 22, 30, tzinfo=UTC) + timedelta(days=n % 4, minutes=7 * n)
        await shore.session(station, f"t{n}", at, ended_at=at + timedelta(minutes=40 + 50 * n))
    await bring(shore, *came()[:6])
    await shore.export()

    def check(*powered: str) -> None:
        names = ", ".join(f"'{name}-{shore.tenant_id}'" for name in powered) or "''"
        uses = shore.ask("SELECT * FROM site_uses ORDER BY ALL")
        assert uses == shore.ask(f"""
            SELECT site, local_date, sum(busy_s)::BIGINT, sum(charging_s)::BIGINT, sum(energy_wh)::BIGINT,
                sum(CASE WHEN station IN ({names}) THEN energy_wh ELSE 0 END)::BIGINT, sum(starts)::BIGINT,
                max(greatest(peak, there)), paid, sum(excl_minor)::BIGINT, sum(incl_minor)::BIGINT
            FROM (
                SELECT h.*, s.there, coalesce(h.currency, min(h.currency) OVER (PARTITION BY h.site, h.local_date)) paid
                FROM hours h
                JOIN (SELECT site, hour_at, max(peak) there FROM site_hours GROUP BY ALL) s USING (site, hour_at)
            ) GROUP BY site, local_date, paid ORDER BY ALL
            """)
        first = shore.ask("SELECT station, min(hour_at) FROM hours GROUP BY station ORDER BY station")
        assert shore.ask("SELECT station, used_at FROM stations ORDER BY station") == first

    check()
    shore.desk.rows(
        "UPDATE stations SET max_power_w = 22000 WHERE tenant_id = %s AND station_id = ANY(%s) RETURNING 1",
        shore.tenant_id, stations[1:],
    )  # fmt: skip
    await shore.export()
    check("CP2", "CP3")
    # It may be another; what is counted by is that it is known.
    paths = shore.files("site_uses")
    shore.desk.rows(
        "UPDATE stations SET max_power_w = 11000 WHERE tenant_id = %s AND station_id = %s RETURNING 1",
        shore.tenant_id, stations[1],
    )  # fmt: skip
    await shore.export()
    check("CP2", "CP3")
    assert shore.files("site_uses") == paths


async def test_a_station_is_there_since_it_was_first_used_though_nobody_knew_it_yet(shore: Shore) -> None:
    """It is registered after these days; before it was used for the first time it was not there."""
    station = shore.station("CP1")
    for n, day in enumerate((date(2026, 1, 3), date(2026, 2, 15))):
        await shore.session(station, f"t{n}", datetime(day.year, day.month, day.day, 10, tzinfo=UTC))
    await shore.export()
    answers = Answers(shore.root)
    lake = await answers.lake(shore.tenant_id)
    places: tuple[dict[str, Any], ...] = ({}, {"site": "yard"}, {"station": f"CP1-{shore.tenant_id}"})
    for since, until, there_h in (
        (datetime(2026, 2, 10, tzinfo=UTC), datetime(2026, 2, 20, tzinfo=UTC), 240),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 11, tzinfo=UTC), 182),
    ):
        span = Span(since=since, until=until)
        for place in places:
            told = await answers.answer(shore.tenant_id, lake, Family.USE, Asked(span=span, zone="UTC", **place))
            assert figures(told)["utilisation"] == Fraction(1, there_h), (since, place)
