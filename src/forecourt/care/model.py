"""What counts as an incident, when it begins and when it is over. Pure rules over what stations and sessions say.

A rule sees the present alone: what it finds now is wrong now. What a station replays after it was away tells of the
past, so nothing is believed to be present before the replay has had time to end. Where it can't tell, because it was we
who were away, it says so, and what stands goes on standing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from forecourt.energy.site import STALE as PLAN_STALE
from forecourt.energy.site import is_stale
from forecourt.platform.errors import ForecourtError

#: A station that is back within this was not worth a word.
OFFLINE_GRACE: Final = timedelta(minutes=5)
#: Losses of the connection that make a station flap, and the time in which they come.
FLAPS: Final = 4
FLAP_WINDOW: Final = timedelta(minutes=15)
#: One that flapped does so until it loses its connection less often than this in the window.
CALM: Final = 2
#: Sessions in a row without a charge, at one connector, and the time in which they come.
FAILED_STARTS: Final = 3
FAILED_WINDOW: Final = timedelta(hours=24)
#: A session of less energy, or of less time, was no charge.
LEAST_CHARGE_WH: Final = 50
LEAST_CHARGE: Final = timedelta(minutes=1)
#: A station that was told to wait, or was refused, and still asks after this long.
NOT_ACCEPTED_GRACE: Final = timedelta(minutes=30)
#: One that has not asked for this long is no longer waiting.
STILL_ASKING: Final = timedelta(hours=1)
#: What is said this long after its own time is a replay, and what follows it may take it back.
REPLAY_AGE: Final = timedelta(minutes=2)
#: How long the replay of a station that is back may take.
REPLAY_SETTLE: Final = timedelta(minutes=2)
#: A building may draw too much for so long, as machines do when they start.
OVERLOAD_GRACE: Final = timedelta(minutes=1)
#: A site may fail to be planned so often in a row, and for so long: what is wrong for a moment isn't worth a word.
PLAN_FAULTS: Final = 3
PLAN_FAULTS_GRACE: Final = timedelta(minutes=2)
#: How long a session may be spoken of after its connector said that it is free.
GHOST_SETTLE: Final = timedelta(minutes=2)
#: So long before a hold runs out whose session is held back somebody is told: in time to look at it.
HOLD_ENDS_AHEAD: Final = timedelta(days=1)
#: The longest that an incident may be put aside.
MAX_SNOOZE: Final = timedelta(days=30)
MAX_NOTE: Final = 2_000

#: Faults with which cars can charge all the same.
MINOR: Final = frozenset(("LocalListConflict", "ReaderFailure", "WeakSignal"))


class IncidentKind(StrEnum):
    """What can be wrong."""

    FAULT = "fault"
    OFFLINE = "offline"
    FLAPPING = "flapping"
    FAILED_STARTS = "failed_starts"
    QUARANTINED = "quarantined"
    NOT_ACCEPTED = "not_accepted"
    CLOCK = "clock"
    GHOST = "ghost"
    DISOBEYS = "disobeys"
    OVERLOADED = "overloaded"
    HOLD_ENDS = "hold_ends"
    EXCESS = "excess"
    UNPLANNED = "unplanned"
    WEARING = "wearing"


class Severity(IntEnum):
    """How bad it is: critical when nobody can charge there or somebody may come to harm."""

    NOTICE = 1
    WARNING = 2
    CRITICAL = 3


#: By kind, but for faults, where the code decides.
SEVERITIES: Final[Mapping[IncidentKind, Severity]] = {
    IncidentKind.OFFLINE: Severity.CRITICAL,
    IncidentKind.FAILED_STARTS: Severity.CRITICAL,
    IncidentKind.OVERLOADED: Severity.CRITICAL,
    IncidentKind.EXCESS: Severity.CRITICAL,
    IncidentKind.UNPLANNED: Severity.CRITICAL,
    IncidentKind.FLAPPING: Severity.WARNING,
    IncidentKind.QUARANTINED: Severity.WARNING,
    IncidentKind.GHOST: Severity.WARNING,
    IncidentKind.HOLD_ENDS: Severity.WARNING,
    IncidentKind.DISOBEYS: Severity.WARNING,
    IncidentKind.WEARING: Severity.WARNING,
    IncidentKind.NOT_ACCEPTED: Severity.NOTICE,
    IncidentKind.CLOCK: Severity.NOTICE,
}


class IncidentUnknown(ForecourtError):
    """There is no such incident. `GET /api/v1/incidents` lists those that exist."""

    status = 404
    code = "incident-unknown"


class IncidentClosed(ForecourtError):
    """The incident is closed already. If its cause comes back, a new one opens."""

    status = 409
    code = "incident-closed"


class SnoozeRefused(ForecourtError):
    """An incident can be put aside until a time to come, 30 days ahead at the most."""

    status = 422
    code = "snooze-refused"


class Place(Struct, frozen=True, kw_only=True):
    """What an incident is about, as far as it is known: a station, one of its connectors, a session; or, without a
    station, a site and a node of its electrics."""

    station_id: int | None = None
    evse: int | None = None
    connector: int | None = None
    session_id: UUID | None = None
    site_id: int | None = None
    node: str | None = None


class Finding(Struct, frozen=True, kw_only=True):
    """Something that is wrong now. `latest_at` is the latest that was said of it, by our clock."""

    kind: IncidentKind
    place: Place
    severity: Severity
    since: datetime
    latest_at: datetime
    detail: dict[str, Any]


class Unsure(Struct, frozen=True, kw_only=True):
    """What can't be told now, one way or the other: it opens no incident and closes none."""

    kind: IncidentKind
    place: Place


