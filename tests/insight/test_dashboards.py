"""Dashboards: their numbers against a plain calculation over the sessions, and their pages as they arrive."""

import asyncio
import contextlib
import csv
import io
import random
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import msgspec
import pyarrow.parquet
import pytest
import pytest_asyncio
from msgspec import Struct, structs
from pypdf import PdfReader
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner

from forecourt.access import Role
from forecourt.access.limits import SiteName
from forecourt.cli import app as cli
from forecourt.insight.dashboards import answering, availability, drivers, words
from forecourt.insight.dashboards import told as programs
from forecourt.insight.dashboards.answering import FROM_THE_LAKE, Answers
from forecourt.insight.dashboards.asking import Question, groups_of, whole_months
from forecourt.insight.dashboards.availability import Life, Outage, by_month, down, months_before
from forecourt.insight.dashboards.comparing import compared
from forecourt.insight.dashboards.files import Form
from forecourt.insight.dashboards.files import taken as taken_as
from forecourt.insight.dashboards.files import written as written_as
from forecourt.insight.dashboards.model import (
    Answer,
    Asked,
    Cell,
    Column,
    Compare,
    Family,
    Group,
    PlaceUnknown,
    Span,
    Table,
    Unit,
)
from forecourt.insight.dashboards.profit import told
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.dashboards.sites import by_site
from forecourt.insight.dashboards.success import chargex
from forecourt.insight.dashboards.use import unused_evses
from forecourt.insight.dashboards.words import figure, note
from forecourt.insight.lake import asking, rollup
from forecourt.insight.lake.export import Exporter
from forecourt.insight.lake.layout import Folder
from forecourt.insight.lake.tables import schema
from forecourt.insight.reports.paper import _places as places_on_paper
from forecourt.insight.reports.paper import pdf_of
from forecourt.insight.reports.sheets import xlsx_of
from forecourt.insight.reports.told import Told
from forecourt.insight.turns import AnswerTooSlow
from forecourt.payments.ledger.store.reports import Earned, SiteCost
from forecourt.platform.database import Pool
from forecourt.ui.assets import STATIC_DIR
from forecourt.ui.ranges import time_range
from tests.care.console import console, signed_in
from tests.conftest import Database
from tests.http import House, Tenant
from tests.insight.conftest import Desk
from tests.insight.test_health_nights import published
from tests.insight.test_importing import written
from tests.support import WAIT_S, FakeClock

HEAD = "id,station,site,evse,driver,start,end,kwh,currency,cost,connector type,tariff"
BEGIN, END = datetime(2025, 3, 3, tzinfo=UTC), datetime(2025, 3, 17, tzinfo=UTC)


class Stay(Struct, frozen=True):
    """A session as plain as it gets, times in minutes since BEGIN."""

    station: str
    site: str
    evse: str
    driver: str
    began: int
    over: int
    wh: int
    cents: int

    @property
    def tariff(self) -> str:
        return "night" if self.began % 1440 < 480 else "day"

    @property
    def kind(self) -> str:
        return "CCS" if self.evse == "1" else "IEC_62196_T2"

    @property
    def charged(self) -> bool:
        return self.wh > 0


def made_up() -> list[Stay]:
    """Three weeks, one before the days that are asked for: at two sites, by people who try again when it fails."""
    dice = random.Random(7)
    stays: list[Stay] = []
    for number in range(260):
        site = dice.choice(["north", "south"])
        began, length = dice.randrange(-7 * 1440, 14 * 1440), dice.randrange(20, 300)
        fails = dice.random() < 0.2
        wh, cents = (0, 0) if fails else (dice.randrange(1000, 40_000), 500)
        station, evse = f"{site}-{dice.randrange(3)}", str(dice.randrange(1, 3))
        one = Stay(station, site, evse, f"d{number % 30}", began, began + (3 if fails else length), wh, cents)
        stays.append(one)
        if fails and dice.random() < 0.5:
            again = one.over + dice.choice([5, 10, 30])
            stays.append(structs.replace(one, began=again, over=again + length, wh=9000, cents=300))
    return stays


@pytest.fixture(scope="module")
def stays() -> list[Stay]:
    return made_up()


def lines(stays: list[Stay]) -> list[str]:
    def at(minute: int) -> str:
        return (BEGIN + timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M")

    return [
        f"{n},{s.station},{s.site},{s.evse},{s.driver},{at(s.began)},{at(s.over)},{s.wh / 1000},EUR,{s.cents / 100}"
        f",{'CCS' if s.kind == 'CCS' else 'Type 2'},{s.tariff}"
        for n, s in enumerate(stays)
    ]


async def lake_of(desk: Desk, tenant_id: int, stays: list[Stay], folder: Path, root: Path) -> Answers:
    await desk.bring(tenant_id, written(folder, *lines(stays), head=HEAD), "old")
    await Exporter(desk.pool, desk.clock, root).export(tenant_id)
    return Answers(root)


def figures(answer: Answer) -> dict[str, Any]:
    return {figure.key: figure.value for figure in answer.figures}


def asked(**place: Any) -> Asked:
    return Asked(span=Span(since=BEGIN, until=END), zone="UTC", **place)


async def test_money_that_is_not_known_before_taxes_is_not_nothing_and_every_currency_is_told(
    desk: Desk, tmp_path: Path
) -> None:
    tenant_id = desk.organisation("currencies")
    head = "id,station,site,start,end,kwh,cost,cost_incl,currency"
    rows = [
        "1,A,north,2025-03-03 10:00,2025-03-03 11:00,5,10.00,,EUR",
        "2,A,north,2025-03-03 12:00,2025-03-03 13:00,5,5.00,,EUR",
        "3,A,north,2025-03-04 10:00,2025-03-04 11:00,5,7.00,,SEK",
        "4,B,south,2025-03-04 10:00,2025-03-04 11:00,5,,99.00,NOK",
        "5,B,south,2025-03-05 10:00,2025-03-05 11:00,5,,3.00,EUR",
    ]
    await desk.bring(tenant_id, written(tmp_path, *rows, head=head), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    for place in ({}, {"site": "old/south"}):
        use = await answers.answer(tenant_id, lake, Family.USE, asked(**place))
        paid = {each.currency: each for each in use.figures if each.key == "revenue"}
        assert paid["NOK"].value is None
        assert figure(paid["NOK"]) == "not known (NOK)"
        assert (paid["EUR"].value, "SEK" in paid) == ((None, False) if place else (1_500, True))
    use = await answers.answer(tenant_id, lake, Family.USE, asked())
    timeline = use.table("timeline")
    assert timeline is not None
    amounts = {name: timeline.cells(name)[:4] for name in ("revenue_minor", "revenue_sek_minor", "revenue_nok_minor")}
    assert amounts == {
        "revenue_minor": [1_500, 0, None, 0],
        "revenue_sek_minor": [0, 700, 0, 0],
        "revenue_nok_minor": [0, None, 0, 0],
    }
    # A site has what it earned in each currency, not only in the one of most of it.
    sites = {str(row["name"]): row for row in named_rows(use.table("places"))}
    paid_of = ("revenue_minor", "currency", "revenue_eur_minor", "revenue_nok_minor", "revenue_sek_minor")
    assert {name: [row.get(each) for each in paid_of] for name, row in sites.items()} == {
        "old/north": [1_500, "EUR", 0, None, 700], "old/south": [None, "NOK", None, None, 0],
    }  # fmt: skip
    group = Group(slug="all", name="All", sites=("old/north", "old/south"))
    of_all = await answers.answer(tenant_id, lake, Family.USE, asked(groups=(group,)))
    [row] = named_rows(of_all.table("groups"))
    assert [row.get(each) for each in paid_of] == [1_500, "EUR", None, None, 700]
    assert (
        written_as(timeline, Form.CSV, "UTC", BEGIN)
        .splitlines()[0]
        .endswith(b"currency,revenue_nok_minor,revenue_sek_minor")
    )
    now = datetime(2025, 3, 17, tzinfo=UTC)
    report = Told(
        organisation="Ada", name="Week", site="", zone="UTC", first_day=BEGIN.date(), last_day=END.date(),
        known_at=now, whole=True, answers=[(Family.USE, use)],
    )  # fmt: skip
    book = CalamineWorkbook.from_filelike(io.BytesIO(xlsx_of(report)))
    assert "not known (NOK)" in str(book.get_sheet_by_index(0).to_python())
    assert book.get_sheet_by_index(1).to_python()[0][-2:] == ["Revenue (NOK)", "Revenue (SEK)"]
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf_of(report))).pages)
    assert "not known (NOK)" in text
    assert "Revenue (SEK)" in " ".join(text.split())


