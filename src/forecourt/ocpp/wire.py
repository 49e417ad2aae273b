"""What the lowering sides of all versions share: how a time and a payload are written, and what a rule is."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from forecourt.ocpp.deviations import Notes
from forecourt.ocpp.faults import CallFault, ErrorCode
from forecourt.ocpp.neutral import Command, CommandAnswer, Report, Version

_encode = msgspec.json.Encoder().encode

EMPTY = b"{}"

#: The payload for a request and a decision, by action and the decision's type.
AnswerTable = dict[tuple[str, type], Callable[[Any, Any], bytes]]

#: A station's words for yes to a command: what is scheduled, or unlocked, was agreed to.
AGREED = frozenset(("Accepted", "Scheduled", "Unlocked"))
#: That there is no such profile, or tariff: to one who wants it gone, or to know of it, that is no refusal.
NONE_THERE = frozenset(("Unknown", "NoProfiles", "NoTariff"))

#: How long a station that nobody has decided on waits before it asks again, in seconds.
UNDECIDED_INTERVAL_S = 60


def instant(at: datetime) -> str:
    """A time as stations read it: UTC, milliseconds, Z."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def payload(content: Mapping[str, object]) -> bytes:
    """A payload from the fields as OCPP spells them; those that are None are left out."""
    return _encode(filled(content))


def filled(content: Mapping[str, object]) -> dict[str, object]:
    """Those fields that are not None."""
    return {name: value for name, value in content.items() if value is not None}


def action_of(actions: Mapping[type[Command], str], command: Command, version: str) -> str:
    """The action by which a command is sent. Raises CallFault where the version has none."""
    action = actions.get(type(command))
    if action is None:
        raise CallFault(ErrorCode.NOT_SUPPORTED, f"{version} has no word for {type(command).__name__}")
    return action


def always(content: Mapping[str, object]) -> Callable[[Any, Any], bytes]:
    """The rule that answers the same whatever was asked."""
    encoded = payload(content)
    return lambda request, answer: encoded


class Dialect(Struct, frozen=True, kw_only=True):
    """One version as tables: its messages by action, which of them stations send, and how they are lifted and
    lowered."""

    version: Version
    requests: Mapping[str, type[Struct]]
    responses: Mapping[str, type[Struct]]
    station_actions: frozenset[str]
    lifts: Mapping[str, Callable[[Any, Notes], Report]]
    answers: AnswerTable
    lower: Callable[[Command], tuple[str, bytes]]
    lift_result: Callable[[Any], CommandAnswer]
    command_actions: Mapping[type[Command], str]
