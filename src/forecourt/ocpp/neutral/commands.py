"""What a station is asked, and what it answers, in neutral words."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from forecourt.ocpp.neutral.charging import (
    ChargingCommand,
    Schedule,
)
from forecourt.ocpp.neutral.paying import ShowPaymentCodes, WebPaymentBegun
from forecourt.ocpp.neutral.values import Token


class StartCharging(Struct, frozen=True, kw_only=True, tag="start"):
    """Ask a station to start for a token. `remote_start_id` is 2.x's, positive int32; `evse` None lets it choose."""

    token: Token
    remote_start_id: int
    evse: int | None = None


class StopCharging(Struct, frozen=True, kw_only=True, tag="stop"):
    """Ask a station to stop a transaction, by the id the station knows."""

    transaction_id: str


class UnlockConnector(Struct, frozen=True, kw_only=True, tag="unlock"):
    """Ask a station to release a plug (1.6 5.18, 2.0.1 F05). In 1.6 the EVSE is the connector."""

    evse: int
    connector: int = 1


class ResetType(StrEnum):
    """How a station shall restart.

    SOFT ends what runs in good order: 1.6 Soft stops sessions, 2.x OnIdle waits until nobody charges. HARD restarts at
    once: 1.6 Hard, 2.x Immediate.
    """

    SOFT = "soft"
    HARD = "hard"


class Reset(Struct, frozen=True, kw_only=True, tag="reset"):
    """Ask a station to restart (1.6 5.14, 2.0.1 B11 and B12)."""

    kind: ResetType


class ChangeAvailability(Struct, frozen=True, kw_only=True, tag="availability"):
    """Ask a station to go out of service or into it: all of it at EVSE 0, an EVSE, or one connector of it (1.6 5.2,
    2.0.1 G03 and G04). In 1.6 the EVSE is the connector."""

    operative: bool
    evse: int = 0
    connector: int | None = None


class SetDefaultTariff(Struct, frozen=True, kw_only=True, tag="default_tariff"):
    """Set the tariff by which a station reckons costs itself for who has no other, at an EVSE or at EVSE 0 everywhere
    (2.1 I07). `tariff` is TariffType in the words of 2.1: no other version has one."""

    evse: int
    tariff: dict[str, Any]


class ClearTariffs(Struct, frozen=True, kw_only=True, tag="clear_tariffs"):
    """Let an EVSE have no tariff any more (2.1 I08). That it has none is no refusal."""

    evse: int


class Reserve(Struct, frozen=True, kw_only=True, tag="reserve"):
    """Ask a station to keep an EVSE for a token until a time (1.6 5.13, 2.0.1 H01). `id` is positive int32; the same
    one again changes what was asked by it."""

    id: int
    evse: int
    token: Token
    until: datetime


class CancelReservation(Struct, frozen=True, kw_only=True, tag="cancel_reservation"):
    """Ask a station to let go of what it keeps by this id (1.6 5.2, 2.0.1 H02). One that keeps nothing says no."""

    id: int


Command = (
    StartCharging
    | StopCharging
    | UnlockConnector
    | Reset
    | ChangeAvailability
    | SetDefaultTariff
    | ClearTariffs
    | Reserve
    | CancelReservation
    | ShowPaymentCodes
    | WebPaymentBegun
    | ChargingCommand
)


#: A change of availability, or a reset, that comes when what runs is over. It is agreed to.
SCHEDULED = "Scheduled"


class CommandAnswer(Struct, frozen=True, kw_only=True):
    """What the station answered to a command, `status` in its own word. `transaction_id` where 2.x names one that
    already runs. `schedule` is the composite schedule that was asked for; None where it said yes and named no periods,
    which tells nothing. A reset or an availability that is Scheduled is accepted: it comes when the station is idle."""

    accepted: bool
    status: str
    transaction_id: str | None = None
    schedule: Schedule | None = None

    @property
    def scheduled(self) -> bool:
        """Agreed to, and to come later."""
        return self.accepted and self.status == SCHEDULED