def test_evses_that_nobody_used_have_their_numbers() -> None:
    assert unused_evses({"1", "3"}, 4) == ["2", "4"]
    assert unused_evses({"1", "2"}, 2) == []
    # One that is called otherwise, or not known, may be any of them.
    assert unused_evses({"left"}, 3) == ["", ""]
    assert unused_evses({"1", ""}, 3) == [""]


def busy_minutes(stays: list[Stay]) -> int:
    return sum(max(0, min(s.over, 14 * 1440) - max(s.began, 0)) for s in stays)


def visits(stays: list[Stay]) -> tuple[int, int, int]:
    """Visits, those that charged, and those that did at the first try."""
    found: list[list[Stay]] = []
    tries: dict[tuple[str, str], list[Stay]] = defaultdict(list)
    for s in stays:
        tries[s.driver, s.site].append(s)
    for mine in tries.values():
        last = None
        for s in sorted(mine, key=lambda s: (s.began, s.over)):
            if last is not None and s.began - last.over <= 10:
                found[-1].append(s)
            else:
                found.append([s])
            last = s
    return len(found), sum(any(s.charged for s in v) for v in found), sum(v[0].charged for v in found)


def most_at_once(stays: list[Stay]) -> int:
    minutes: Counter[int] = Counter()
    for s in stays:
        minutes.update(range(max(s.began, 0), min(s.over, 14 * 1440)))
    return max(minutes.values(), default=0)


