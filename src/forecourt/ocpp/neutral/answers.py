"""What a station is answered, in neutral words."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from forecourt.ocpp.neutral.charging import DynamicAnswer, NeedsAnswer
from forecourt.ocpp.neutral.contracts import CertificateAnswer, ChainAnswer, ContractCertificateAnswer, ContractStatus
from forecourt.ocpp.neutral.paying import Limit, SettlementAnswer, VatAnswer


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
    #: It may charge, and not here now: the connector is held for somebody else.
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class TokenStatus(Struct, frozen=True, kw_only=True):
    """The decision about a token. `group` is the uid of its group token (1.6 parentIdTag, 2.x groupIdToken).
    `message` is for the driver, in plain words; 1.6 can't show any."""

    status: AuthorizationStatus
    group: str | None = None
    expires_at: datetime | None = None
    message: str | None = None


class BootAnswer(Struct, frozen=True, kw_only=True):
    """The answer to Boot; `interval_s` > 0 is the heartbeat interval, or the wait before the next Boot."""

    status: Registration
    now: datetime
    interval_s: int


class HeartbeatAnswer(Struct, frozen=True, kw_only=True):
    """The answer to Heartbeat."""

    now: datetime


class AuthorizeAnswer(Struct, frozen=True, kw_only=True):
    """The answer to Authorize. `certificate`: what the certificates of a contract are worth, where any were looked at
    or should have come."""

    token: TokenStatus
    certificate: ContractStatus | None = None


class TransactionAnswer(Struct, frozen=True, kw_only=True):
    """The answer to a TransactionReport. `transaction_id` matters to 1.6 StartTransaction alone; `token` is
    present when the report named one. `limit`: where it ends by itself (2.1); `total_cost`: what it came to, after
    taxes and in whole units, told once it is over (2.x)."""

    transaction_id: str | None = None
    token: TokenStatus | None = None
    limit: Limit | None = None
    total_cost: Decimal | None = None


class Acknowledged(Struct, frozen=True, kw_only=True):
    """The answer to everything else; `now` serves the messages whose answer carries a time."""

    now: datetime


Answer = (
    BootAnswer
    | HeartbeatAnswer
    | AuthorizeAnswer
    | TransactionAnswer
    | NeedsAnswer
    | DynamicAnswer
    | SettlementAnswer
    | VatAnswer
    | CertificateAnswer
    | ChainAnswer
    | ContractCertificateAnswer
    | Acknowledged
)
