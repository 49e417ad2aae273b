"""Limits of transactions as dynamic profiles of OCPP 2.1: one that ends by itself, a short word for each change. Pure.

A dynamic profile holds for its duration from the last change on, by the station's own clock (2.1 K28.FR.13): whoever
hears nothing any more goes by its default then, as with any limit. A station of the first edition of 2.1 doesn't have
that rule, and doesn't say so: it may hold the last change until the profile is over, for longer than limits are
counted. So they are told only where a site's settings say that its stations have it. A whole profile is said anew when
it is over at last, for a longer or a shorter while, and wherever nobody knows whether the station has it.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from forecourt.ocpp.neutral import Command, CommandAnswer, Kind, SetChargingProfile, UpdateDynamicSchedule
from forecourt.platform.errors import ForecourtError

#: When a dynamic profile ends, however often it is changed: who is wrong of a station is so for no longer.
DYNAMIC_FOR: Final = timedelta(minutes=15)
#: A station that was told nothing asks by itself so long before its limit runs out.
ASKS_BEFORE: Final = timedelta(seconds=60)
#: A station that refused a dynamic profile is told no other for so long: it may have refused what it was for.
REFUSED_FOR: Final = timedelta(hours=1)


class HeldDynamic(Struct, frozen=True, kw_only=True):
    """What is known of an EVSE whose station says that it takes dynamic profiles: for which session it was told one,
    how long that holds from each change on and when it ends at last, since when it is known to be held (None: it is
    not), and when one was refused."""

    session_id: UUID | None = None
    lasts: timedelta = timedelta()
    until: datetime | None = None
    held_at: datetime | None = None
    refused_at: datetime | None = None


def said_dynamically(
    whole: SetChargingProfile,
    held: HeldDynamic | None,
    session_id: UUID,
    now: datetime,
    valid_to: datetime,
    booted_at: datetime | None,
) -> SetChargingProfile | UpdateDynamicSchedule:
    """A limit as it is said to this EVSE: as it is where its station takes nothing else (`held` None), and where it is
    more than one limit; else as a dynamic profile, or the change of the one that it holds."""
    refused = held is None or (held.refused_at is not None and now - held.refused_at < REFUSED_FOR)
    if held is None or refused or len(whole.profile.periods) > 1:
        return whole
    if _can_change(held, session_id, now, valid_to, booted_at):
        return change_of(whole)
    at = now.replace(microsecond=0)
    duration = valid_to - at
    profile = replace(
        whole.profile,
        kind=Kind.DYNAMIC,
        start_at=None,
        duration_s=int(duration.total_seconds()),
        valid_to=at + DYNAMIC_FOR,
        update_interval_s=int((duration - ASKS_BEFORE).total_seconds()),
        updated_at=at,
    )
    return replace(whole, profile=profile)


def change_of(whole: SetChargingProfile) -> UpdateDynamicSchedule:
    """What changes a dynamic profile into one that says the same."""
    [period] = whole.profile.periods
    return UpdateDynamicSchedule(
        profile_id=whole.profile.id,
        unit=whole.profile.unit,
        limit=period.limit,
        discharge_limit=period.discharge_limit,
        setpoint=period.setpoint,
    )


def is_dynamic(command: Command) -> bool:
    """Whether a command tells a dynamic profile, or changes one."""
    profile = command.profile if isinstance(command, SetChargingProfile) else None
    return isinstance(command, UpdateDynamicSchedule) or (profile is not None and profile.kind is Kind.DYNAMIC)


class Settled(StrEnum):
    """What came of a dynamic profile: its station holds it, takes none, or nobody knows what it holds."""

    HELD = "held"
    REFUSED = "refused"
    LOST = "lost"


def settled(command: Command, answer: CommandAnswer | ForecourtError) -> Settled | None:
    """What an answer says of a dynamic profile; None: nothing. A change that was refused had nothing to change; of one
    that never reached its station nobody may be answered what it was to say, for it doesn't count."""
    if not is_dynamic(command):
        return None
    change = isinstance(command, UpdateDynamicSchedule)
    if not isinstance(answer, CommandAnswer):
        return Settled.LOST if change and getattr(answer, "unsent", False) else None
    if answer.accepted:
        return None if change else Settled.HELD
    return Settled.LOST if change else Settled.REFUSED


def _can_change(
    held: HeldDynamic, session_id: UUID, now: datetime, valid_to: datetime, booted_at: datetime | None
) -> bool:
    """Whether the station surely holds one for the session that lasts exactly as long as is meant from a change on, and
    doesn't end before."""
    if held.session_id != session_id or held.held_at is None or held.until is None:
        return False
    forgotten = booted_at is not None and held.held_at < booted_at
    return not forgotten and held.lasts == valid_to - now and valid_to <= held.until
