"""Dynamic profiles of a 2.1 station: changed by a word of the CSMS, asked for when none comes, over when none came for
as long as they hold (2.1 K28)."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from forecourt.simulator.said import Said
from forecourt.simulator.wire import Payload

if TYPE_CHECKING:
    from forecourt.simulator.station import Station


def fault_of(wire: Payload) -> str | None:
    """Why a station takes no such profile, in the protocol's word (K28.FR.03, FR.04); None: it may."""
    if wire["chargingProfileKind"] != "Dynamic":
        return "InvalidProfile" if {"dynUpdateInterval", "dynUpdateTime"} & set(wire) else None
    schedules = wire["chargingSchedule"]
    periods = schedules[0]["chargingSchedulePeriod"]
    whole = len(schedules) == len(periods) == 1 and periods[0]["startPeriod"] == 0
    return None if whole and "startSchedule" not in schedules[0] else "InvalidSchedule"


def update(station: "Station", id: int, said: Payload) -> bool:
    """Whether there is a dynamic profile of that id, which says something else now (K28.FR.11)."""
    profile = station.limits.dynamic(id)
    if profile is None:
        return False
    station.limits.install(profile.changed(said, station.time()))
    station.soon(station.advance)
    return True


def ask(station: "Station", now: datetime) -> None:
    """Asks what dynamic profiles shall say that nobody has changed for long (K28.FR.10)."""
    for profile in list(station.limits):
        if profile.asks_after_s is None or profile.updated_at is None:
            continue
        since = max(profile.updated_at, station.asked_at.get(profile.id, profile.updated_at))
        if now - since >= timedelta(seconds=profile.asks_after_s):
            station.asked_at[profile.id] = now

            def hear(answer: Payload, id: int = profile.id) -> None:
                if answer["status"] == "Accepted":
                    update(station, id, answer.get("scheduleUpdate", {}))

            station.link.say(Said("PullDynamicScheduleUpdate", {"chargingProfileId": profile.id}, then=hear))