class Present(Struct, frozen=True, kw_only=True):
    """An incident whose cause was there at the last look; `closed_at` where a person has closed it all the same."""

    incident_id: UUID
    kind: IncidentKind
    place: Place
    severity: Severity
    latest_at: datetime
    detail: dict[str, Any]
    closed_at: datetime | None


class Changes(Struct, frozen=True, kw_only=True):
    """What a look makes of the incidents there are."""

    opened: list[Finding]
    told_more: list[tuple[UUID, Finding]]
    gone: list[Present]


def compare(present: Iterable[Present], found: Collection[Finding | Unsure]) -> Changes:
    """What opens, what is told anew and what is gone. Idempotent.

    What a person has closed stays closed while nothing new is said of it; what is said later opens a new incident.
    """
    left = {(one.kind, one.place): one for one in present}
    changes = Changes(opened=[], told_more=[], gone=[])
    for finding in (one for one in found if isinstance(one, Finding)):
        known = left.pop((finding.kind, finding.place), None)
        if known is None:
            changes.opened.append(finding)
        elif known.closed_at is not None:
            if finding.latest_at > known.closed_at:
                changes.gone.append(known)
                changes.opened.append(finding)
        elif (known.severity, known.detail) != (finding.severity, finding.detail):
            changes.told_more.append((known.incident_id, finding))
    unsure = {(one.kind, one.place) for one in found if isinstance(one, Unsure)}
    changes.gone.extend(one for at, one in left.items() if at not in unsure)
    return changes


class Faulted(Struct, frozen=True, kw_only=True):
    """A connector that says Faulted. `state_at` is the station's time, `arrived_at` ours."""

    station_id: int
    evse: int
    connector: int
    state_at: datetime
    arrived_at: datetime
    error_code: str | None
    vendor_error_code: str | None
    info: str | None


def fault(seen: Faulted, now: datetime) -> Finding | Unsure:
    """A fault that is present: said as it came, or said late and not taken back by what followed."""
    place = Place(station_id=seen.station_id, evse=seen.evse, connector=seen.connector)
    late = seen.arrived_at - seen.state_at > REPLAY_AGE
    if late and now - seen.arrived_at < REPLAY_SETTLE:
        return Unsure(kind=IncidentKind.FAULT, place=place)
    said = {"error_code": seen.error_code, "vendor_error_code": seen.vendor_error_code, "info": seen.info}
    return Finding(
        kind=IncidentKind.FAULT,
        place=place,
        severity=fault_severity(seen.error_code),
        since=seen.state_at,
        latest_at=seen.arrived_at,
        detail={name: value for name, value in said.items() if value and value != "NoError"},
    )


def fault_severity(error_code: str | None) -> Severity:
    """Most faults keep a connector from charging; some are dangerous besides, some are a nuisance."""
    return Severity.WARNING if error_code in MINOR else Severity.CRITICAL


class Away(Struct, frozen=True, kw_only=True):
    """An accepted station that is not connected, since our clock's `last_seen_at`.

    `refused` is why it was refused at the door lately, the last time at `refused_at`; None: it didn't knock.
    """

    station_id: int
    last_seen_at: datetime
    refused: str | None
    refused_at: datetime | None


def offline(away: Away, listening_since: datetime | None, now: datetime) -> Finding | Unsure:
    """A station that is away for longer than OFFLINE_GRACE in which it could have come back.

    Before that nothing is told of it; what was told stands, for it is not back.
    """
    place = Place(station_id=away.station_id)
    if listening_since is None or now - max(away.last_seen_at, listening_since) < OFFLINE_GRACE:
        return Unsure(kind=IncidentKind.OFFLINE, place=place)
    return Finding(
        kind=IncidentKind.OFFLINE,
        place=place,
        severity=SEVERITIES[IncidentKind.OFFLINE],
        since=away.last_seen_at,
        latest_at=away.last_seen_at,
        detail={}
        if away.refused_at is None
        else {"refused": away.refused, "refused_at": away.refused_at.astimezone(UTC).isoformat()},
    )


