"""What programs are told: the answers of pages in plain words, for the API and the command line."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct, field

from forecourt.insight.dashboards.answering import Answers, Lake
from forecourt.insight.dashboards.asking import Question, answered
from forecourt.insight.dashboards.files import plain
from forecourt.insight.dashboards.model import Answer, Cell, Family, Figure, Table, Unit
from forecourt.insight.dashboards.words import TOO_FEW, heading, note, plainly
from forecourt.platform.database import Pool

Value = str | int | float | None


class Days(Struct, frozen=True, kw_only=True):
    """Days from one to another, both told of, by the organisation's clock."""

    first: Annotated[date, Meta(examples=[date(2026, 3, 1)])] = field(name="from")
    last: Annotated[date, Meta(examples=[date(2026, 3, 31)])] = field(name="to")


class Number(Struct, frozen=True, kw_only=True):
    """One figure. `before`: of the days compared with; `change`: by what part of that it changed, of a share by how
    much of the whole. Null: nobody knows, or nothing is compared."""

    key: Annotated[str, Meta(examples=["utilisation"])]
    label: Annotated[str, Meta(examples=["Time in use"])]
    unit: Unit
    value: int | float | None
    currency: Annotated[str | None, Meta(examples=["EUR"])]
    before: int | float | None
    change: float | None


class ColumnTold(Struct, frozen=True, kw_only=True):
    """A column of a table, by the name that it has in rows."""

    name: Annotated[str, Meta(examples=["energy_wh"])]
    label: Annotated[str, Meta(examples=["Energy"])]
    unit: Unit


class TableTold(Struct, frozen=True, kw_only=True):
    """A table. `left_out`: rows that are missing, as there were too many."""

    key: Annotated[str, Meta(examples=["timeline"])]
    title: Annotated[str, Meta(examples=["Energy and sessions over time"])]
    columns: list[ColumnTold]
    rows: Annotated[
        list[dict[str, Value]], Meta(description="By names of columns.", examples=[[{"energy_wh": 1_204_000}]])
    ]
    left_out: Annotated[int, Meta(examples=[0])]


class Answered(Struct, frozen=True, kw_only=True):
    """What is known of some days at a place. Energy is in Wh, time in seconds, money in minor units before taxes,
    shares from 0 to 1."""

    family: Family
    zone: Annotated[str, Meta(description="By whose clock days are.", examples=["Europe/Berlin"])]
    days: Days
    compared_with: Days | None
    site: Annotated[str | None, Meta(examples=["harbour"])]
    station: Annotated[str | None, Meta(examples=["CP1"])]
    evse: Annotated[str | None, Meta(examples=["1"])]
    kind: Annotated[str | None, Meta(description="Of connector.", examples=["cCCS2"])]
    tariff: Annotated[str | None, Meta(examples=["Day and night"])]
    paid: Annotated[str | None, Meta(examples=["saved"])]
    driver_group: Annotated[str | None, Meta(description="A fleet, or a group of tokens.", examples=["Harbour taxis"])]
    snapshot: Annotated[int | None, Meta(description="Of the lake; null: it is told from the books.", examples=[41])]
    written_at: Annotated[datetime | None, Meta(description="What happened later is not in the snapshot.")]
    too_few: Annotated[
        bool,
        Meta(description="Nothing is told, for it would be of too few drivers; `notes` say why.", examples=[False]),
    ]
    figures: list[Number]
    tables: list[TableTold]
    notes: Annotated[list[str], Meta(description="What must be known to read this.", examples=[[]])]


async def tell(db: Pool, answers: Answers, tenant_id: int, family: Family, asked: Question) -> Answered:
    """The answer of that family. Raises LakeMissing, PlaceUnknown."""
    lake = None if family == Family.PROFIT else await answers.lake(tenant_id)
    return told(family, asked, await answered(db, answers, tenant_id, lake, family, asked), lake)


def told(family: Family, asked: Question, answer: Answer, lake: Lake | None) -> Answered:
    """An answer as programs are told it."""
    before = answer.days_before
    if before is None and asked.before is not None:
        before = asked.before.first, asked.before.last
    first, last = answer.days or (asked.range.first, asked.range.last)
    return Answered(
        family=family, zone=asked.range.zone, days=Days(first=first, last=last),
        compared_with=None if before is None else Days(first=before[0], last=before[1]),
        site=asked.site or None, station=asked.station or None, evse=asked.evse or None,
        kind=asked.kind or None, tariff=asked.tariff or None, paid=asked.paid or None,
        driver_group=asked.driver_group or None,
        snapshot=None if lake is None else lake.snapshot, written_at=None if lake is None else lake.watermark,
        too_few=answer.too_few,
        figures=[_number(each) for each in answer.figures], tables=[_table(each) for each in answer.tables],
        notes=[
            *([plainly(TOO_FEW)] if answer.too_few else []),
            *(note(each, str, date.isoformat) for each in answer.notes),
        ],
    )  # fmt: skip


def _number(each: Figure) -> Number:
    value, before, change = (_value(cell) for cell in (each.value, each.before, each.change))
    assert not isinstance(value, str)
    assert not isinstance(before, str)
    assert not isinstance(change, str)
    return Number(
        key=each.key, label=plainly(each.label), unit=each.unit, value=value, currency=each.currency, before=before,
        change=change,
    )  # fmt: skip


def _table(each: Table) -> TableTold:
    columns = [
        ColumnTold(name=column.name, label=heading(column, plainly(column.label)), unit=column.unit)
        for column in each.columns
    ]
    names = [column.name for column in columns]
    rows = [dict(zip(names, map(_value, row), strict=True)) for row in each.rows]
    return TableTold(key=each.key, title=plainly(each.title), columns=columns, rows=rows, left_out=each.left_out)


def _value(cell: Cell) -> Value:
    found = plain(cell)
    return found.isoformat() if isinstance(found, date) else found
