"""What a station says, in neutral words."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from msgspec import Struct

from forecourt.ocpp.neutral.charging import ChargingReport
from forecourt.ocpp.neutral.contracts import CertificateAsked, ChainAsked, Contract, ContractCertificateAsked
from forecourt.ocpp.neutral.paying import SaidCost, Settlement, VatNumber
from forecourt.ocpp.neutral.values import Sample, Token


class Boot(Struct, frozen=True, kw_only=True):
    """BootNotification. `reason` is 2.x's BootReasonEnumType, None in 1.6."""

    vendor: str
    model: str
    serial: str | None = None
    firmware: str | None = None
    reason: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_serial: str | None = None


class Heartbeat(Struct, frozen=True):
    """Heartbeat: the station lives and asks the time."""


class ConnectorState(StrEnum):
    """The 1.6 names, the finer set; 2.x's Occupied is kept as such when nothing more is known."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    OCCUPIED = "Occupied"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class ConnectorStatus(Struct, frozen=True, kw_only=True):
    """StatusNotification. 1.6 connector n is (evse n, connector 1); the station itself is (0, 0)."""

    evse: int
    connector: int
    state: ConnectorState
    at: datetime | None = None
    error_code: str | None = None
    info: str | None = None
    vendor_error_code: str | None = None


class Authorize(Struct, frozen=True, kw_only=True):
    """Authorize: may this token charge here? `contract` is what proves it, where it is one of Plug & Charge (2.x)."""

    token: Token
    contract: Contract | None = None


class Step(IntEnum):
    """Where in a transaction a report stands. The order is that of billing: an ENDED outranks any UPDATED."""

    STARTED = 0
    UPDATED = 1
    ENDED = 2


class TransactionReport(Struct, frozen=True, kw_only=True):
    """One thing a station says of one transaction: 1.6 StartTransaction, StopTransaction and MeterValues that
    name a transaction; 2.x TransactionEvent.

    `transaction_id` is None only for 1.6 StartTransaction, whose answer gives it. `seq` is 2.x's seqNo, -1 in 1.6.
    `meter_first_wh` and `meter_last_wh` are the earliest and latest import register readings in this report
    (equal where it holds one; a total, or the sum of phases where no total is sent). `begun`: `meter_first_wh` is one
    whose context says Transaction.Begin, the earliest of those; else, where a transaction ends, it is None.
    `given_first_wh` and `given_last_wh` are the same of the export register, which no bill goes by.
    `power_w`, below 0 where it flows back, and `soc_pct` are of the latest sample. `charging_state` is 2.x's.
    `evse`/`connector` are None where the report does not say.
    `said_cost` is what the station reckons itself (2.1).
    `stop_reason` is the reason in 2.x's spelling, "Local" where 1.6 leaves it out.
    """

    step: Step
    at: datetime
    transaction_id: str | None = None
    seq: int = -1
    evse: int | None = None
    connector: int | None = None
    token: Token | None = None
    meter_first_wh: int | None = None
    meter_last_wh: int | None = None
    begun: bool = False
    given_first_wh: int | None = None
    given_last_wh: int | None = None
    power_w: int | None = None
    soc_pct: int | None = None
    samples: tuple[Sample, ...] = ()
    trigger: str | None = None
    charging_state: str | None = None
    stop_reason: str | None = None
    offline: bool = False
    remote_start_id: int | None = None
    reservation_id: int | None = None
    said_cost: SaidCost | None = None


class MeterReport(Struct, frozen=True, kw_only=True):
    """Meter values that belong to no transaction (clock-aligned, evse 0 is the station's own meter)."""

    evse: int
    samples: tuple[Sample, ...]


class Notice(Struct, frozen=True, kw_only=True):
    """Any other message of a station: kept in the message log and answered by the version's default rule.
    `request` is the version's own typed struct."""

    action: str
    request: Any


Report = (
    Boot
    | Heartbeat
    | ConnectorStatus
    | Authorize
    | TransactionReport
    | MeterReport
    | ChargingReport
    | Settlement
    | VatNumber
    | CertificateAsked
    | ChainAsked
    | ContractCertificateAsked
    | Notice
)
