"""What drivers paid: against a plain calculation, and that no sum is one driver's."""

import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from forecourt.insight.dashboards import came, drivers
from forecourt.insight.dashboards.answering import Answers
from forecourt.insight.dashboards.model import Answer, Asked, Family, Span
from forecourt.insight.dashboards.paying import ELSEWHERE, FREE, by_paid, tells_each
from forecourt.insight.dashboards.paying import figures as figures_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.dashboards.words import cell
from forecourt.insight.lake.export import Exporter
from tests.insight.conftest import Desk
from tests.insight.test_dashboards import figures
from tests.insight.test_importing import written

if TYPE_CHECKING:
    import ibis


async def test_what_drivers_paid_is_told_and_what_was_free_or_is_not_known_is_something_else(
    desk: Desk, tmp_path: Path
) -> None:
    tenant_id = desk.organisation("paid")
    head = "id,station,site,driver,start,end,kwh,cost,currency"
    rows: list[tuple[str, int, str, str]] = []  # driver, day, cost, currency
    for n in range(12):  # pay between 5 and 20 each time, some of them often
        rows += [(f"e{n}", 1 + 2 * k, f"{5 + n}.00", "EUR") for k in range(1 + n % 6)]
    rows += [(f"once{n}", 4, "3.00", "EUR") for n in range(3)]
    rows += [(f"free{n}", 3 + k, "0", "EUR") for n in range(4) for k in range(2)]
    rows += [(f"chf{n}", 5, "80.00", "CHF") for n in range(3)]
    rows += [(f"who{n}", 6, "", "") for n in range(5)]
    rows += [("e0", 20, "50.00", "CHF"), ("e1", 21, "", "")]
    lines = [
        f"{n},A,north,{driver},2025-03-{day:02d} 10:00,2025-03-{day:02d} 11:00,5,{cost},{currency}"
        for n, (driver, day, cost, currency) in enumerate(rows)
    ]
    await desk.bring(tenant_id, written(tmp_path, *lines, head=head), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    span = Span(since=datetime(2025, 3, 1, tzinfo=UTC), until=datetime(2025, 4, 1, tzinfo=UTC))
    answer = await answers.answer(tenant_id, lake, Family.DRIVERS, Asked(span=span, zone="UTC"))
    by_driver: dict[str, int] = defaultdict(int)
    for driver, _day, cost, currency in rows:
        if currency == "EUR":
            by_driver[driver] += round(float(cost) * 100)
    total = sum(by_driver.values())
    found = figures(answer)
    assert (found["paid"], found["paid_a_driver"]) == (total, round(Fraction(total, 15)))
    assert found["priced"] == Fraction(len(rows) - 6, len(rows))
    paid = answer.table("paid")
    assert paid is not None
    amounts = [sum(since <= amount < until for amount in by_driver.values() if amount)
               for since, until in ((1, 1_000), (1_000, 3_000), (3_000, 10_000))]  # fmt: skip
    assert all(count == 0 or count >= 3 for count in amounts)
    assert paid.cells("drivers") == [4, *amounts, 0, 0, 0, 0, 3, 5]
    assert paid.cells("paid_minor")[0] == 0
    assert sum(each for each in paid.cells("paid_minor") if isinstance(each, int)) == total
    # Nobody knows what the last ones paid: that is no 0.00, and neither is what was paid in francs.
    assert paid.cells("paid_minor")[-2:] == [None, None]
    assert [cell(paid, row, 0).replace("\N{NO-BREAK SPACE}", " ") for row in (*paid.rows[:3], *paid.rows[-3:])] == [
        "Nothing: it was free", "< 10.00 EUR",
        "10.00 EUR \N{EN DASH} 30.00 EUR", "≥ 3,000.00 EUR", "In another currency alone",
        "Nobody knows what",
    ]  # fmt: skip
    for key in ("segments", "frequency"):
        told = answer.table(key)
        assert told is not None
        sums = [each for each in told.cells("paid_minor") if isinstance(each, int)]
        # None of their classes has one or two who paid, so money is told by both.
        assert sum(sums) == total


@pytest.mark.parametrize(
    ("free", "others", "told"),
    [(4, 3, True), (1, 3, False), (4, 0, True), (0, 0, True)],
    ids=["told", "one-free", "free-alone", "all-paid"],
)
def test_what_each_paid_is_told_where_it_does_not_tell_how_few_paid_nothing(
    free: int, others: int, *, told: bool
) -> None:
    pays = {number: Counter(drivers=count) for number, count in ((FREE, free), (1, 12), (ELSEWHERE, others))}
    whole = Counter(drivers=12 + free + others, payer=12, paid_minor=24_000, paid_known=12, excl_known=12, sessions=20)
    each = {figure.key: figure.value for figure in figures_of(whole, "EUR", each=tells_each(pays))}
    assert (each["paid"], each["paid_a_driver"]) == (24_000, 2_000 if told else None)


async def test_what_is_not_known_of_some_sessions_is_neither_free_nor_left_out(desk: Desk, tmp_path: Path) -> None:
    """Who paid nothing once and nobody knows what at other times may have paid; and groups tell how much is known."""
    tenant_id = desk.organisation("partly-known")
    head = "id,station,site,driver,start,end,kwh,cost,currency,fleet"
    rows = [
        f"{kind}{n}-{k},A,north,{kind}{n},2025-03-05 {8 + k}:00,2025-03-05 {9 + k}:00,5,{cost},{cost and 'EUR'},{fleet}"
        for kind, count, costs, fleet in (
            ("pays", 12, ("9.00",), "Paid"), ("free", 4, ("0", "0"), "Half"), ("half", 6, ("0", ""), "Half"),
        )
        for n in range(count)
        for k, cost in enumerate(costs)
    ]  # fmt: skip
    await desk.bring(tenant_id, written(tmp_path, *rows, head=head), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    span = Span(since=datetime(2025, 3, 1, tzinfo=UTC), until=datetime(2025, 4, 1, tzinfo=UTC))
    answer = await answers.answer(tenant_id, lake, Family.DRIVERS, Asked(span=span, zone="UTC"))
    paid = answer.table("paid")
    assert paid is not None
    assert paid.cells("drivers") == [4, 12, 0, 0, 0, 0, 0, 0, 0, 6]
    use = await answers.answer(tenant_id, lake, Family.USE, Asked(span=span, zone="UTC"))
    by_group = use.table("driver_group")
    assert by_group is not None
    assert dict(zip(by_group.cells("driver_group"), by_group.cells("priced"), strict=True)) == {
        "Half": Fraction(14, 20), "Paid": Fraction(1),
    }  # fmt: skip


async def test_where_nobody_knows_who_came_no_drivers_are_not_none(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("nobody-known")
    rows = [f"{n},A,north,,2025-03-05 {n}:00,2025-03-05 {n}:30,5" for n in range(20)]
    await desk.bring(tenant_id, written(tmp_path, *rows, head="id,station,site,driver,start,end,kwh"), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    for month, known, notes in ((3, None, 1), (4, 0, 0)):
        span = Span(since=datetime(2025, month, 1, tzinfo=UTC), until=datetime(2025, month + 1, 1, tzinfo=UTC))
        answer = await answers.answer(tenant_id, lake, Family.DRIVERS, Asked(span=span, zone="UTC"))
        assert (figures(answer)["drivers"], figures(answer)["new"], len(answer.notes)) == (known, known, notes)


def test_one_payer_is_found_in_no_sum() -> None:
    """Of what few paid no class tells, and no sum does of which they could be the rest."""

    def sums(drivers: int, payer: int, minor: int) -> Counter[str]:
        return Counter({"drivers": drivers, "sessions": drivers, "energy_wh": 9, "payer": payer, "paid_minor": minor,
                        "paid_known": drivers})  # fmt: skip

    segments = {"often": sums(9, 1, 700), "casual": sums(40, 20, 9_000)}
    told = drivers._segments(segments, 49, set(), "EUR")
    assert {*told.cells("paid_minor"), *told.cells("paid_a_driver_minor")} == {None}
    assert told.cells("drivers")[0] == 9
    classes = {0: sums(9, 0, 0), 1: sums(20, 20, 9_000), 2: sums(1, 1, 1_500), -2: sums(7, 0, 0)}
    paid = by_paid(classes, 37, "EUR")
    # The one is hidden with another class, and what any class paid would tell of them.
    assert paid.cells("drivers") == [9, 20, None, 0, 0, 0, 0, 0, 0, None]
    assert {*paid.cells("paid_minor")} == {None}
    assert [paid.cells("from_minor")[1:3], by_paid(classes, 37, "JPY").cells("from_minor")[1:3]] == [[1, 1_000]] * 2
    assert by_paid(classes, 37, "KWD").cells("from_minor")[2] == 10_000


async def test_of_a_month_in_which_few_paid_no_money_is_told(desk: Desk, tmp_path: Path) -> None:
    """What is told of two months less what is told of one is what the other's drivers paid."""
    tenant_id = desk.organisation("months")
    head = "id,station,site,driver,start,end,kwh,cost,currency"
    rows = [
        f"{month}-{n},A,north,d{n},2025-0{month}-05 10:00,2025-0{month}-05 11:00,5,{cost},EUR"
        for month, payers in ((3, 12), (4, 1))
        for n in range(12)
        for cost in ("9.00" if n < payers else "0",)
    ]
    await desk.bring(tenant_id, written(tmp_path, *rows, head=head), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    answers = Answers(tmp_path / "lake")
    lake = await answers.lake(tenant_id)
    for last, is_told in ((4, True), (5, False)):
        for site in (None, "old/north"):
            span = Span(since=datetime(2025, 3, 1, tzinfo=UTC), until=datetime(2025, last, 1, tzinfo=UTC))
            answer = await answers.answer(tenant_id, lake, Family.DRIVERS, Asked(span=span, zone="UTC", site=site))
            assert figures(answer)["drivers"] == 12
            assert ("paid" in figures(answer), answer.table("paid") is not None) == (is_told, is_told)


@pytest.mark.parametrize("other", ["EUR", "CHF"])
async def test_a_year_of_drivers_is_told_of_in_one_row_each_as_of_its_months(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    tenant_id = desk.organisation(f"a year in {other}")
    head = "id,station,site,driver,start,end,kwh,cost,currency"
    dice = random.Random(3)
    days = [date(2025, 1, 20) + timedelta(days=dice.randrange(400)) for _ in range(900)]
    rows = [
        f"{n},A,north,d{dice.randrange(60)},{day} 10:00,{day} 11:00,5,{dice.randrange(40)},{other if n % 3 else 'EUR'}"
        for n, day in enumerate(days)
    ]
    await desk.bring(tenant_id, written(tmp_path, *rows, head=head), "old")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    clock = ZoneInfo("UTC")
    monkeypatch.setattr(drivers, "LEAST_OF_MONTH", 1)

    async def told() -> list[Answer]:
        answers = Answers(tmp_path / "lake")
        lake = await answers.lake(tenant_id)
        spans = [
            Span(since=datetime(*first, 1, tzinfo=clock), until=datetime(*end, 1, tzinfo=clock))
            for first, end in (
                ((2025, 3), (2026, 3)),
                ((2025, 2), (2026, 2)),
                ((2025, 3), (2026, 2)),
                ((2025, 9), (2026, 3)),
                ((2025, 3), (2025, 9)),
                ((2026, 2), (2026, 3)),
                ((2026, 1), (2026, 2)),
                ((2025, 12), (2026, 3)),
            )
        ]
        return [await answers.answer(tenant_id, lake, Family.DRIVERS, Asked(span=span, zone="UTC")) for span in spans]

    asked_of: list[bool] = []
    span = came._span

    def noted(scope: Scope) -> "ibis.Table | None":
        found = span(scope)
        asked_of.append(found is not None)
        return found

    monkeypatch.setattr(came, "_span", noted)
    by_span = await told()
    # No span tells of eleven months, of three, or of twelve that are not the last.
    assert [*dict.fromkeys(asked_of)] == [True, False]
    assert {*asked_of} == {True, False}
    monkeypatch.setattr(came, "_span", lambda scope: None)
    assert await told() == by_span
    monkeypatch.setattr(Asked, "whole", False)
    assert await told() == by_span
