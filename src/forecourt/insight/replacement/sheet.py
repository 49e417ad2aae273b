"""A sheet of what was put in and taken out: what each column takes, and what each line comes to."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec

from forecourt.access import Actor, audit
from forecourt.access.model import Service
from forecourt.insight.replacement import store
from forecourt.insight.replacement.model import (
    FIRST_DAY,
    MAX_PLUG,
    ChangeReason,
    HardwareChange,
    HardwareKind,
    HardwarePlace,
    HardwareSaid,
    has_place,
    is_whole,
)
from forecourt.insight.replacement.service import Replacing, stood
from forecourt.insight.replacement.store import Standing
from forecourt.insight.store import Connection
from forecourt.payments.forms import text_as
from forecourt.platform.sheets import Column, Line, Plan, Planned, Wrong, read_line, read_sheet
from forecourt.ui.i18n import mark

#: A line of this many characters is no id of a station.
MAX_ID: Final = 255


def _number(text: str) -> int:
    value = int(text)
    if not 1 <= value <= MAX_PLUG:
        raise ValueError
    return value


def _station(text: str) -> str:
    if not 1 <= len(text) <= MAX_ID:
        raise ValueError
    return text


COLUMNS: Final[Mapping[str, Column]] = {
    "station": (_station, mark("must be the id of one of your stations, in service or retired")),
    "kind": (lambda text: HardwareKind(text.lower()), mark("must be one of station, controller, power, cable")),
    "evse": (_number, mark("must be a number from 1: power units and cables have one")),
    "connector": (_number, mark("must be a number from 1: cables have one")),
    "on": (date.fromisoformat, mark("must be a day such as 2026-03-01, from 2000 until today")),
    "reason": (
        lambda text: ChangeReason(text.lower()),
        mark("must be one of worn, defect, vandalism, accident, ahead, recall, upgrade, commissioned"),
    ),
    "note": (text_as(HardwareSaid.__annotations__["note"]), mark("must be one line of 500 characters at most")),
}
_NEEDED: Final = ("station", "kind", "on", "reason")
MISSING: Final = mark("is missing")
#: Another line or what is stored says something of the same hardware and day.
TAKEN: Final = mark("something is said of this hardware and that day already")
NOWHERE: Final = mark("doesn't fit the kind: power units are at an EVSE, cables at an EVSE and a connector")
NOT_THERE: Final = mark("is not there: the station told of others")

_Key = tuple[int, HardwarePlace, date]


async def import_changes(
    replacing: Replacing, conn: Connection, actor: Actor | Service, csv: bytes | str, *, dry_run: bool
) -> Plan:
    """What a sheet comes to and, unless `dry_run`, keeping it, in one transaction. Lines that are refused are left out;
    a second time nothing is left to do. Raises SheetRefused, TooManyChanges."""
    sheet = read_sheet(csv, frozenset(COLUMNS), "station")
    names = {line.cells.get("station", "") for line in sheet.lines}
    standings = await store.list_standings(conn, actor.tenant_id, names)
    known = {
        (each.station_id, each.place, each.on): each for each in await store.list_changes(conn, actor.tenant_id)
    }  # fmt: skip
    seen: set[_Key] = set()
    today = await replacing.today(conn, actor.tenant_id)
    lines = [_planned(line, standings, known, seen, today) for line in sheet.lines]
    plan = Plan(lines=[line for line, _ in lines], done=not dry_run)
    wanted = [said for line, said in lines if said is not None and line.action == "create"]
    if not dry_run and wanted:
        kept = await replacing.keep(conn, actor, wanted)
        await audit(
            conn, actor, "import what was said of hardware", "replacement",
            {"lines": sum(each is not None for each in kept)},
        )  # fmt: skip
        # Somebody else said something of that day meanwhile.
        lost = {id(each) for each, made in zip(wanted, kept, strict=True) if made is None}
        read = zip(sheet.lines, lines, strict=True)
        told = [_taken(line, said[1]) if said and id(said) in lost else done for line, (done, said) in read]
        plan = Plan(lines=told, done=True)
    return plan


def _planned(
    line: Line,
    standings: Mapping[str, list[Standing]],
    known: Mapping[_Key, HardwareChange],
    seen: set[_Key],
    today: date,
) -> tuple[Planned, tuple[int, HardwareSaid] | None]:
    values, wrong = read_line(line, COLUMNS)
    told = {each.column for each in wrong}
    wrong += [
        Wrong(column=name, value="", rule=MISSING)
        for name in _NEEDED if values.get(name) is None and name not in told
    ]  # fmt: skip
    if not wrong:
        said = HardwareSaid(**values)
        wrong = _faults(said, standings, today)
        if not wrong:
            return _fresh(line, said, standings, known, seen)
    return _refused(line, wrong), None


def _faults(said: HardwareSaid, standings: Mapping[str, list[Standing]], today: date) -> list[Wrong]:
    wrong = []
    if said.station not in standings:
        wrong.append(Wrong(column="station", value=said.station, rule=COLUMNS["station"][1]))
    if not FIRST_DAY <= said.on <= today:
        wrong.append(Wrong(column="on", value=said.on.isoformat(), rule=COLUMNS["on"][1]))
    if not is_whole(said.place):
        wrong.append(Wrong(column="kind", value=said.kind.value, rule=NOWHERE))
    return wrong


def _fresh(
    line: Line,
    said: HardwareSaid,
    standings: Mapping[str, list[Standing]],
    known: Mapping[_Key, HardwareChange],
    seen: set[_Key],
) -> tuple[Planned, tuple[int, HardwareSaid] | None]:
    standing = stood(said, standings[said.station])
    if not has_place(standing.plugs, said.place):
        column = "evse" if said.connector is None else "connector"
        number = said.evse if said.connector is None else said.connector
        return _refused(line, [Wrong(column=column, value=str(number), rule=NOT_THERE)]), None
    station_id = standing.station_id
    key = (station_id, said.place, said.on)
    before = known.get(key)
    if before is not None and (before.reason, before.note) == (said.reason, said.note):
        return Planned(line=line.number, id=said.station, action="same"), None
    if before is not None or key in seen:
        return _taken(line, said), None
    seen.add(key)
    values: dict[str, Any] = msgspec.to_builtins(said)
    return Planned(line=line.number, id=said.station, action="create", values=values), (station_id, said)


def _taken(line: Line, said: HardwareSaid) -> Planned:
    return _refused(line, [Wrong(column="on", value=said.on.isoformat(), rule=TAKEN)])


def _refused(line: Line, wrong: list[Wrong]) -> Planned:
    return Planned(line=line.number, id=line.cells.get("station", ""), action="refused", wrong=wrong)