class Losses(Struct, frozen=True, kw_only=True):
    """How often a station lost its connection within FLAP_WINDOW."""

    station_id: int
    losses: int
    first_at: datetime
    last_at: datetime


def can_come(listening_since: datetime | None, now: datetime) -> bool:
    """Whether stations have had OFFLINE_GRACE to come back since it was we who were away."""
    return listening_since is not None and now - listening_since >= OFFLINE_GRACE


def can_be_calm(listening_since: datetime | None, now: datetime) -> bool:
    """Whether we have listened for a whole FLAP_WINDOW: until then few losses are no sign of calm."""
    return listening_since is not None and now - listening_since >= FLAP_WINDOW


def flapping(losses: Losses, flapped: Collection[int]) -> Finding | None:
    """A station that loses its connection again and again; `flapped` are those that did so at the last look."""
    if losses.losses < (CALM if losses.station_id in flapped else FLAPS):
        return None
    return plain(
        IncidentKind.FLAPPING,
        Place(station_id=losses.station_id),
        losses.first_at,
        losses.last_at,
        {"losses": losses.losses},
    )


class Refused(Struct, frozen=True, kw_only=True):
    """A station that is not accepted and has asked lately."""

    station_id: int
    registration: str
    created_at: datetime
    last_seen_at: datetime


def not_accepted(refused: Refused, listening_since: datetime | None, now: datetime) -> Finding | Unsure | None:
    """A station that waits for a decision, or doesn't take a no, for longer than NOT_ACCEPTED_GRACE.

    It waits no longer once it is silent for STILL_ASKING in which it could have asked.
    """
    place = Place(station_id=refused.station_id)
    if now - refused.created_at < NOT_ACCEPTED_GRACE:
        return None
    if now - refused.last_seen_at > STILL_ASKING:
        could_ask = listening_since is not None and now - listening_since > STILL_ASKING
        return None if could_ask else Unsure(kind=IncidentKind.NOT_ACCEPTED, place=place)
    return Finding(
        kind=IncidentKind.NOT_ACCEPTED,
        place=place,
        severity=SEVERITIES[IncidentKind.NOT_ACCEPTED],
        since=refused.created_at,
        latest_at=refused.created_at,
        detail={"registration": refused.registration},
    )


class Planning(Struct, frozen=True, kw_only=True):
    """A site that shall be planned: when it was last (`planned_at`), whether a planner holds it, and how often in a row
    it failed, at what and why. At stages `plan` and `late` (no plan was found in time) what there is is shared out, at
    `look` nobody is told anything."""

    site_id: int
    name: str
    planned_at: datetime
    held: bool
    failing_since: datetime | None
    times: int
    stage: str | None
    fault: str | None


def unplanned(seen: Planning, listening_since: datetime | None, now: datetime) -> Finding | Unsure | None:
    """A site that has no plan of the last PLAN_STALE in which it could have been planned, or fails to be planned again
    and again. Where all of us were away nobody knows yet."""
    place = Place(site_id=seen.site_id)
    old = is_stale(seen.planned_at, now)
    failing_since = seen.failing_since if seen.times >= PLAN_FAULTS else None
    if failing_since is not None and now - failing_since < PLAN_FAULTS_GRACE:
        failing_since = None
    if failing_since is None:
        if not old:
            return None
        if listening_since is None or now - listening_since < PLAN_STALE:
            return Unsure(kind=IncidentKind.UNPLANNED, place=place)
    since = failing_since or seen.planned_at
    cause = "nobody" if old and not seen.held else "slow" if failing_since is None else seen.stage
    shares = cause in ("plan", "late") and not old
    return Finding(
        kind=IncidentKind.UNPLANNED,
        place=place,
        severity=Severity.WARNING if shares else SEVERITIES[IncidentKind.UNPLANNED],
        since=since,
        latest_at=since,
        detail={
            "name": seen.name,
            "cause": cause,
            "fault": seen.fault if cause == seen.stage else "",
            "shares": shares,
        },
    )


def plain(
    kind: IncidentKind, place: Place, since: datetime, latest_at: datetime, detail: Mapping[str, Any] | None = None
) -> Finding:
    """A finding of a kind that is found by a query whole."""
    return Finding(
        kind=kind,
        place=place,
        severity=SEVERITIES[kind],
        since=since,
        latest_at=latest_at,
        detail=dict(detail or {}),
    )


def check_snooze(until: datetime, now: datetime) -> None:
    """Raises SnoozeRefused unless that lies ahead, and not further than MAX_SNOOZE."""
    if not now < until <= now + MAX_SNOOZE:
        raise SnoozeRefused


def median(values: Sequence[int]) -> int:
    """The middle one, the lower of two: of what was counted, never a number that nobody saw."""
    return sorted(values)[(len(values) - 1) // 2]
