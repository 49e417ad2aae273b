"""Use by group of drivers, against a plain calculation; and that nobody is found by a group's name."""

from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from forecourt.insight.dashboards import owned
from forecourt.insight.dashboards.answering import Answers
from forecourt.insight.dashboards.model import Asked, Family, GroupUnknown, Span, TraitOfFew
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.dashboards.words import cell, note
from forecourt.insight.lake.export import Exporter
from tests.insight.conftest import Desk
from tests.insight.test_dashboards import HEAD, Stay, asked, figures, lines, made_up
from tests.insight.test_importing import written


@pytest.fixture(scope="module")
def stays() -> list[Stay]:
    return made_up()


def fleet_of(stay: Stay) -> str:
    """Eight drivers, five, and a family of two; all others are in none."""
    number = int(stay.driver[1:])
    return "Taxis" if number < 8 else "Buses" if number < 13 else "Twins" if number < 15 else ""


async def test_groups_of_drivers_are_told_of_where_nobody_is_found_by_them(
    desk: Desk, stays: list[Stay], tmp_path: Path
) -> None:
    """Of a family nothing is told by its name, at no place and in no days; and all rows add up."""
    tenant_id = desk.organisation("groups")
    rows = [f"{line},{fleet_of(s)}" for s, line in zip(stays, lines(stays), strict=True)]
    path = written(tmp_path, *rows, head=f"{HEAD},fleet")
    await desk.bring(tenant_id, path, "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    began = [s for s in stays if 0 <= s.began < 14 * 1440]

    def plain(there: list[Stay]) -> list[tuple[Any, ...]]:
        found = []
        for name in ("Taxis", "Buses", ""):
            mine = [s for s in there if (fleet_of(s) if fleet_of(s) != "Twins" else "") == name]
            if mine:
                stayed = sum(s.over - s.began for s in mine) * 60
                wh, cents = sum(s.wh for s in mine), sum(s.cents for s in mine)
                found.append((name, len(mine), wh, Fraction(stayed, len(mine)), cents))
        return sorted(found, key=lambda row: (row[0] == "", -row[1], row[0]))

    for place, there in (
        ({}, began), ({"site": "old/north"}, [s for s in began if s.site == "north"]),
        ({"station": "old/north-1"}, [s for s in began if s.station == "north-1"]),
        ({"tariff": "night"}, [s for s in began if s.tariff == "night"]),
    ):  # fmt: skip
        told = (await answers.answer(tenant_id, lake, Family.USE, asked(**place))).table("driver_group")
        assert told is not None
        assert [(row[0], row[1], row[2], row[3], row[5]) for row in told.rows] == plain(there)
        assert told.columns[-2].currency == "EUR"
        assert cell(told, told.rows[-1], 0) == "None, or one of few drivers"
    for family in (Family.USE, Family.SUCCESS):
        alone = await answers.answer(tenant_id, lake, family, asked(driver_group="Buses"))
        buses = [s for s in began if fleet_of(s) == "Buses"]
        key = "sessions" if family == Family.USE else "nothing"
        assert figures(alone)[key] == sum(family == Family.USE or not s.charged for s in buses)
    listed = await answers.behind(tenant_id, lake, asked(driver_group="Buses"), "", 500)
    assert len(listed.rows) == len(buses)
    # A group of two is asked for in vain, as one that isn't there, whatever else is asked.
    for name in ("Twins", "Trams", ""):
        for family in (Family.USE, Family.SUCCESS):
            with pytest.raises(GroupUnknown):
                await answers.answer(tenant_id, lake, family, asked(driver_group=name))
        with pytest.raises(GroupUnknown):
            await answers.behind(tenant_id, lake, asked(driver_group=name), "", 500)


async def test_who_is_limited_to_sites_is_told_of_no_group(desk: Desk, stays: list[Stay], tmp_path: Path) -> None:
    """Row-level security keeps fleets and groups of tokens from them, and so does the lake."""
    tenant_id = desk.organisation("limited to sites")
    rows = [f"{line},{fleet_of(s)}" for s, line in zip(stays, lines(stays), strict=True)]
    await desk.bring(tenant_id, written(tmp_path, *rows, head=f"{HEAD},fleet"), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    for place in ({}, {"site": "old/north"}, {"station": "old/north-1"}):
        whole = await answers.answer(tenant_id, lake, Family.USE, asked(**place))
        mine = await answers.answer(tenant_id, lake, Family.USE, asked(**place, allowed=("old/north", "old/south")))
        table = whole.table("driver_group")
        assert table is not None
        assert {"Taxis", "Buses"} <= {*table.cells("driver_group")}
        assert mine.table("driver_group") is None
        assert figures(mine) == figures(whole)
    for name in ("Buses", "Twins", "Trams"):
        limited = asked(driver_group=name, allowed=("old/north", "old/south"))
        for family in (Family.USE, Family.SUCCESS):
            with pytest.raises(GroupUnknown):
                await answers.answer(tenant_id, lake, family, limited)
        with pytest.raises(GroupUnknown):
            await answers.behind(tenant_id, lake, limited, "", 500)


async def test_a_group_of_which_few_came_is_not_told_of_in_these_days_nor_in_longer_ones(
    desk: Desk, tmp_path: Path
) -> None:
    tenant_id = desk.organisation("few")
    head = "id,station,site,driver,start,end,kwh,fleet"
    # Five in January; one in each of the next months: with those of the quarter before, enough until March.
    came = [("2025-01", n) for n in range(5)] + [(f"2025-0{month}", 0) for month in range(2, 6)]
    rows = [f"{n},A,north,d{d},{month}-03 10:00,{month}-03 11:00,5,Taxis" for n, (month, d) in enumerate(came)]
    await desk.bring(tenant_id, written(tmp_path, *rows, head=head), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    for first, last, is_told in ((1, 4, True), (1, 5, False), (4, 5, False), (3, 4, True), (2, 7, False)):
        span = Span(since=datetime(2025, first, 2, tzinfo=UTC), until=datetime(2025, last, 1, tzinfo=UTC))
        told = await answers.answer(tenant_id, lake, Family.USE, Asked(span=span, zone="UTC"))
        table = told.table("driver_group")
        assert table is not None
        assert ("Taxis" in table.cells("driver_group")) == is_told, (first, last)
        # What isn't there by its name isn't missing without a word.
        assert [note(each, str)[:24] for each in told.notes] == ([] if is_told else ["Not all groups of driver"])


async def test_what_is_left_of_the_groups_is_not_one_of_few(desk: Desk, tmp_path: Path) -> None:
    """At a depot all others are of large groups: the rest would be the family by another name."""
    tenant_id = desk.organisation("depot")
    head = "id,station,site,driver,start,end,kwh,fleet"
    fleets = {"Taxis": 8, "Buses": 5, "Vans": 6, "Twins": 2}
    # In January they are alone, in February a guest comes, in March five do.
    guests = {1: 0, 2: 1, 3: 5, 4: 0}
    came = [
        (month, f"{fleet}{n}", fleet)
        for month, more in guests.items()
        for fleet, drivers in [*fleets.items(), ("", more)]
        for n in range(drivers)
        if month < 4 or fleet != "Twins"
    ]
    rows = [
        f"{n},A,north,{driver},2025-0{month}-03 10:00,2025-0{month}-03 11:00,5,{fleet}"
        for n, (month, driver, fleet) in enumerate(came)
    ]
    await desk.bring(tenant_id, written(tmp_path, *rows, head=head), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    for first, last, told in (
        (1, 2, [("Taxis", 8), ("Vans", 6), ("", 7)]), (2, 3, [("Taxis", 8), ("Vans", 6), ("", 8)]),
        (3, 4, [("Taxis", 8), ("Vans", 6), ("Buses", 5), ("", 7)]), (4, 5, [("Taxis", 8), ("Vans", 6), ("Buses", 5)]),
        (2, 4, [("Taxis", 16), ("Vans", 12), ("", 20)]),
    ):  # fmt: skip
        span = Span(since=datetime(2025, first, 1, tzinfo=UTC), until=datetime(2025, last, 1, tzinfo=UTC))
        for station in (None, "old/A"):
            asked_of = Asked(span=span, zone="UTC", station=station)
            table = (await answers.answer(tenant_id, lake, Family.USE, asked_of)).table("driver_group")
            assert table is not None
            assert [row[:2] for row in table.rows] == told, (first, last, station)
        if ("Buses", 5) not in told:
            with pytest.raises(GroupUnknown):
                await answers.answer(tenant_id, lake, Family.USE, Asked(span=span, zone="UTC", driver_group="Buses"))


async def test_a_tariff_that_few_have_to_themselves_is_told_of_by_no_name(desk: Desk, tmp_path: Path) -> None:
    """Twins have a tariff, which Taxis have too in March; Buses have one; all else pay by day, or by night."""
    tenant_id = desk.organisation("own tariffs")
    head = "id,station,site,driver,start,end,kwh,currency,cost,tariff,fleet"
    came = [
        *((1, f"twin{n}", "twin", "Twins") for n in range(2)),
        *((month, f"bus{n}", "bus", "Buses") for month in (1, 2, 3) for n in range(6)),
        *(
            (month, f"guest{n}", tariff, "")
            for month in (1, 2, 6)
            for n, tariff in enumerate(9 * ["day"] + 6 * ["night"])
        ),
        *((6, who, "twin", fleet) for who, fleet in [(f"taxi{n}", "Taxis") for n in range(8)] + [("twin0", "Twins")]),
    ]
    rows = [
        f"{n},A,north,{driver},2025-0{month}-03 10:00,2025-0{month}-03 11:00,5,EUR,1.00,{tariff},{fleet}"
        for n, (month, driver, tariff, fleet) in enumerate(came)
    ]
    await desk.bring(tenant_id, written(tmp_path, *rows, head=head), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)

    def of(first: int, end: int, own: tuple[str, ...] = ("bus", "twin"), **more: Any) -> Asked:
        span = Span(since=datetime(2025, first, 1, tzinfo=UTC), until=datetime(2025, end, 1, tzinfo=UTC))
        return Asked(span=span, zone="UTC", own=own, **more)

    async def mix(asked_for: Asked) -> dict[str, int]:
        table = (await answers.answer(tenant_id, lake, Family.USE, asked_for)).table("tariff")
        assert table is not None
        return {str(row[0]): int(str(row[1])) for row in table.rows}

    # Twins are two: with them stands who paid by the tariff of fewest others that are enough, or the rest is Twins.
    # Of Buses it would be Twins again, for these are told of as a group.
    assert await mix(of(1, 2)) == {"day": 9, "bus": 6, "": 8}
    # Without anybody's tariff all is told as it is.
    assert await mix(of(1, 2, own=())) == {"day": 9, "night": 6, "bus": 6, "twin": 2}
    # Where Twins didn't come, buses are enough.
    assert await mix(of(2, 3)) == {"day": 9, "night": 6, "bus": 6}
    # By the same tariff came enough of Taxis; they can be taken from it, and one is left.
    assert await mix(of(6, 7)) == {"day": 9, "": 15}
    # Whoever is limited to sites can take nobody from it.
    assert await mix(of(6, 7, allowed=("old/north",))) == {"day": 9, "night": 6, "twin": 9}
    for name in ("twin", "night"):
        for family in (Family.USE, Family.SUCCESS):
            # The night is everybody's, and more than few came by it.
            with pytest.raises(TraitOfFew, match="or stands with such a one"):
                await answers.answer(tenant_id, lake, family, of(1, 2, tariff=name))
        with pytest.raises(TraitOfFew):
            await answers.behind(tenant_id, lake, of(1, 2, tariff=name), "", 500)
    listed = await answers.behind(tenant_id, lake, of(1, 2), "", 500)
    assert Counter(listed.cells("tariff")) == {"day": 9, "bus": 6, None: 8}
    told = await answers.answer(tenant_id, lake, Family.USE, of(1, 2))
    [said] = [text for each in told.notes if (text := note(each, str)).startswith("Not all tariffs")]
    assert "the smallest other one stands with them, be it everybody's" in said
    assert figures(await answers.answer(tenant_id, lake, Family.USE, of(2, 3, tariff="bus")))["sessions"] == 6


def test_an_invoice_is_of_a_fleet_and_told_of_where_five_came_by_it(tmp_path: Path) -> None:
    ibis = pytest.importorskip("ibis")
    came = [("invoice", n, month) for month, many in ((1, 4), (5, 5)) for n in range(many)]
    came += [("hosted", 100 + n, month) for month in (1, 5) for n in range(6)]
    at = [datetime(2025, month, 9, tzinfo=UTC) for *_, month in came]
    sessions = ibis.memtable(
        {"started_at": at, "paid_by": [way for way, *_ in came], "tariff": ["day"] * len(came),
         "driver": [driver for _, driver, _ in came], "driver_group": ["Lab"] * len(came)}
    )  # fmt: skip
    days = sessions.mutate(local_date=sessions.started_at.date())
    for month, hidden in ((1, {"invoice", "hosted"}), (5, set())):
        span = Span(since=datetime(2025, month, 1, tzinfo=UTC), until=datetime(2025, month, 20, tzinfo=UTC))
        # Who is limited to sites is told of no group.
        limited = Asked(span=span, zone="UTC", allowed=("yard",))
        scope = Scope({"sessions": sessions, "site_days": days}, limited, datetime(2026, 1, 1, tzinfo=UTC), tmp_path)
        assert owned.hidden(scope) == {"tariff": frozenset(), "paid_by": frozenset(hidden)}
