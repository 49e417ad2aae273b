"""Several configuration keys (1.6) or variables (2.x) of one station set at once, each with its own outcome.

A 1.6 station is asked for one key after the other. A 2.x station takes as many at once as it said it does, one at a
time where it never said. Once an answer is missing, what is left is not sent: the station may be gone, and each further
call would wait for its deadline.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, structs

from forecourt.access import Actor
from forecourt.ocpp.neutral import Version
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations import control, store
from forecourt.stations.commands import Commander, Refused, StationOffline
from forecourt.stations.store import StationRow, VariableRow
from forecourt.stations.variables import ACTUAL, is_secret, set_call

#: Variables that are set by one request.
MAX_CHANGES: Final = 50
#: Where a 2.x station says how many variables it takes in one message (2.0.1 part 2, ItemsPerMessageSetVariables); some
#: say it of all messages.
ITEMS_PER_MESSAGE: Final = (
    ("DeviceDataCtrlr", "ItemsPerMessage[SetVariables]", ACTUAL),
    ("DeviceDataCtrlr", "ItemsPerMessage", ACTUAL),
)

Outcome = Literal["accepted", "reboot_required", "refused", "unknown", "unsent"]
_AGREED: Final[Mapping[str, Outcome]] = {"Accepted": "accepted", "RebootRequired": "reboot_required"}
_Place = tuple[str, str, str]


class ChangesRefused(ForecourtError):
    """These variables can't be set together. Name each once; OCPP 1.6 has keys without a component, 2.x has a component
    for each variable."""

    status = 422
    code = "variable-changes-refused"


class Wanted(Struct, frozen=True, kw_only=True):
    """A variable and the value it shall have; `component` is empty in 1.6."""

    component: str
    variable: str
    attribute: str
    value: str

    @property
    def place(self) -> _Place:
        """What tells it from others."""
        return self.component, self.variable, self.attribute


class Said(Struct, frozen=True, kw_only=True):
    """What came of one change: the station's own word, or the code of what went wrong."""

    wanted: Wanted
    outcome: Outcome
    said: str
    command_id: str | None


async def change_several(
    db: Pool, commander: Commander, clock: Clock, actor: Actor, station: StationRow, changes: Sequence[Wanted]
) -> list[Said]:
    """Ask a station for these values, in this order; what it agreed to at once is kept as read now.

    Raises ChangesRefused, StationOffline, and as `Commander.call` where nothing at all was sent.
    """
    if station.protocol is None:
        raise StationOffline
    version = Version(station.protocol)
    _check(version, changes)
    async with db.tenant(actor.tenant_id) as conn:
        places = [*ITEMS_PER_MESSAGE, *(each.place for each in changes)]
        known = await store.find_variables(conn, actor.tenant_id, station.station_id, places)
    said: list[Said] = []
    limit = next((known[place] for place in ITEMS_PER_MESSAGE if place in known), None)
    for part in _parts(version, changes, limit):
        try:
            said += await _ask(db, commander, clock, actor, station, version, part, known)
        except ForecourtError as fault:
            surely = fault.unsent or fault.status < 500
            if surely and not said:
                raise
            command_id = fault.context.get("command_id")
            lost: Outcome = "unsent" if surely else "unknown"
            said += [Said(wanted=each, outcome=lost, said=fault.code, command_id=command_id) for each in part]
            said += [
                Said(wanted=each, outcome="unsent", said=fault.code, command_id=None) for each in changes[len(said) :]
            ]
            break
    return said


def _check(version: Version, changes: Sequence[Wanted]) -> None:
    if len({each.place for each in changes}) < len(changes):
        raise ChangesRefused
    if any((version is Version.V16) is bool(each.component) for each in changes):
        raise ChangesRefused


def _parts(version: Version, changes: Sequence[Wanted], limit: VariableRow | None) -> Iterator[Sequence[Wanted]]:
    """The changes of each message."""
    told = limit.value if limit is not None and version is not Version.V16 else None
    at_once = int(told) if told is not None and told.isascii() and told.isdigit() and len(told) < 6 else 1
    for begin in range(0, len(changes), max(1, at_once)):
        yield changes[begin : begin + max(1, at_once)]


async def _ask(
    db: Pool,
    commander: Commander,
    clock: Clock,
    actor: Actor,
    station: StationRow,
    version: Version,
    part: Sequence[Wanted],
    known: Mapping[_Place, VariableRow],
) -> list[Said]:
    now = clock.now()
    rows = [known.get(each.place) or _unread(each, now) for each in part]
    calls = [set_call(version, row, each.value) for row, each in zip(rows, part, strict=True)]
    action, payload = calls[0]
    for _, further in calls[1:]:
        payload["setVariableData"] += further["setVariableData"]
    outcome = await control.call(db, commander, actor, station.identity, action, msgspec.json.encode(payload))
    if isinstance(outcome, Refused):
        return [Said(wanted=each, outcome="refused", said=outcome.code, command_id=outcome.command_id) for each in part]
    words = _words(version, payload, outcome.result, len(part))
    said = [
        Said(
            wanted=each,
            outcome=_AGREED.get(word, "refused") if word else "unknown",
            said=word,
            command_id=outcome.command_id,
        )
        for each, word in zip(part, words, strict=True)
    ]
    # A value that holds after a restart is read then; one that the station never told of may be of any kind.
    taken = [
        structs.replace(row, value=each.wanted.value, read_at=clock.now())
        for row, each in zip(rows, said, strict=True)
        if each.outcome == "accepted" and each.wanted.place in known and not row.secret
    ]
    if taken:
        async with db.tenant(actor.tenant_id) as conn:
            await store.put_variables(conn, actor.tenant_id, station.station_id, taken, all_of_them=False)
    return said


def _unread(wanted: Wanted, now: datetime) -> VariableRow:
    """A variable that the station has not told of, as it may be."""
    return VariableRow(
        component=wanted.component,
        variable=wanted.variable,
        attribute=wanted.attribute,
        value=None,
        read_only=False,
        secret=is_secret(wanted.variable),
        unit=None,
        read_at=now,
    )


def _words(version: Version, payload: Any, result: Any, number: int) -> list[str]:
    """What the station said of each, in the order of asking; empty where it said nothing of one.

    Results name their variables and may come in any order (2.0.1 B05).
    """
    if version is Version.V16:
        return [str(result.get("status", ""))] * number
    told = {_named(each): str(each.get("attributeStatus", "")) for each in result.get("setVariableResult") or []}
    return [told.get(_named(each), "") for each in payload["setVariableData"]]


def _named(item: Any) -> bytes:
    """What a request and a result have in common for one variable; names are compared without case."""
    place = [item.get("component"), item.get("variable"), item.get("attributeType") or ACTUAL]
    return msgspec.json.encode(place, order="sorted").lower()
