"""Everything that happened at a station in one span, newest first: states, gaps, boots, sessions, commands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.stations import store
from forecourt.stations.faults import explain
from forecourt.stations.pages.ports import Event
from forecourt.stations.store import (
    ChangeRow,
    CommandRow,
    Connection,
    ConnectorRow,
    GapRow,
    MessageFilter,
    MessageRow,
)
from forecourt.stations.uptime import Uptime, uptime
from forecourt.stations.words import OUTCOMES
from forecourt.ui.i18n import mark

#: Things of one kind read for one span, and things shown of all of them together.
MAX_OF_KIND: Final = 2_000
MAX_SHOWN: Final = 200


class Past(Struct, frozen=True, kw_only=True):
    """A span of a station's life. `cut` is how many events are not shown."""

    events: list[Event]
    cut: int
    uptime: Uptime
    began_at: datetime
    ended_at: datetime


async def read_past(
    conn: Connection,
    tenant_id: int,
    frame_station: store.StationRow,
    began_at: datetime,
    ended_at: datetime,
    others: Sequence[Event],
) -> Past:
    """The past of a station from `began_at` to `ended_at`, or until it was retired; `others` are what other rooms tell
    of it."""
    station_id = frame_station.station_id
    begin, ended_at = max(began_at, frame_station.created_at), min(ended_at, frame_station.retired_at or ended_at)
    changes: Sequence[ChangeRow] = []
    gaps: Sequence[GapRow] = []
    boots: Sequence[MessageRow] = []
    commands: Sequence[CommandRow] = []
    if begin < ended_at:
        changes = await store.list_changes(conn, tenant_id, station_id, begin, ended_at, MAX_OF_KIND)
        gaps = await store.list_gaps(conn, tenant_id, station_id, begin, ended_at, MAX_OF_KIND)
        boots = await store.list_messages(
            conn,
            tenant_id,
            station_id,
            limit=MAX_SHOWN,
            wanted=MessageFilter(action="BootNotification", direction="i", kinds=(2,), since=begin, until=ended_at),
        )
        commands = await store.list_commands_between(conn, tenant_id, station_id, begin, ended_at, MAX_SHOWN)
    events = [
        *others,
        *_of_changes(changes, begin),
        *_of_gaps(gaps, begin, ended_at),
        *(_of_boot(boot) for boot in boots),
        *(_of_command(command) for command in commands),
    ]
    events.sort(key=lambda event: event.at, reverse=True)
    return Past(
        events=events[:MAX_SHOWN],
        cut=max(0, len(events) - MAX_SHOWN),
        uptime=uptime(changes, gaps, begin, ended_at),
        began_at=begin,
        ended_at=ended_at,
    )


def _of_changes(changes: Sequence[ChangeRow], begin: datetime) -> list[Event]:
    """What connectors newly said; the word that held before the span is none of its events."""
    events = []
    said: dict[tuple[int, int], tuple[str, str | None]] = {}
    for change in changes:
        place, word = (change.evse, change.connector), (change.state, change.error_code)
        if said.get(place) != word and change.state_at >= begin:
            events.append(_of_change(change))
        said[place] = word
    return events


def _of_change(change: ChangeRow) -> Event:
    values: dict[str, str | int] = {"evse": change.evse, "connector": change.connector}
    if change.state == "Faulted":
        fault = explain(change.error_code)
        values |= {"fault": fault.happened, "code": change.error_code or "–"}  # noqa: RUF001 - an en dash
        title = mark("EVSE %(evse)s is faulted: %(fault)s (%(code)s)")
        if change.connector == 0:
            title = mark("The station is faulted: %(fault)s (%(code)s)")
        return Event(at=change.state_at, kind="fault", title=title, values=values, state=change.state)
    title = mark("EVSE %(evse)s, connector %(connector)s")
    if change.connector == 0:
        title = mark("The station itself")
    return Event(at=change.state_at, kind="state", title=title, values=values, state=change.state)


def _of_gaps(gaps: Sequence[GapRow], begin: datetime, end: datetime) -> list[Event]:
    events = []
    for gap in gaps:
        if begin <= gap.lost_at < end:
            events.append(
                Event(at=gap.lost_at, kind="gap", title=mark("Connection lost"), state="Offline", until=gap.returned_at)
            )
        if gap.returned_at is not None and begin <= gap.returned_at < end:
            events.append(Event(at=gap.returned_at, kind="return", title=mark("Connection is back")))
    return events


class _Boot(Struct, frozen=True):
    """What of a BootNotification is told: 1.6 and 2.x have no field in common."""

    firmwareVersion: str | None = None  # noqa: N815 - OCPP's name
    reason: str | None = None
    chargingStation: dict[str, Any] | None = None  # noqa: N815


def _of_boot(boot: MessageRow) -> Event:
    try:
        said = msgspec.json.decode(boot.payload, type=_Boot)
    except msgspec.MsgspecError:
        said = _Boot()
    firmware = said.firmwareVersion or (said.chargingStation or {}).get("firmwareVersion")
    values: dict[str, str | int] = {"firmware": str(firmware or ""), "reason": str(said.reason or "")}
    if firmware:
        title = (
            mark("Booted with firmware %(firmware)s (%(reason)s)")
            if said.reason
            else mark("Booted with firmware %(firmware)s")
        )
    else:
        title = mark("Booted (%(reason)s)") if said.reason else mark("Booted")
    return Event(at=boot.at, kind="boot", title=title, values=values, href=f"messages/{boot.number}")


def _of_command(command: CommandRow) -> Event:
    values: dict[str, str | int] = {"action": command.action, "by": asker(command.asked_by), "outcome": ""}
    return Event(
        at=command.asked_at,
        kind="command",
        title=mark("%(action)s asked by %(by)s"),
        values=values,
        state=OUTCOMES.get(command.outcome, command.outcome),
    )


def asker(asked_by: str) -> str:
    """The name in `operator:3 Ada`, which is how the audit writes an actor."""
    return asked_by.partition(" ")[2] or asked_by


def of_connectors(connectors: Sequence[ConnectorRow]) -> list[tuple[ConnectorRow, Any]]:
    """Connectors with the explanation of their fault, if they have one; the station itself only when it is faulted."""
    return [
        (each, explain(each.error_code) if each.shown_state == "Faulted" else None)
        for each in connectors
        if each.connector > 0 or each.shown_state == "Faulted"
    ]
