"""Use by group of drivers, against a plain calculation; and that nobody is found by a group's name."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from forecourt.insight.dashboards.answering import Answers
from forecourt.insight.dashboards.model import Asked, Family, GroupUnknown, Span
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
