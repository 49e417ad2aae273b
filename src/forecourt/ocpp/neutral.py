"""The neutral language: what a station says and is told, with the protocol version taken away.

`lift` turns a typed message of 1.6, 2.0.1 or 2.1 into one of the reports below; `lower` turns an answer or a
command back. Rooms above know only these words. Quantities are ints in the unit that ends the name, times are
aware UTC as the station gave them (whether they can be believed is decided later, where the arrival is known).
"""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

import msgspec
from msgspec import Struct


class Version(StrEnum):
    """OCPP versions spoken, by the WebSocket subprotocol that selects them, newest first."""

    V21 = "ocpp2.1"
    V201 = "ocpp2.0.1"
    V16 = "ocpp1.6"


class Measurand(IntEnum):
    """What was measured. Stored as the number; the comment names the stored unit of the integer value."""

    ENERGY_IMPORT_REGISTER = 0  # Wh
    ENERGY_IMPORT_INTERVAL = 1  # Wh
    ENERGY_EXPORT_REGISTER = 2  # Wh
    ENERGY_EXPORT_INTERVAL = 3  # Wh
    POWER_IMPORT = 4  # W
    POWER_EXPORT = 5  # W
    POWER_OFFERED = 6  # W
    CURRENT_IMPORT = 7  # mA
    CURRENT_EXPORT = 8  # mA
    CURRENT_OFFERED = 9  # mA
    VOLTAGE = 10  # mV
    SOC = 11  # hundredths of a percent
    TEMPERATURE = 12  # hundredths of a degree Celsius
    FREQUENCY = 13  # mHz
    POWER_FACTOR = 14  # thousandths
    REACTIVE_ENERGY = 15  # varh, import register
    REACTIVE_POWER = 16  # var, import
    RPM = 17  # revolutions per minute
    OTHER = 99  # as the station sent it, in thousandths


class Phase(IntEnum):
    """Where between the conductors a value was taken; NONE is the whole."""

    NONE = 0
    L1 = 1
    L2 = 2
    L3 = 3
    N = 4
    L1_N = 5
    L2_N = 6
    L3_N = 7
    L1_L2 = 8
    L2_L3 = 9
    L3_L1 = 10


class Location(IntEnum):
    """At which side of the station a value was taken; OUTLET is the default of every version."""

    OUTLET = 0
    INLET = 1
    CABLE = 2
    EV = 3
    BODY = 4
    UPSTREAM = 5


class Context(IntEnum):
    """Why a value was taken; PERIODIC is the default of every version."""

    PERIODIC = 0
    BEGIN = 1
    END = 2
    CLOCK = 3
    TRIGGER = 4
    INTERRUPTION_BEGIN = 5
    INTERRUPTION_END = 6
    OTHER = 7


#: The bits of a sample's code that say what was measured, and those that say what, at which phase and where.
MEASURAND_BITS = 0xFF
PLACE_BITS = 0xFF_FFFF


def code(
    measurand: Measurand,
    phase: Phase = Phase.NONE,
    location: Location = Location.OUTLET,
    context: Context = Context.PERIODIC,
) -> int:
    """What, where and why was measured as one number, 8 bits each from the lowest: thousands of values a second are
    compared and stored by it. A measurand is its own code where the rest is as usual."""
    return measurand | phase << 8 | location << 16 | context << 24


class Sample(Struct, frozen=True, gc=False):
    """One measured value, an int of 64 bits in the unit named at its `Measurand`, which is in its `code`.

    `signed` is the station's signed record (OCMF and friends), for which `value` may be 0 when it can't be read from
    outside. In 1.6 it is the text exactly as sent; in 2.x the whole SignedMeterValueType as a JSON object, for its
    encodingMethod, signingMethod and publicKey tell how to verify it; every text in it is exactly as sent (of
    customData the vendorId is kept).
    """

    at: datetime
    code: int
    value: int
    signed: str | None = None

    @property
    def measurand(self) -> Measurand:
        """What was measured."""
        return Measurand(self.code & MEASURAND_BITS)

    @property
    def phase(self) -> Phase:
        """Where between the conductors."""
        return Phase(self.code >> 8 & 0xFF)

    @property
    def location(self) -> Location:
        """At which side of the station."""
        return Location(self.code >> 16 & 0xFF)

    @property
    def context(self) -> Context:
        """Why."""
        return Context(self.code >> 24 & 0xFF)


class Token(Struct, frozen=True):
    """What identifies a driver at a station. `uid` compares without case (OCPP identifierString, CiString);
    `type` is the 2.x IdTokenEnumType value, and "Central" is never assumed: 1.6 tags are "ISO14443"."""

    uid: str
    type: str = "ISO14443"


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
    """Authorize: may this token charge here?"""

    token: Token


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
    `power_w` and `soc_pct` are of the latest sample. `charging_state` is 2.x's. `evse`/`connector` are None where the
    report does not say.
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
    power_w: int | None = None
    soc_pct: int | None = None
    samples: tuple[Sample, ...] = ()
    trigger: str | None = None
    charging_state: str | None = None
    stop_reason: str | None = None
    offline: bool = False
    remote_start_id: int | None = None
    reservation_id: int | None = None


class MeterReport(Struct, frozen=True, kw_only=True):
    """Meter values that belong to no transaction (clock-aligned, evse 0 is the station's own meter)."""

    evse: int
    samples: tuple[Sample, ...]


class Notice(Struct, frozen=True, kw_only=True):
    """Any other message of a station: kept in the message log and answered by the version's default rule.
    `request` is the version's own typed struct."""

    action: str
    request: Any


Report = Boot | Heartbeat | ConnectorStatus | Authorize | TransactionReport | MeterReport | Notice


class Registration(StrEnum):
    """What a station is told at Boot."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"


class AuthorizationStatus(StrEnum):
    """2.x AuthorizationStatusEnumType as far as it is decided here; 1.6 is lowered from it."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    UNKNOWN = "Unknown"


class TokenStatus(Struct, frozen=True, kw_only=True):
    """The decision about a token. `group` is the uid of its group token (1.6 parentIdTag, 2.x groupIdToken)."""

    status: AuthorizationStatus
    group: str | None = None
    expires_at: datetime | None = None


class BootAnswer(Struct, frozen=True, kw_only=True):
    """The answer to Boot; `interval_s` > 0 is the heartbeat interval, or the wait before the next Boot."""

    status: Registration
    now: datetime
    interval_s: int


class HeartbeatAnswer(Struct, frozen=True, kw_only=True):
    """The answer to Heartbeat."""

    now: datetime


class AuthorizeAnswer(Struct, frozen=True, kw_only=True):
    """The answer to Authorize."""

    token: TokenStatus


class TransactionAnswer(Struct, frozen=True, kw_only=True):
    """The answer to a TransactionReport. `transaction_id` matters to 1.6 StartTransaction alone; `token` is
    present when the report named one."""

    transaction_id: str | None = None
    token: TokenStatus | None = None


class Acknowledged(Struct, frozen=True, kw_only=True):
    """The answer to everything else; `now` serves the messages whose answer carries a time."""

    now: datetime


Answer = BootAnswer | HeartbeatAnswer | AuthorizeAnswer | TransactionAnswer | Acknowledged


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


Command = StartCharging | StopCharging | UnlockConnector | Reset


class CommandAnswer(Struct, frozen=True, kw_only=True):
    """What the station answered to a command, `status` in its own word. `transaction_id` where 2.x names one that
    already runs. A 2.x reset that is Scheduled is accepted: it comes when the station is idle."""

    accepted: bool
    status: str
    transaction_id: str | None = None


encode = msgspec.json.Encoder().encode
