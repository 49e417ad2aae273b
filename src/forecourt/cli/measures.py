"""`forecourt insight show`: what the dashboards tell, on the command line, by the same reckoning."""

import asyncio
import os
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from forecourt.cli import shown
from forecourt.cli.organisations import tenant_of
from forecourt.platform.settings import load

if TYPE_CHECKING:
    from forecourt.insight.dashboards.asking import Question, Traits
    from forecourt.insight.dashboards.model import Answer

#: Rows of one table that are printed; JSON has all.
MAX_ROWS: Final = 20
#: As `forecourt.insight.dashboards.model.Family` has them.
FAMILIES: Final = "use, success, availability, drivers, profit"
_DAY: Final = ["%Y-%m-%d"]


def show(
    family: Annotated[str, typer.Argument(help=f"Of these: {FAMILIES}.")],
    preset: Annotated[str, typer.Option("--range", help="Days by name: 7d, 30d, month, 12m; without any, 30d.")] = "",
    first: Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="The first day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="The last day.")] = None,
    compare: Annotated[str, typer.Option(help="With which days: before, year, nothing.")] = "before",
    site: Annotated[str, typer.Option(help="A site by its slug; - for stations of none.")] = "",
    station: Annotated[str, typer.Option(help="A station by its identity.")] = "",
    evse: Annotated[str, typer.Option(help="An EVSE of that station.")] = "",
    kind: Annotated[str, typer.Option(help="Sessions at this kind of connector.")] = "",
    tariff: Annotated[str, typer.Option(help="Sessions by this tariff.")] = "",
    paid: Annotated[str, typer.Option(help="Sessions paid this way: saved, hosted, wallet, ...")] = "",
    driver_group: Annotated[str, typer.Option(help="Sessions of this group of drivers: a fleet.")] = "",
    table: Annotated[str | None, typer.Option(help="Only this table, with all its rows.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Whose it is; needed where there are several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON value, as the API answers.")] = False,
) -> None:
    """Tell what the dashboards tell: figures, compared with days before, and tables."""
    from forecourt.insight.dashboards.asking import checked
    from forecourt.insight.dashboards.model import Compare, Family
    from forecourt.insight.dashboards.told import told

    meant = _word(Family, family, "family")
    days = checked((preset, first and first.date(), last and last.date()), (site, station, evse))
    compared = _word(Compare, compare, "--compare")
    asked, answer, lake = asyncio.run(
        _answer(organisation, meant, days, compared, (site, station, evse), (kind, tariff, paid, driver_group))
    )
    if table is not None and answer.table(table) is None:
        there = ", ".join(each.key for each in answer.tables)
        raise typer.BadParameter(f"There is no table {table!r}. There are: {there}.", param_hint="--table")
    if as_json:
        shown.value(told(meant, asked, answer, lake))
        return
    _print(asked, answer, table)


def _word(words: Any, text: str, hint: str) -> Any:
    try:
        return words(text)
    except ValueError:
        there = ", ".join(each.value for each in words)
        raise typer.BadParameter(f"{text!r} is none of: {there}.", param_hint=hint) from None


async def _answer(
    organisation: str | None,
    family: Any,
    days: tuple[str, str, str],
    compare: Any,
    place: tuple[str, str, str],
    traits: "Traits",
) -> "tuple[Question, Answer, Any]":
    from forecourt.insight.dashboards.answering import FILE_WITHIN_S, Answers
    from forecourt.insight.dashboards.asking import answered, question
    from forecourt.insight.dashboards.model import Family
    from forecourt.platform.clock import SystemClock

    settings = load(os.environ)
    answers = Answers(settings.lake, FILE_WITHIN_S)
    async with tenant_of(settings, organisation) as (pool, tenant_id):
        asked = await question(pool, SystemClock(), tenant_id, days, compare, place, traits, limited=False)
        lake = None if family == Family.PROFIT else await answers.lake(tenant_id)
        return asked, await answered(pool, answers, tenant_id, lake, family, asked), lake


def _print(asked: "Question", answer: "Answer", key: str | None) -> None:
    from forecourt.insight.dashboards import words

    before = asked.before
    compared = "" if before is None else f", compared with {before.first} to {before.last}"
    if key is None:
        shown.line(f"{asked.range.first} to {asked.range.last}{compared}")
        for note in answer.notes:
            shown.line(words.note(note, str))
        shown.rows(
            [{"figure": each} for each in answer.figures if each.value is not None],
            (
                ("figure", lambda row: words.plainly(row["figure"].label)),
                ("value", lambda row: words.figure(row["figure"])),
                ("before", lambda row: words.value(row["figure"].before, row["figure"].unit, row["figure"].currency)),
                ("change", lambda row: words.change(row["figure"])),
            ),
            as_json=False,
        )
    for each in answer.tables:
        if not words.tells(each) or key not in (None, each.key):
            continue
        shown.line(f"{words.plainly(each.title)} ({each.key})")
        columns = [
            (
                words.heading(each.columns[at], words.plainly(each.columns[at].label)),
                lambda row, at=at, each=each: words.cell(each, row["cells"], at),
            )
            for at in words.columns(each)
        ]
        rows = each.rows if key is not None else each.rows[:MAX_ROWS]
        shown.rows([{"cells": row} for row in rows], columns, as_json=False)
        if len(each.rows) > len(rows):
            shown.line(f"... and {len(each.rows) - len(rows)} more: --table {each.key}")
