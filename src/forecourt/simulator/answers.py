"""Answers to CALLs that are the same in every version but for a name or two."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec

from forecourt.simulator.car import VOLTAGE_V
from forecourt.simulator.said import Kind, Said
from forecourt.simulator.wire import Payload

if TYPE_CHECKING:
    from forecourt.simulator.station import Station

AWARE = Annotated[datetime, msgspec.Meta(tz=True)]
#: Simulated seconds between the steps of an upload or an installation.
CHAIN_STEP_S = 10


def periods(station: "Station", number: int, duration_s: int, unit: str) -> list[Payload]:
    """The composite schedule; empty at stations whose firmware never fills it."""
    phases = station.make.phases
    return [
        {
            "startPeriod": at_s,
            "limit": round(limit_w if unit == "W" else limit_w / VOLTAGE_V / phases, 1),
            "numberPhases": phases,
        }
        for at_s, limit_w in station.composite(number, duration_s)
    ]


def local_list(station: "Station", version: int, asked: Payload) -> Payload:
    """Full lists are always taken; a differential one must be newer than what is there."""
    if asked["updateType"] == "Differential" and version <= station.local_list_version:
        return {"status": "VersionMismatch"}
    station.local_list_version = version
    return {"status": "Accepted"}


def trigger(station: "Station", message: str, boot: Callable[[str], tuple[str, Payload]]) -> bool:
    """Messages about the whole station; False for those that this station can't say."""
    if message == "Heartbeat":
        station.soon(station.heartbeat)
    elif message == "BootNotification":
        action, payload = boot("Triggered")
        station.soon(lambda: station.link.say(Said(action, payload, Kind.CHATTER)))
    elif message in ("FirmwareStatusNotification", "DiagnosticsStatusNotification", "LogStatusNotification"):
        station.soon(lambda: station.link.say(Said(message, {"status": "Idle"})))
    else:
        return False
    return True


def say_chain(station: "Station", action: str, payloads: Sequence[Payload]) -> None:
    """Reports of a job, one after the other."""
    for step, payload in enumerate(payloads, start=1):
        station.later(CHAIN_STEP_S * step, lambda p=payload: station.link.say(Said(action, p, Kind.STATUS)))  # type: ignore[misc]
