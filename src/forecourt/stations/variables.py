"""Configuration keys (1.6) and variables (2.x) of a station: read on demand, kept with the time they were read.

A 1.6 station answers with all its keys at once. A 2.x station only agrees, and sends its report afterwards in pages, in
any order; sometimes the first pages never come. They are taken from the message log, where secrets were taken out.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.access import Actor
from forecourt.ocpp.neutral import Version
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations import control, store
from forecourt.stations.commands import Commander, Refused, StationOffline
from forecourt.stations.gateway.journal import MASK, redact
from forecourt.stations.store import Connection, MessageFilter, ReadingRow, StationRow, VariableRow

#: How long a report may take to come, after which what is there is kept as incomplete: some pages never come.
REPORT_DEADLINE: Final = timedelta(minutes=2)
#: Pages of one report that are read.
MAX_PAGES: Final = 1_000
#: The attribute that has the value in force.
ACTUAL: Final = "Actual"
#: Characters of a value that are kept (2.0.1 SetVariableDataType has 1000, reports 2500).
MAX_VALUE: Final = 2_500

_PLACE = re.compile(r"^(?P<name>[^@\[]*)(?:\[(?P<instance>[^\]]*)\])?(?:@(?P<evse>\d+)(?:\.(?P<connector>\d+))?)?$")


class VariableUnknown(ForecourtError):
    """The station has not told of such a variable. Read its variables first."""

    status = 404
    code = "variable-unknown"


class Changed(Struct, frozen=True, kw_only=True):
    """What a station said to a change, in its own word."""

    status: str
    accepted: bool
    command_id: str


class Report(Struct, frozen=True, kw_only=True):
    """What has come of a report. `complete`: every page from 0 to the last is there."""

    variables: list[VariableRow]
    pages: int
    complete: bool
    ended: bool


def of_configuration(result: Any, at: datetime) -> list[VariableRow]:
    """The keys in a GetConfiguration answer (1.6 5.8), without secrets."""
    found = []
    for each in result.get("configurationKey") or [] if isinstance(result, dict) else []:
        key, value = str(each.get("key", "")), each.get("value")
        secret = value == MASK or is_secret(key)
        found.append(
            VariableRow(
                component="",
                variable=key,
                attribute=ACTUAL,
                value=None if secret or value is None else str(value)[:MAX_VALUE],
                read_only=bool(each.get("readonly")),
                secret=secret,
                unit=None,
                read_at=at,
            )
        )
    return found


def of_report(data: Any, at: datetime) -> list[VariableRow]:
    """The variables in `reportData` of a NotifyReport (2.0.1 B07), without secrets."""
    found = []
    for each in data if isinstance(data, list) else []:
        if not isinstance(each, dict):
            continue
        component, variable = _component(each.get("component")), _named(each.get("variable"))
        characteristics = each.get("variableCharacteristics")
        unit = characteristics.get("unit") if isinstance(characteristics, dict) else None
        attributes = each.get("variableAttribute")
        # A secret's attributes were taken out whole before the report was logged.
        known = attributes if isinstance(attributes, list) else [{}]
        for attribute in known:
            mutability = attribute.get("mutability", "ReadWrite")
            value = attribute.get("value")
            secret = attributes == MASK or mutability == "WriteOnly" or is_secret(variable)
            found.append(
                VariableRow(
                    component=component,
                    variable=variable,
                    attribute=str(attribute.get("type", ACTUAL)),
                    value=None if secret or value is None else str(value)[:MAX_VALUE],
                    read_only=mutability == "ReadOnly",
                    secret=secret,
                    unit=None if unit is None else str(unit),
                    read_at=at,
                )
            )
    return found


def assemble(pages: Sequence[tuple[datetime, Any]], request_id: int) -> Report:
    """A report from the NotifyReport messages of a station, in whatever order they came (2.0.1 B07.FR.08)."""
    known: dict[int, tuple[datetime, dict[str, Any]]] = {}
    for at, page in pages:
        if isinstance(page, dict) and page.get("requestId") == request_id and isinstance(page.get("seqNo"), int):
            known[page["seqNo"]] = (at, page)
    last = next((number for number, (_, page) in known.items() if not page.get("tbc", False)), None)
    variables: dict[tuple[str, str, str], VariableRow] = {}
    for _, (at, page) in sorted(known.items()):
        for row in of_report(page.get("reportData"), at):
            variables[row.component, row.variable, row.attribute] = row
    complete = last is not None and all(number in known for number in range(last + 1))
    return Report(variables=list(variables.values()), pages=len(known), complete=complete, ended=last is not None)


async def read_all(db: Pool, commander: Commander, clock: Clock, actor: Actor, station: StationRow) -> ReadingRow:
    """Ask a station for all its variables. A 1.6 station's are kept when this returns; a 2.x station's are on their way
    and kept by `collect`. Raises StationOffline for one that never connected, and as `Commander.call`; then the reading
    has ended as refused."""
    if station.protocol is None:
        raise StationOffline
    async with db.tenant(actor.tenant_id) as conn:
        request_id = await store.begin_reading(conn, actor.tenant_id, station.station_id, str(actor), clock.now())
    version = Version(station.protocol)
    action, payload = "GetConfiguration", b"{}"
    if version is not Version.V16:
        action = "GetBaseReport"
        payload = msgspec.json.encode({"requestId": request_id, "reportBase": "FullInventory"})
    try:
        outcome = await control.call(db, commander, actor, station.identity, action, payload)
    except ForecourtError as fault:
        await _end(db, clock, actor, station, request_id, "refused", fault.code, [])
        raise
    if isinstance(outcome, Refused):
        await _end(db, clock, actor, station, request_id, "refused", outcome.code, [])
    elif version is Version.V16:
        kept = msgspec.json.decode(redact(action, msgspec.json.encode(outcome.result)))
        await _end(db, clock, actor, station, request_id, "complete", None, of_configuration(kept, clock.now()))
    elif outcome.result.get("status") != "Accepted":
        await _end(db, clock, actor, station, request_id, "refused", str(outcome.result.get("status")), [])
    async with db.tenant(actor.tenant_id) as conn:
        reading = await store.find_reading(conn, actor.tenant_id, station.station_id)
    assert reading is not None
    return reading


async def collect(
    conn: Connection, tenant_id: int, station: StationRow, now: datetime
) -> tuple[ReadingRow | None, int]:
    """The last reading, and how many pages of its report have come. One that is complete, or whose deadline is over, is
    kept and ended, once; asking again changes nothing."""
    reading = await store.find_reading(conn, tenant_id, station.station_id)
    if reading is None or reading.state != "reading":
        return reading, 0
    messages = await store.list_messages(
        conn,
        tenant_id,
        station.station_id,
        limit=MAX_PAGES,
        wanted=MessageFilter(action="NotifyReport", direction="i", kinds=(2,), since=reading.asked_at),
    )
    report = assemble([(each.at, _decoded(each.payload)) for each in messages], reading.request_id)
    over = now - reading.asked_at >= REPORT_DEADLINE
    if not report.complete and not over:
        return reading, report.pages
    state = "complete" if report.complete else "incomplete"
    ended = await store.end_reading(
        conn, tenant_id, station.station_id, reading.request_id, state, None, len(report.variables), now
    )
    if ended and report.variables:
        await store.put_variables(conn, tenant_id, station.station_id, report.variables, all_of_them=report.complete)
    return await store.find_reading(conn, tenant_id, station.station_id), report.pages


async def change(
    db: Pool, commander: Commander, clock: Clock, actor: Actor, station: StationRow, variable: VariableRow, value: str
) -> Changed:
    """Ask a station to change one variable (1.6 5.3, 2.0.1 B05), and read it anew if it agreed. Raises as
    `Commander.call`, StationOffline for a station that never connected."""
    if station.protocol is None:
        raise StationOffline
    version = Version(station.protocol)
    action, payload = set_call(version, variable, value)
    outcome = await control.call(db, commander, actor, station.identity, action, msgspec.json.encode(payload))
    if isinstance(outcome, Refused):
        return Changed(status=outcome.code, accepted=False, command_id=outcome.command_id)
    said = outcome.result
    if version is not Version.V16:
        said = (said.get("setVariableResult") or [{}])[0]
        said = {"status": said.get("attributeStatus", "")}
    status = str(said.get("status", ""))
    if status == "Accepted" and not variable.secret:
        row = msgspec.structs.replace(variable, value=value, read_at=clock.now())
        async with db.tenant(actor.tenant_id) as conn:
            await store.put_variables(conn, actor.tenant_id, station.station_id, [row], all_of_them=False)
    return Changed(status=status, accepted=status in ("Accepted", "RebootRequired"), command_id=outcome.command_id)


def set_call(version: Version, variable: VariableRow, value: str) -> tuple[str, dict[str, Any]]:
    """Action and payload that set a variable."""
    if version is Version.V16:
        return "ChangeConfiguration", {"key": variable.variable, "value": value}
    data: dict[str, Any] = {
        "component": place_of(variable.component),
        "variable": place_of(variable.variable),
        "attributeValue": value,
    }
    if variable.attribute != ACTUAL:
        data["attributeType"] = variable.attribute
    return "SetVariables", {"setVariableData": [data]}


def place_of(name: str) -> dict[str, Any]:
    """A component or variable as OCPP has it, from how it is kept: `Connector[x]@1.2`."""
    found = _PLACE.match(name)
    if found is None:
        return {"name": name}
    place: dict[str, Any] = {"name": found["name"]}
    if found["instance"] is not None:
        place["instance"] = found["instance"]
    if found["evse"] is not None:
        place["evse"] = {"id": int(found["evse"])}
        if found["connector"] is not None:
            place["evse"]["connectorId"] = int(found["connector"])
    return place


def _component(component: Any) -> str:
    if not isinstance(component, dict):
        return ""
    evse = component.get("evse")
    where = ""
    if isinstance(evse, dict):
        connector = evse.get("connectorId")
        where = f"@{evse.get('id')}" + ("" if connector is None else f".{connector}")
    return _named(component) + where


def _named(thing: Any) -> str:
    if not isinstance(thing, dict):
        return ""
    instance = thing.get("instance")
    return str(thing.get("name", "")) + ("" if instance is None else f"[{instance}]")


def is_secret(name: str) -> bool:
    """Whether the message log would take the value of a variable of this name for a secret."""
    probe = msgspec.json.encode({"key": name, "value": "x"})
    return redact(None, probe) != probe and MASK in redact(None, probe).decode()


def _decoded(payload: str) -> Any:
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return None


async def _end(
    db: Pool,
    clock: Clock,
    actor: Actor,
    station: StationRow,
    request_id: int,
    state: str,
    said: str | None,
    variables: list[VariableRow],
) -> None:
    now = clock.now()
    async with db.tenant(actor.tenant_id) as conn:
        ended = await store.end_reading(
            conn, actor.tenant_id, station.station_id, request_id, state, said, len(variables), now
        )
        if ended and state == "complete":
            await store.put_variables(conn, actor.tenant_id, station.station_id, variables, all_of_them=True)
