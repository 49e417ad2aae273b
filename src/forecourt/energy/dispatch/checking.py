"""Whether a station holds what it was told, and what else it holds: when to ask, and what its answer means. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct, structs

from forecourt.energy.dispatch.profiles import IDS, STACK_LEVEL
from forecourt.energy.dispatch.standing import TOLERANCE_MA
from forecourt.energy.outside.model import External
from forecourt.ocpp.neutral import ChargingProfile, Period, Purpose, Schedule, Unit

#: A station that has just connected is given what it shall hold first.
SETTLES_IN: Final = timedelta(seconds=30)
#: One that is doubtful is not asked more often than this, and one that isn't at least this often.
CHECK_REST: Final = timedelta(minutes=10)
CHECK_EVERY: Final = timedelta(hours=6)
#: An answer that has not come whole after so long doesn't come any more.
CHECK_WAIT: Final = timedelta(minutes=2)
#: Some stations end their report with each part of it: it is whole when nothing has followed for so long.
QUIET: Final = timedelta(seconds=5)
#: By how much limits may differ for the sake of their decimals, in mA or W.
ROUNDED: Final = 100
#: Stations of one site that are asked at the same time.
MAX_ASKED: Final = 20
#: What is kept of one station's findings.
MAX_FINDINGS: Final = 50


class Found(StrEnum):
    """What differs."""

    #: A profile of ours is not there, or says something else.
    LOST = "lost"
    #: A profile that is not ours.
    OTHER = "other"
    #: All profiles together allow less than it was told: somebody else limits it.
    LESS = "less"
    #: They allow more: it doesn't hold what it was told.
    MORE = "more"


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a station holds otherwise than it was told. `limit` is the highest of a profile, in mA or W, or
    what it says that it offers now; `told` what it was told."""

    found: Found
    evse: int
    purpose: Purpose | None = None
    stack_level: int | None = None
    profile_id: int | None = None
    source: str | None = None
    unit: Unit = Unit.CURRENT
    limit: int | None = None
    told: int | None = None


class Held(Struct, frozen=True, kw_only=True):
    """A profile that a station says it holds, and who set it."""

    evse: int
    source: str
    profile: ChargingProfile


class Ours(Struct, frozen=True, kw_only=True):
    """A profile that a station has said yes to: where it is, and the most that it allows."""

    evse: int
    purpose: Purpose
    stack_level: int
    profile_id: int
    unit: Unit
    most: int | None


class LastCheck(Struct, frozen=True, kw_only=True):
    """When a station was asked last, how far that is, and what was found last."""

    asked_at: datetime
    answered_at: datetime | None
    settled_at: datetime | None
    findings: tuple[Finding, ...] = ()


def is_due(last: LastCheck | None, connected_at: datetime | None, doubtful: bool, now: datetime) -> bool:
    """Whether to ask a connected station now: when it is there anew, when it is doubtful, and now and then."""
    if connected_at is None or now - connected_at < SETTLES_IN:
        return False
    if last is None:
        return True
    if last.settled_at is None and now - last.asked_at < CHECK_WAIT:
        return False
    rested = now - last.asked_at >= CHECK_REST
    return rested and (last.asked_at < connected_at or doubtful or now - last.asked_at >= CHECK_EVERY)


def is_whole(last: LastCheck, now: datetime) -> bool:
    """Whether an answer that was not compared yet is there to be compared."""
    return last.settled_at is None and last.answered_at is not None and now - last.answered_at >= QUIET


def most_of(profile: ChargingProfile) -> int | None:
    """The highest limit of a profile; None where one of its periods limits nothing."""
    limits = [period.limit for period in profile.periods]
    return None if None in limits or not limits else max(each for each in limits if each is not None)


def compare(held: Sequence[Held], ours: Sequence[Ours]) -> list[Finding]:
    """What a station's report says otherwise than we think. What is ours by its id and place, and not thought to be
    there, is on its way."""
    found = []
    at_place = {
        (each.evse, each.profile.purpose, each.profile.stack_level, each.profile.id): each.profile for each in held
    }
    for each in ours:
        there = at_place.get((each.evse, each.purpose, each.stack_level, each.profile_id))
        if there is None or not _alike(there, each):
            found.append(
                Finding(
                    found=Found.LOST,
                    evse=each.evse,
                    purpose=each.purpose,
                    stack_level=each.stack_level,
                    profile_id=each.profile_id,
                    unit=each.unit,
                    limit=None if there is None or there.unit is not each.unit else most_of(there),
                    told=each.most,
                )
            )
    mine = {(each.evse, each.purpose, each.stack_level, each.profile_id) for each in ours}
    for other in held:
        profile = other.profile
        place = other.evse, profile.purpose, profile.stack_level, profile.id
        if place not in mine and not _is_of_ours(other):
            found.append(
                Finding(
                    found=Found.OTHER,
                    evse=other.evse,
                    purpose=profile.purpose,
                    stack_level=profile.stack_level,
                    profile_id=profile.id,
                    source=other.source,
                    unit=profile.unit,
                    limit=most_of(profile),
                )
            )
    return found[:MAX_FINDINGS]


def with_reported(externals: Sequence[External], known: Mapping[str, LastCheck]) -> list[External]:
    """The limits of others; what one comes to that was told without a schedule, its station's report says, if it was
    asked since. `known` by station."""
    found = []
    for each in externals:
        last = known.get(each.station)
        if each.said.schedules or last is None or last.asked_at < each.since:
            found.append(each)
            continue
        schedules = tuple(
            Schedule(unit=finding.unit, periods=(Period(start_s=0, limit=finding.limit),))
            for finding in last.findings
            if finding.purpose is Purpose.EXTERNAL and finding.limit is not None
            if (finding.evse, finding.source) == (each.said.evse, each.said.source)
        )
        found.append(structs.replace(each, said=structs.replace(each.said, schedules=schedules)))
    return found


def is_unsaid(external: External, last: LastCheck | None) -> bool:
    """Whether a limit was told without saying how much, and its station was not asked since."""
    return external.counts and not external.said.schedules and (last is None or last.asked_at < external.since)


def _alike(there: ChargingProfile, ours: Ours) -> bool:
    """Stations may keep a profile in the other unit, which can't be compared."""
    most = most_of(there)
    if there.unit is not ours.unit or ours.most is None:
        return True
    return most is not None and most <= ours.most + ROUNDED


def _is_of_ours(held: Held) -> bool:
    """By the numbers that are kept for each EVSE."""
    numbers = {Purpose.TX_DEFAULT: held.evse * IDS, Purpose.TX: held.evse * IDS + 1}
    profile = held.profile
    return profile.stack_level == STACK_LEVEL and numbers.get(profile.purpose) == profile.id


def of_schedule(evse: int, schedule: Schedule | None, told_ma: int, watts_per_a: float) -> Finding | None:
    """What a composite schedule says otherwise than what an EVSE was told and has settled; None where it is the same or
    says nothing."""
    if schedule is None or not schedule.periods or schedule.periods[0].limit is None:
        return None
    limit = schedule.periods[0].limit
    limit_ma = limit if schedule.unit is Unit.CURRENT else round(limit / watts_per_a * 1000)
    if abs(limit_ma - told_ma) <= TOLERANCE_MA:
        return None
    found = Found.MORE if limit_ma > told_ma else Found.LESS
    return Finding(found=found, evse=evse, limit=limit_ma, told=told_ma)
