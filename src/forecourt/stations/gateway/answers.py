"""What a station's answer to a call of ours tells of the station itself, whoever asked: a person, a feature, or
somebody at the expert door."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from forecourt.ocpp.frames import UNREADABLE
from forecourt.platform import packrow
from forecourt.platform.commit import Write
from forecourt.stations.gateway import journal
from forecourt.stations.gateway.lanes import LATE_ANSWERS, PASSWORDS
from forecourt.stations.gateway.outbound import Ask, Reply
from forecourt.stations.model import LACKING, password_taken, passwords_set_by

#: Actions whose status NotSupported means the action itself; elsewhere it means a key, a report or a monitor.
_WHOLE: Final = frozenset(("SendLocalList", "SetChargingProfile", "UnlockConnector"))


class _Status(Struct, frozen=True):
    status: str = ""


class _ResetAsked(Struct, frozen=True, rename="camel"):
    evse_id: int | None = None


_status = msgspec.json.Decoder(_Status).decode
_reset_asked = msgspec.json.Decoder(_ResetAsked).decode


def lacking(ask: Ask, reply: Reply) -> str | None:
    """The word by which the station said that it doesn't have this action; None if it didn't."""
    if reply.error_code is not None:
        return reply.error_code if reply.error_code in LACKING else None
    if ask.action in _WHOLE and _said(reply) == "NotSupported":
        return "NotSupported"
    return None


def restarts(ask: Ask, reply: Reply) -> bool:
    """Whether the station agreed to restart now (1.6 5.14, 2.0.1 B12). One EVSE alone leaves the station connected, and
    what is Scheduled comes nobody knows when."""
    if ask.action != "Reset" or reply.error_code is not None or _said(reply) != "Accepted":
        return False
    return _reset_asked(ask.payload).evse_id is None


def _said(reply: Reply) -> str:
    try:
        return _status(reply.payload).status
    except UNREADABLE:
        return ""


def keep_late(write: Write, command_id: UUID, ask: Ask, kept: bytes, reply: Reply, at: datetime) -> bool:
    """Put what came after the one who asked had stopped waiting into a write; whether it settles a password."""
    kept = journal.redact(ask.action, kept)
    write.add(LATE_ANSWERS.name, packrow.row(packrow.uuid(command_id), packrow.raw(kept), packrow.timestamp(at)))
    if not passwords_set_by(ask.action, ask.payload):
        return False
    taken = False if reply.error_code is not None else password_taken(ask.action, reply.payload)
    if taken is not None:
        settle_password(write, command_id, taken=taken)
    return taken is not None


def settle_password(write: Write, command_id: UUID, *, taken: bool) -> None:
    """Say of the password that a command gave to a station whether the station has it."""
    write.add(PASSWORDS.name, packrow.row(packrow.uuid(command_id), packrow.boolean(taken)))