async def test_use_and_success_equal_a_plain_calculation_at_every_place(
    desk: Desk, stays: list[Stay], tmp_path: Path
) -> None:
    tenant_id = desk.organisation("plainly")
    answers = await lake_of(desk, tenant_id, stays, tmp_path, tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    for place, of in (
        ({}, lambda s: True),
        ({"site": "old/north"}, lambda s: s.site == "north"),
        ({"station": "old/north-1"}, lambda s: s.station == "north-1"),
        ({"station": "old/north-1", "evse": "2"}, lambda s: (s.station, s.evse) == ("north-1", "2")),
        ({"tariff": "night"}, lambda s: s.tariff == "night"),
        ({"site": "old/south", "connector_type": "CCS"}, lambda s: (s.site, s.kind) == ("south", "CCS")),
        ({"station": "old/north-1", "tariff": "day"}, lambda s: (s.station, s.tariff) == ("north-1", "day")),
        (
            {"site": "all", "group": ("all", "old/north"), "tariff": "day"},
            lambda s: (s.site, s.tariff) == ("north", "day"),
        ),
    ):
        here = [s for s in stays if of(s)]
        began = [s for s in here if 0 <= s.began < 14 * 1440]
        use = await answers.answer(tenant_id, lake, Family.USE, asked(**place))
        told_of = figures(use)
        assert told_of["sessions"] == len(began)
        assert told_of["revenue"] == sum(s.cents for s in began)
        assert told_of["dwell"] == Fraction(60 * sum(s.over - s.began for s in began), len(began))
        assert told_of["peak"] == most_at_once(here)
        assert (told_of["utilisation"] is None) == bool({"tariff", "connector_type"} & {*place})
        assert sum(use.table("hour_of_week").cells("busy_s")) == 60 * busy_minutes(here)  # type: ignore[union-attr, arg-type]
        assert sum(use.table("timeline").cells("energy_wh")) == told_of["energy"]  # type: ignore[union-attr, arg-type]
        success = figures(await answers.answer(tenant_id, lake, Family.SUCCESS, asked(**place)))
        charged, (whole, good, at_once) = sum(s.charged for s in began), visits(began)
        assert success["session_success"] == Fraction(charged, len(began))
        assert (success["visits"], success["visit_success"], success["first_time"]) == (
            whole, Fraction(good, whole), Fraction(at_once, whole),
        )  # fmt: skip
    parts = {row[0]: row[6] for row in (await answers.answer(tenant_id, lake, Family.USE, asked())).tables[4].rows}
    assert parts == {
        f"old/{site}": sum(s.site == site and 0 <= s.began < 14 * 1440 for s in stays) for site in ("north", "south")
    }
    groups = (
        Group(slug="all", name="All", sites=("all", "old/north", "old/south")),
        Group(slug="n", name="N", sites=("n", "old/north")),
    )
    grouped = (await answers.answer(tenant_id, lake, Family.USE, asked(groups=groups))).table("groups")
    assert grouped is not None
    assert [(row[0], row[2], row[5]) for row in grouped.rows] == [
        ("all", 2, sum(int(str(cell)) for cell in parts.values())), ("n", 1, parts["old/north"]),
    ]  # fmt: skip
    # And the sessions themselves, of one outcome, the latest first.
    here = [s for s in stays if s.site == "north" and s.tariff == "day" and not s.charged and 0 <= s.began < 14 * 1440]
    listed = await answers.behind(tenant_id, lake, asked(site="old/north", tariff="day"), "nothing", 5)
    assert listed.left_out == len(here) - 5
    assert listed.cells("started_at") == sorted((BEGIN + timedelta(minutes=s.began) for s in here), reverse=True)[:5]
    assert "driver" not in [column.name for column in listed.columns]
    evses = await answers.answer(tenant_id, lake, Family.USE, asked(station="old/north-1"))
    assert sorted(str(row[0]) for row in evses.tables[4].rows) == ["1", "2"]


def test_a_site_stands_for_all_that_is_part_of_it() -> None:
    depths = (("land", 0), ("town", 1), ("yard", 2), ("dock", 1), ("isle", 0))
    sites = [SiteName(site_id=n, slug=slug, name=slug.title(), depth=depth) for n, (slug, depth) in enumerate(depths)]
    assert [(group.slug, group.sites) for group in groups_of(sites)] == [
        ("land", ("land", "town", "yard", "dock")), ("town", ("town", "yard")),
    ]  # fmt: skip


async def test_days_that_were_counted_and_sessions_say_the_same(
    desk: Desk, stays: list[Stay], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a place whose day begins in the middle of an hour of UTC, over months that are whole and in part, in two
    currencies, and for who is limited to some sites."""
    tenant_id = desk.organisation("by days")
    root = tmp_path / "lake"
    # From the 10th of February to the middle of April.
    slow = [structs.replace(s, began=s.began * 3, over=s.began * 2 + s.over) for s in stays]
    paid = [line.replace("EUR", "CHF") if n % 3 == 0 else line for n, line in enumerate(lines(slow))]
    await desk.bring(tenant_id, written(tmp_path, *paid, head=HEAD), "old", time_zone="Asia/Kolkata")
    await Exporter(desk.pool, desk.clock, root).export(tenant_id)
    clock = ZoneInfo("Asia/Kolkata")
    march, long, within_one = (
        Span(since=datetime(2025, *first, tzinfo=clock), until=datetime(2025, *end, tzinfo=clock))
        for first, end in (((3, 1), (4, 1)), ((2, 20), (4, 5)), ((3, 4), (3, 9)))
    )
    questions = [
        Asked(span=span, zone="Asia/Kolkata", allowed=allowed)
        for span, allowed in (
            (long, None), (long, ("old/north",)), (long, ("old/nowhere",)), (march, None), (within_one, None)
        )
    ]  # fmt: skip
    families = (Family.USE, Family.SUCCESS, Family.DRIVERS)
    monkeypatch.setattr(drivers, "LEAST_OF_MONTH", 1)

    async def told(questions: list[Asked]) -> list[Answer]:
        answers = Answers(root)
        lake = await answers.lake(tenant_id)
        return [await answers.answer(tenant_id, lake, family, each) for family in families for each in questions]

    by_days = await told(questions)
    with asking.expressed(root, tenant_id) as tables:
        late = datetime(2100, 1, 1, tzinfo=UTC)
        assert Scope(tables, questions[0], late, tmp_path).by_days
        assert not Scope(tables, structs.replace(questions[0], zone="UTC"), late, tmp_path).by_days
        # A snapshot is of any moment: fractions of its second are no time of a plug.
        at = datetime(2025, 3, 5, 12, tzinfo=UTC)
        known = [by_site(Scope(tables, questions[0], each, tmp_path)) for each in (at, at.replace(microsecond=501_569))]
        assert known[0] == known[1]
    monkeypatch.setattr(Scope, "by_days", False)
    monkeypatch.setattr(Asked, "whole", False)
    assert by_days == await told(questions)
    assert figures(by_days[0])["sessions"] > figures(by_days[1])["sessions"] > 0
    new = [figures(answer)["new"] for answer in by_days[-len(questions) :]]
    assert new[3] != new[0]


async def test_time_in_use_says_on_how_little_it_stands(desk: Desk, tmp_path: Path) -> None:
    """A plug that is known for one hour, in which it was taken, isn't taken all the time."""
    tenant_id = desk.organisation("little known")
    rows = [
        "1,A,north,1,d,2025-03-03 00:00,2025-03-03 01:00,5,EUR,1,CCS,day",
        "2,A,north,1,d,2025-03-16 22:00,2025-03-16 23:00,5,EUR,1,CCS,day",
        "3,B,south,1,d,2025-03-10 10:00,2025-03-10 11:00,5,EUR,1,CCS,day",
    ]
    await desk.bring(tenant_id, written(tmp_path, *rows, head=HEAD), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    use = await answers.answer(tenant_id, lake, Family.USE, asked())
    told = {row["place"]: (row["utilisation"], row["known_s"]) for row in named_rows(use.table("places"))}
    assert told == {"old/north": (Fraction(2, 13 * 24 + 23), None), "old/south": (1, 3600)}
    # Of both together more than half of the days is known, of the one alone an hour is.
    assert use.notes == ()
    alone = await answers.answer(tenant_id, lake, Family.USE, asked(site="old/south"))
    assert figures(alone)["utilisation"] == 1
    assert [note(each, str)[:32] for each in alone.notes] == ["Time in use stands on few hours "]


@pytest.mark.parametrize(("lasted", "median"), [((125, 59, 4000), 125), ((61, 118, 50, 7000), Fraction(179, 2))])
async def test_the_median_stay_is_told_to_the_second(
    desk: Desk, tmp_path: Path, lasted: tuple[int, ...], median: Fraction
) -> None:
    tenant_id = desk.organisation("median")
    begins = [BEGIN + timedelta(hours=3 * number) for number in range(len(lasted))]
    rows = [
        f"{n},A,north,1,d,{at:%Y-%m-%d %H:%M:%S},{at + timedelta(seconds=s):%Y-%m-%d %H:%M:%S},0.1,EUR,1,CCS,day"
        for n, (at, s) in enumerate(zip(begins, lasted, strict=True))
    ]
    await desk.bring(tenant_id, written(tmp_path, *rows, head=HEAD), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    # Of all by days that were counted, of one site from its sessions.
    for place in ({}, {"site": "old/north"}):
        use = await answers.answer(tenant_id, lake, Family.USE, asked(**place))
        assert figures(use)["dwell_median"] == median


async def test_co2_is_told_of_hours_and_sites_whose_intensity_is_known(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("grams")
    # An hour at 40 g and a half one at 100 g, 9 kWh spread over them evenly; an hour of which nothing is known.
    stays = [
        Stay("north-0", "north", "1", "d", 60, 150, 9_000, 0), Stay("north-0", "north", "1", "d", 600, 660, 5_000, 0),
        Stay("south-0", "south", "1", "d", 60, 150, 9_000, 0),
    ]  # fmt: skip
    for hour, grams in ((1, 30), (1.5, 50), (2, 100)):
        desk.admin.execute(
            "INSERT INTO signal_series (tenant_id, kind, zone, start_at, minutes, value, source, fetched_at)"
            " VALUES (%s, 'co2', 'NL', %s, 30, %s, 'x', %s)",
            (tenant_id, BEGIN + timedelta(hours=hour), grams, BEGIN),
        )
    answers = await lake_of(desk, tenant_id, stays, tmp_path, tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    told_of = figures(await answers.answer(tenant_id, lake, Family.USE, asked(co2=(("old/north", "NL"),))))
    assert (told_of["co2"], told_of["co2_a_kwh"]) == (6 * 40 + 3 * 100, 60)
    assert "co2" not in figures(await answers.answer(tenant_id, lake, Family.USE, asked()))


async def test_who_is_limited_to_sites_is_told_of_no_other(desk: Desk, stays: list[Stay], tmp_path: Path) -> None:
    tenant_id = desk.organisation("limited")
    answers = await lake_of(desk, tenant_id, stays, tmp_path, tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    mine = await answers.answer(tenant_id, lake, Family.USE, asked(allowed=("old/south",)))
    north = sum(s.site == "north" and 0 <= s.began < 14 * 1440 for s in stays)
    assert (
        figures(mine)["sessions"]
        == figures(await answers.answer(tenant_id, lake, Family.USE, asked()))["sessions"] - north
    )
    for family in FROM_THE_LAKE:
        with pytest.raises(PlaceUnknown):
            await answers.answer(tenant_id, lake, family, asked(allowed=("old/south",), site="old/north"))
        with pytest.raises(PlaceUnknown):
            await answers.answer(tenant_id, lake, family, asked(allowed=("old/south",), station="old/north-1"))


async def test_drivers_are_counted_and_too_few_are_not_told_of(desk: Desk, stays: list[Stay], tmp_path: Path) -> None:
    tenant_id = desk.organisation("drivers")
    answers = await lake_of(desk, tenant_id, stays, tmp_path, tmp_path / "lake")
    answer = await answers.answer(tenant_id, await answers.lake(tenant_id), Family.DRIVERS, asked())
    began = [s for s in stays if 0 <= s.began < 14 * 1440]
    counts = Counter(s.driver for s in began)
    before = {s.driver for s in stays if s.began < 0}
    found = figures(answer)
    assert found["drivers"] == len(counts)
    assert found["repeat"] == Fraction(sum(n > 1 for n in counts.values()), len(counts))
    assert found["new"] == len(set(counts) - before)
    late = 14 * 1440 * 3 / 4
    last = {driver: max(s.began for s in began if s.driver == driver) for driver in counts}
    loyal = sum(n >= 4 and last[driver] >= late for driver, n in counts.items())
    assert loyal >= 3
    segments = {row[0]: row[1] for row in answer.tables[0].rows}
    assert segments["often"] == loyal
    assert not {1, 2} & set(segments.values())
    # At one plug, where few came in the last days of February, of nobody.
    span = Span(since=BEGIN - timedelta(days=7), until=END)
    here = Asked(span=span, zone="UTC", station="old/north-1", evse="2")
    told_of = await answers.answer(tenant_id, await answers.lake(tenant_id), Family.DRIVERS, here)
    assert told_of == Answer(figures=(), tables=(), too_few=True)


@pytest.mark.parametrize(
    ("first", "last", "compare", "months"),
    [
        # The latest that is over, whatever days of the one that isn't are asked for.
        ("2026-10-28", "2026-11-26", Compare.BEFORE, ("2026-10-01 2026-10-31", "2026-09-01 2026-09-30")),
        ("2026-11-20", "2026-11-26", Compare.NOTHING, ("2026-10-01 2026-10-31",)),
        ("2026-03-03", "2026-03-17", Compare.BEFORE, ("2026-03-01 2026-03-31", "2026-02-01 2026-02-28")),
        ("2025-11-27", "2026-11-26", Compare.BEFORE, ("2025-11-01 2026-10-31", "2024-11-01 2025-10-31")),
        ("2026-02-28", "2026-03-01", Compare.YEAR, ("2026-02-01 2026-03-31", "2025-02-01 2025-03-31")),
    ],
)
def test_drivers_are_told_of_by_whole_months(first: str, last: str, compare: Compare, months: tuple[str, ...]) -> None:
    now = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)
    days = time_range(now, "Europe/Berlin", first=first, last=last)
    question = Question(range=days, before=None, compare=compare, site="", station="", evse="", allowed=None, co2=())
    found = [each for each in whole_months(question, now) if each is not None]
    assert tuple(f"{each.first} {each.last}" for each in found) == months
    assert (found[0].start, found[0].end) == tuple(
        datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
        for day in (months[0][:10], str(date.fromisoformat(months[0][11:]) + timedelta(days=1)))
    )


def test_programs_are_told_why_nothing_is_told_of_few_drivers() -> None:
    days = time_range(datetime(2026, 11, 26, 23, 30, tzinfo=UTC), "UTC", preset="30d")
    asked_for = Question(
        range=days, before=None, compare=Compare.NOTHING, site="", station="", evse="", allowed=None, co2=()
    )
    few, none = (
        programs.told(Family.DRIVERS, asked_for, Answer(figures=(), tables=(), too_few=said), None)
        for said in (True, False)
    )
    assert (few.too_few, len(few.notes), few.notes[0][:45]) == (
        True,
        1,
        "In one of these months fewer than ten drivers",
    )
    assert (none.too_few, none.notes) == (False, [])


async def test_of_one_driver_or_two_no_total_is_told_either(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("alone")
    stays = [
        Stay("north-0", "north", "1", driver, day * 1440, day * 1440 + 90, 9_000, 0)
        for day, driver in ((1, "a"), (2, "a"), (3, "b"))
    ]
    answers = await lake_of(desk, tenant_id, stays, tmp_path, tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    answer = await answers.answer(tenant_id, lake, Family.DRIVERS, asked())
    assert (answer.too_few, figures(answer), answer.tables) == (True, {}, ())
    use = figures(await answers.answer(tenant_id, lake, Family.USE, asked()))
    assert use["sessions"] == 3
    assert "drivers" not in use


async def test_an_answer_that_takes_too_long_is_broken_off_and_nobody_waits_behind_others_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = {name: schema(name).empty_table() for name in ("states", "gaps", "sessions", "stations")}
    for tenant_id in (1, 2):
        published(Folder(tmp_path, tenant_id), empty, END)
    over, begun, entered, ended = threading.Event(), [], [], []

    def endless(scope: Scope) -> Answer:
        db = scope.sessions.get_backend().con
        entered.append(1)
        try:
            # The second one begins after the first was broken off.
            for _ in range(2):
                with contextlib.suppress(duckdb.InterruptException):
                    # Row by row: a join of two would put billions away on the disk.
                    db.execute("SELECT count(*) FROM range(1_000_000_000_000_000) AS n (i) WHERE i % 7 = 8").fetchall()
        finally:
            ended.append(1)
        return Answer(figures=(), tables=())

    answers = Answers(tmp_path, within_s=5.0)
    one, two = await answers.lake(1), await answers.lake(2)
    monkeypatch.setitem(answering.FROM_THE_LAKE, Family.USE, endless)
    answers._made.within_s = 0.1
    # On a machine that is busy one may be broken off before it asks anything: then it is asked with more time.
    while not entered:
        answers._made.within_s *= 2
        with pytest.raises(AnswerTooSlow):
            await answers.answer(1, one, Family.USE, asked())
    assert ended == entered == [1], "its place is free again only when its thread has ended"

    def waits(scope: Scope) -> Answer:
        begun.append(scope.asked.zone)
        assert over.wait(30)
        return Answer(figures=(), tables=())

    answers._made.within_s = 30.0
    monkeypatch.setitem(answering.FROM_THE_LAKE, Family.USE, waits)
    zones = ["UTC", "Europe/Berlin", "Asia/Tokyo"]
    much = [
        asyncio.create_task(answers.answer(1, one, Family.USE, structs.replace(asked(), zone=zone))) for zone in zones
    ]
    while not begun:
        await asyncio.sleep(0.01)
    other = asyncio.create_task(answers.answer(2, two, Family.USE, structs.replace(asked(), zone="Asia/Kolkata")))
    while len(begun) < 2:
        await asyncio.sleep(0.01)
    assert begun == ["UTC", "Asia/Kolkata"]
    over.set()
    await asyncio.gather(*much, other)
    assert sorted(begun[2:]) == ["Asia/Tokyo", "Europe/Berlin"]


async def test_a_table_is_written_as_a_file_by_a_thread_and_broken_off_between_rows(tmp_path: Path) -> None:
    columns = (Column(name="n", label="N", unit=Unit.COUNT),)
    begun, ended = threading.Event(), threading.Event()

    class Endless(Sequence[tuple[int]]):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, _: Any) -> Any:
            raise AssertionError

        def __iter__(self) -> Iterator[tuple[int]]:
            begun.set()
            try:
                while True:
                    yield (1,)
            finally:
                ended.set()

    answers = Answers(tmp_path)
    rows: Any = Endless()
    table = Table(key="endless", title="Endless", columns=columns, rows=rows)
    taken = asyncio.create_task(taken_as(answers, 1, table, Form.XLSX, "UTC", END))
    assert await asyncio.to_thread(begun.wait, WAIT_S)
    short = structs.replace(table, rows=[(1,)])
    # Another organisation's is written meanwhile.
    book = CalamineWorkbook.from_filelike(io.BytesIO(await taken_as(answers, 2, short, Form.XLSX, "UTC", END)))
    assert book.get_sheet_by_index(0).to_python() == [["N"], [1.0]]
    answers._written.within_s = 0.0
    with pytest.raises(AnswerTooSlow):
        await taken_as(answers, 1, short, Form.XLSX, "UTC", END)
    taken.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taken
    assert ended.is_set()


async def test_hours_that_are_counted_for_an_answer_are_broken_off_as_well(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id, root = desk.organisation("counted slowly"), tmp_path / "lake"
    stays = [Stay("north-0", "north", "1", "a", 60, 90, 9_000, 0)]
    lake = await (await lake_of(desk, tenant_id, stays, tmp_path, root)).lake(tenant_id)
    begun, ended = [], []

    def counted(self: rollup.RollUp, *_: Any) -> None:
        begun.append(1)
        try:
            self._db.execute("SELECT count(*) FROM range(1_000_000_000_000_000) AS n (i) WHERE i % 7 = 8").fetchall()
        finally:
            ended.append(1)

    monkeypatch.setattr(rollup.RollUp, "hours", counted)
    within_s = 0.5
    # On a machine that is busy it may be broken off before it counts: then it is asked with more time.
    while not begun:
        within_s *= 2
        with pytest.raises(AnswerTooSlow):
            await Answers(root, within_s).answer(tenant_id, lake, Family.USE, asked(station="old/north-0"))
    assert ended == begun == [1]


async def test_a_year_of_outages_is_told_however_often_connectors_change_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(days: float, state: str, evse: int | None = 1) -> dict[str, Any]:
        at = END - timedelta(days=days)
        return {"station": "A", "evse": evse, "connector": evse and 1, "state_at": at, "state": state, "arrived_at": at}

    states = [
        said(500, "Faulted"), said(490, "Available"), said(320, "Unavailable", None), said(319, "Available", None),
        said(100, "Faulted"), said(98, "Available"), said(100, "Available", 2),
        *(said(n / 100, "Charging" if n % 2 else "Available") for n in range(1, 900)),
    ]  # fmt: skip
    lost = [{"station": "A", "lost_at": END - timedelta(days=n), "returned_at": END - timedelta(days=n - 0.5)}
            for n in (600, 40)]  # fmt: skip
    rows = {"states": states, "gaps": lost, "sessions": [], "stations": []}
    tables = {name: pyarrow.Table.from_pylist(each, schema(name)) for name, each in rows.items()}
    published(Folder(tmp_path, 1), tables, END)

    async def told() -> Answer:
        answers = Answers(tmp_path)
        lake = await answers.lake(1)
        return await answers.answer(1, lake, Family.AVAILABILITY, asked())

    # Of two ports one is known for 100 days. The station was out for a day before that.
    out = {1: Fraction(7, 2), 2: Fraction(1, 2)}
    monkeypatch.setattr(availability, "MAX_OUTAGES", 10)
    answer = await told()
    assert figures(answer)["uptime_year"] == 1 - sum(out.values()) / (365 + 100)
    assert "left_out" not in figures(answer)
    months = answer.table("months")
    assert months is not None
    assert [row[2:5] for row in months.rows][:2] == [(1, 525_600, 5_040), (2, (100 - 16) * 1440, 720)]
    monkeypatch.setattr(availability, "MAX_OUTAGES", 1)
    assert figures(await told())["left_out"] == 1


async def test_a_retired_station_is_out_no_more_and_who_has_its_identity_next_begins_anew(
    desk: Desk, tmp_path: Path
) -> None:
    tenant_id, root = desk.organisation("retired"), tmp_path / "lake"

    def at(days: float) -> datetime:
        return BEGIN + timedelta(days=days)

    def station(identity: str, retired: float | None) -> int:
        given = {"tenant_id": tenant_id, "created_at": at(-300)}
        names = {"identity": identity} if retired is None else {"retired_identity": identity, "retired_at": at(retired)}
        values = given | names
        query = f"INSERT INTO stations ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})"
        [(number,)] = desk.rows(f"{query} RETURNING station_id", *values.values())
        return int(number)

    def said(number: int, days: float, state: str, evse: int = 1) -> None:
        desk.rows(
            "INSERT INTO connector_history (station_id, evse, connector, state_at, state, tenant_id, arrived_at)"
            " VALUES (%s, %s, 1, %s, %s, %s, %s) RETURNING 1",
            number, evse, at(days), state, tenant_id, at(days),
        )  # fmt: skip

    def lost(number: int, days: float) -> None:
        query = "INSERT INTO connection_gaps (station_id, epoch, tenant_id, lost_at) VALUES (%s, 1, %s, %s) RETURNING 1"
        desk.rows(query, number, tenant_id, at(days))

    # Of the identity R first one with two plugs, faulted and lost until it was retired; another that begins at 10 days.
    first, second, gone = station("R-retired", 4), station("R-retired", None), station("G-retired", -100)
    for evse in (1, 2):
        said(first, -10, "Available", evse)
    said(first, 1, "Faulted", 2)
    lost(first, 3)
    said(first, 5, "Faulted")  # its clock is ahead
    said(second, 10, "Available")
    # One that was retired long ago, never came back, and was out for half of its fifty days.
    said(gone, -150, "Available")
    lost(gone, -125)
    await Exporter(desk.pool, desk.clock, root).export(tenant_id)
    answers = Answers(root)
    answer = await answers.answer(tenant_id, await answers.lake(tenant_id), Family.AVAILABILITY, asked())
    day = 86_400
    told = figures(answer)
    assert (told["ports"], told["outage"]) == (2, (1 + 3) * day)
    assert told["uptime"] == 1 - Fraction(4, 4 + 4 + 4)
    assert told["uptime_year"] == 1 - Fraction(4 + 25, (14 + 4) + 14 + 50)
    assert told["below_goal"] == 3
    rows = {(row["station"], row["evse"]): row for row in named_rows(answer.table("ports"))}
    assert {port: (row["offline_s"], row["faulted_s"]) for port, row in rows.items()} == {
        ("R-retired", 1): (day, 0), ("R-retired", 2): (0, 3 * day),
    }  # fmt: skip
    ledger = {(row["station"], row["evse"], row["since"]): row["until"] for row in named_rows(answer.table("outages"))}
    assert ledger == {
        ("R-retired", 1, at(3)): at(4), ("R-retired", 2, at(1)): at(4), ("R-retired", 2, at(3)): at(4),
    }  # fmt: skip
    later = structs.replace(asked(), span=Span(since=END, until=END + timedelta(days=365)))
    answer = await answers.answer(tenant_id, await answers.lake(tenant_id), Family.AVAILABILITY, later)
    # In the year until then the second plug was there for some days, and out for most of them.
    assert (figures(answer)["ports"], figures(answer)["outage"], figures(answer)["below_goal"]) == (1, 0, 1)


def test_outages_of_a_port_that_overlap_count_once() -> None:
    def outage(since: int, until: int | None, cause: str) -> Outage:
        return Outage(
            port=("A", 1), since=BEGIN + timedelta(hours=since), cause=cause,
            until=None if until is None else BEGIN + timedelta(hours=until),
        )  # fmt: skip

    span = Span(since=BEGIN, until=BEGIN + timedelta(hours=24))
    outages = [outage(-2, 3, "Faulted"), outage(1, 5, "offline"), outage(20, None, "Unavailable")]
    found = down(outages, span)
    assert found == {("A", 1): {"Faulted": 3 * 3600, "offline": 2 * 3600, "Unavailable": 4 * 3600}}
    # What the ledger has of each adds up to that, however long each lasted.
    ledger = [(row["seconds"], row["counted_s"]) for row in named_rows(availability._ledger(outages, span))]
    assert ledger == [(4 * 3600, 4 * 3600), (4 * 3600, 2 * 3600), (5 * 3600, 3 * 3600)]


def test_uptime_of_months_is_that_of_the_year_before_each_of_their_ends() -> None:
    until = datetime(2025, 4, 10, tzinfo=UTC)
    months = months_before(until, "Europe/Berlin")
    assert [(day, ends_at) for day, ends_at in months] == [
        (date(2025, 3, 1), datetime(2025, 3, 31, 22, tzinfo=UTC)),
        (date(2025, 2, 1), datetime(2025, 2, 28, 23, tzinfo=UTC)),
        (date(2025, 1, 1), datetime(2025, 1, 31, 23, tzinfo=UTC)),
    ]
    since = months[1][1] - timedelta(minutes=1_000)
    lasting = Outage(port=("A", 1), since=since + timedelta(minutes=900), until=None, cause="Faulted")
    march, february = by_month({("A", 1): [Life(since=since)]}, [lasting], months).rows
    assert february == (date(2025, 2, 1), "A", 1, 1_000, 100, 0, Fraction(525_500, 525_600), Fraction(9, 10))
    # The clock went forward in March.
    minutes = 31 * 1440 - 60
    assert march[3:5] == (minutes + 1_000, minutes + 100)


def test_errors_have_chargex_codes_by_what_stations_say_and_else_by_their_name() -> None:
    assert chargex("GroundFailure", "") == "CX002"
    assert chargex("OtherError", "0x17 CX014") == "CX014"
    assert chargex("GroundFailure", "CX005") == "CX005"
    assert chargex("OtherError", "E17") is None


def an_earned(**changes: Any) -> Earned:
    """A connector of the site North, of which all is known."""
    one = Earned(
        site_id=1, site="North", station="A", evse=1, connector=1, currency="EUR", sessions=2, energy_wh=20_000,
        revenue=1000, fees=30, share=100, lost=20, energy_cost=400,
    )  # fmt: skip
    return structs.replace(one, **changes)


def named_rows(table: Table | None) -> list[dict[str, Cell]]:
    assert table is not None
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def test_profit_is_told_per_connector_and_by_currency() -> None:
    one = an_earned()
    other = an_earned(station="B", revenue=300, energy_cost=500)
    answer = told([other, one], [SiteCost(site_id=1, currency="EUR", energy=900, other=50)], {1: "North"})
    assert figures(answer)["profit"] == 450 - 350 - 50
    assert figures(answer)["margin"] == Fraction(50, 1300)
    assert [row["station"] for row in named_rows(answer.table("connectors"))] == ["A", "B"]
    [site] = named_rows(answer.table("sites"))
    assert (site["site"], site["revenue_minor"], site["other_minor"], site["profit_minor"]) == ("North", 1300, 50, 50)
    assert answer.notes == ()
    earlier = structs.replace(told([one], [], {}), known_at=BEGIN)
    was = compared(answer, earlier, (BEGIN.date(), END.date()), "UTC")
    assert next(each.change for each in was.figures if each.key == "profit") == Fraction(50 - 450, 450)


def test_what_drivers_were_given_is_off_the_profit_once() -> None:
    # Revenue is what campaigns and vouchers left; points and cashback are beside it.
    answer = told([an_earned(discounts=200, rewards=70)], [], {1: "North"}, {"EUR": 15})
    told_of = figures(answer)
    assert (told_of["discounts"], told_of["rewards"], told_of["earned"]) == (200, 70 - 15, 1000)
    assert told_of["profit"] == 450 - 70 + 15
    [row] = named_rows(answer.table("connectors"))
    assert (row["discounts_minor"], row["rewards_minor"], row["profit_minor"]) == (200, 70, 380)
    sites = named_rows(answer.table("sites"))
    assert sum(row["profit_minor"] for row in sites) == told_of["profit"]  # type: ignore[misc]


def test_where_nobody_knows_what_energy_cost_no_margin_is_told() -> None:
    dark = an_earned(site_id=2, site="South", station="C", revenue=9000, energy_cost=None)
    names = {1: "North", 2: "South"}
    alone = told([dark], [], names)
    [row] = named_rows(alone.table("connectors"))
    assert (row["energy_cost_minor"], row["profit_minor"], row["margin"]) == (None, None, None)
    assert row["before_energy_minor"] == 9000 - 150
    assert {figures(alone)[key] for key in ("energy_cost", "profit_known", "margin_known")} == {None}
    assert "profit" not in figures(alone), "it would be held against days of which all is known"
    [note] = alone.notes
    assert "not known of South:" in words.note(note)
    assert note.href == "/hosts"
    # An idle fee alone, without energy, makes no margin of a network of which nobody knows what energy costs.
    idle = told([dark, an_earned(energy_wh=0, energy_cost=0)], [], names)
    assert {figures(idle)[key] for key in ("energy_cost", "profit_known", "margin_known")} == {None}
    both = told([dark, an_earned()], [SiteCost(site_id=1, currency="EUR", energy=400, other=0)], names)
    assert (figures(both)["profit_known"], figures(both)["margin_known"]) == (450, Fraction(450, 1000))
    assert [row["station"] for row in named_rows(both.table("connectors"))] == ["A", "C"]
    assert [row["site"] for row in named_rows(both.table("sites"))] == ["North", "South"]


def test_profit_fits_on_pages_and_on_paper_and_files_have_every_part() -> None:
    full = an_earned(discounts=200, rewards=70)
    table = told([full], [SiteCost(site_id=1, currency="EUR", energy=400, other=9)], {1: "North"}).table("connectors")
    assert table is not None
    on_page = [table.columns[place].name for place in words.columns(table)]
    assert on_page == [
        "station", "evse", "site", "sessions", "energy_wh", "revenue_minor", "discounts_minor", "rewards_minor",
        "costs_minor", "energy_cost_minor", "profit_minor", "margin",
    ]  # fmt: skip
    # What tells most is the last to go where there is no room.
    assert [table.columns[place].name for place in places_on_paper(table)][-2:] == ["profit_minor", "margin"]
    [row] = named_rows(table)
    parts = ("fees_minor", "share_minor", "lost_minor")
    assert row["costs_minor"] == sum(row[part] for part in parts) == 150  # type: ignore[misc]
    assert {"connector", *parts, "before_energy_minor"} <= row.keys()


def test_energy_that_was_paid_for_and_that_nobody_took_is_the_sites_loss() -> None:
    answer = told([], [SiteCost(site_id=1, currency="CHF", energy=300, other=0)], {1: "North"})
    assert figures(answer)["profit"] == -300


needs_assets = pytest.mark.skipif(not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built")


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the application of this module keeps its lakes."""
    return tmp_path_factory.mktemp("lakes")


@pytest_asyncio.fixture(scope="module")
async def application(
    database: Database, nats_url: str, clock_of_process: FakeClock, lakes: Path
) -> AsyncIterator[tuple[Pool, Any]]:
    async with console(database, nats_url, clock_of_process, lakes) as (db, _bus, app):
        yield db, app


@needs_assets
async def test_pages_drill_compare_and_give_their_tables_away(
    house: House, tenant: Tenant, desk: Desk, lakes: Path, stays: list[Stay], tmp_path: Path
) -> None:
    owner = await signed_in(house, tenant)
    for path in ("/insight", "/insight/success", "/insight/availability", "/insight/drivers"):
        assert "There is no lake yet" in (await owner.get(path)).text
    # A fault that was seen after 30 seconds and gone after 90, told to the fraction of a second.
    desk.admin.execute(
        "INSERT INTO incidents (tenant_id, kind, severity, station_id, station, since, latest_at, opened_at, gone_at,"
        " closed_at, changed_at) VALUES (%s, 'fault', 3, 1, 'CP1', %s, %s, %s, %s, %s, %s)",
        (
            tenant.tenant_id,
            *(BEGIN + timedelta(days=9, seconds=seconds) for seconds in (0.25, 0.25, 30.5, 90.75, 91, 91)),
        ),
    )
    await lake_of(desk, tenant.tenant_id, stays, tmp_path, lakes / "lake")
    assert "Show the last days that it holds" in (await owner.get("/insight")).text
    days = "from=2025-03-10&to=2025-03-16"
    page = (await owner.get(f"/insight?{days}")).text
    assert "compared with 3 Mar 2025" in page
    assert "to=2025-03-16&amp;site=old%2Fnorth" in page
    assert "north-1" in (await owner.get(f"/insight?{days}&site=old/north")).text
    assert 'evse=2"' in (await owner.get(f"/insight?{days}&station=old/north-1")).text
    assert (await owner.get(f"/insight?{days}&site=nowhere")).status_code == 404
    assert "tariff=night" in page
    # What isn't told by traits says so, as the API does, and no tab leads there.
    for family in ("drivers", "availability", "profit"):
        refused = await owner.get(f"/insight/{family}?{days}&driver_group=Lab&tariff=night")
        assert (refused.status_code, "Only use and success are told of some" in refused.text) == (422, True)
    assert (
        '/insight/drivers?from=2025-03-10&amp;to=2025-03-16"' in (await owner.get(f"/insight?{days}&tariff=night")).text
    )
    night = (await owner.get(f"/insight?{days}&tariff=night")).text
    assert "/insight/sessions?from=2025-03-10&amp;to=2025-03-16&amp;tariff=night" in night
    listed = (await owner.get(f"/insight/sessions?{days}&tariff=night&outcome=nothing")).text
    assert "old/south-0" in listed
    rows = [*csv.DictReader(io.StringIO((await owner.get(f"/insight/sessions.csv?{days}&outcome=nothing")).text))]
    assert len(rows) == sum(not s.charged for s in stays if 7 * 1440 <= s.began < 14 * 1440)
    assert (
        "Besuche mit Energie"
        in (await (await signed_in(house, tenant, language="de")).get(f"/insight/success?{days}")).text
    )
    week = [s for s in stays if 7 * 1440 <= s.began < 14 * 1440]
    rows = [*csv.DictReader(io.StringIO((await owner.get(f"/insight/tables/use/places.csv?{days}")).text))]
    assert sum(int(row["sessions"]) for row in rows) == len(week)
    told_of = (await owner.get(f"/insight/tables/use/places.json?{days}")).json()
    assert [row["energy_wh"] for row in told_of] == [int(row["energy_wh"]) for row in rows]
    taken = await owner.get(f"/insight/tables/use/timeline.parquet?{days}")
    assert pyarrow.parquet.read_table(io.BytesIO(taken.content)).num_rows == 7
    book = CalamineWorkbook.from_filelike(
        io.BytesIO((await owner.get(f"/insight/tables/use/places.xlsx?{days}")).content)
    )
    [head, *lines_of] = book.get_sheet_by_index(0).to_python()
    assert head[:4] == ["Id", "Name", "Plugs", "Time in use (%)"]
    assert [(line[0], line[2]) for line in lines_of] == [(row["place"], int(row["plugs"])) for row in rows]
    behind = await owner.get(f"/insight/sessions.xlsx?{days}&outcome=nothing")
    sessions = CalamineWorkbook.from_filelike(io.BytesIO(behind.content)).get_sheet_by_index(0).to_python()
    assert len(sessions) - 1 == sum(not s.charged for s in stays if 7 * 1440 <= s.began < 14 * 1440)
    assert behind.headers["cache-control"] == "private, no-store"
    assert (await owner.get(f"/insight/tables/use/nothing.csv?{days}")).status_code == 404
    api = f"/api/v1/insight/use?{days}&site=old/north"
    answer = (await owner.get(api)).json()
    shown = (await owner.get(f"/insight/tables/use/timeline.json?{days}&site=old/north")).json()
    assert next(table["rows"] for table in answer["tables"] if table["key"] == "timeline") == shown
    assert next(each["value"] for each in answer["figures"] if each["key"] == "sessions") == sum(
        s.site == "north" for s in week
    )
    assert answer["compared_with"] == {"from": "2025-03-03", "to": "2025-03-09"}
    # History begins on the 24th of February: of the two weeks before one is known, and of those before that nothing.
    for since, is_said in (("2025-03-10", False), ("2025-03-03", True), ("2025-02-24", False)):
        known = (await owner.get(f"/api/v1/insight/use?from={since}&to=2025-03-16")).json()
        assert any("begins on 2025-02-24" in each for each in known["notes"]) == is_said
        were = {each["key"]: (each["before"], each["change"]) for each in known["figures"]}
        assert (were["sessions"] == (None, None)) == (since != "2025-03-10")
        shown = (await owner.get(f"/insight?from={since}&to=2025-03-16")).text
        assert ("begins on 24 Feb 2025" in shown) == is_said
        assert ("nothing to compare with" in shown) == (since != "2025-03-10")
    words = ["insight", "show", "use", "--organisation", str(tenant.tenant_id), "--site", "old/north", "--json"]
    words += ["--from", "2025-03-10", "--to", "2025-03-16"]
    env = {"FORECOURT_DATABASE_URL": house.database.url, "FORECOURT_DATA_DIR": str(lakes)}
    said = await asyncio.to_thread(CliRunner().invoke, cli, words, env=env)
    assert said.exit_code == 0, said.output
    assert msgspec.json.decode(said.stdout) == answer
    for query, status, code in (
        ("site=nowhere", 404, "place-unknown"), ("range=9d", 400, "request-invalid"),
        ("from=2025-03-16&to=2025-03-10", 422, "days-refused"), ("from=2020-01-01&to=2025-03-10", 422, "days-refused"),
        ("from=0001-01-02", 422, "days-refused"), ("evse=1", 422, "place-refused"),
    ):  # fmt: skip
        told = await owner.get(f"/api/v1/insight/use?{query}")
        assert (told.status_code, told.json()["code"]) == (status, code)
    refused = await owner.get(f"/api/v1/insight/drivers?{days}&tariff=night")
    assert (refused.status_code, refused.json()["code"]) == (422, "trait-refused")
    assert (await owner.get(f"/insight/drivers?{days}&tariff=night")).status_code == 422
    told_of = (await owner.get(f"/api/v1/insight/success?{days}")).json()
    values = {each["key"]: each["value"] for each in told_of["figures"]}
    assert (values["incidents"], values["mttd"], values["mttr"]) == (1, 30, 90)
    reader = await signed_in(house, tenant, Role.VIEWER)
    assert (await reader.get("/api/v1/insight/profit")).status_code == 403
    assert (await owner.get("/api/v1/insight/profit")).status_code == 200
    assert (await reader.get("/insight/profit")).status_code == 403
    assert (await owner.get("/insight/profit")).status_code == 200
    assert Compare.BEFORE.value not in (await owner.get(f"/insight?{days}")).url.query.decode()
