"""What a driver's account is. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta, Struct

from forecourt.access.model import Origin, Service
from forecourt.platform.errors import ForecourtError
from forecourt.platform.text import NAME_LINE

#: A letter's link is good for so long.
LINK_LIFE: Final = timedelta(minutes=20)
#: A driver stays signed in for so long, and so long without being seen.
SESSION_LIFE: Final = timedelta(days=90)
SESSION_IDLE: Final = timedelta(days=30)
#: How often it is written down that a session was seen.
SEEN_EVERY: Final = timedelta(minutes=10)
#: Sessions of one driver; one more ends the one that was begun first.
MAX_SESSIONS: Final = 20
#: Tokens and vehicles of one driver.
MAX_TOKENS: Final = 50
MAX_VEHICLES: Final = 20
#: A code that comes with a card is good for so long.
CLAIM_LIFE: Final = timedelta(days=90)
#: Characters of a code in base 32, and random bytes that they stand for.
CODE_BYTES: Final = 10
MAX_CODE: Final = 40
MAX_EMAIL: Final = 254
EMAIL_PATTERN: Final = r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}$"
MAX_NAME: Final = 200
MAX_VEHICLE_NAME: Final = 100
MAX_CONNECTOR: Final = 20
#: Characters by which the version of a text is named.
MAX_TEXT_VERSION: Final = 40
TEXT_VERSION_PATTERN: Final = r"^[0-9A-Za-z._-]+$"
#: What begins every token by which an app acts for a driver.
TOKEN_PREFIX: Final = "fd_"


class DriverRules(Struct, frozen=True, kw_only=True):
    """What an organisation asks of drivers' own tokens: that something pays for what they start, and whether cars start
    by their own address when they are plugged in."""

    payment_required: bool = True
    autocharge: bool = False


class AccountState(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "active"
    #: Nobody signs in and none of its tokens starts a session.
    BLOCKED = "blocked"
    #: What it said of somebody is gone.
    ERASED = "erased"


class PaysBy(StrEnum):
    """What pays for sessions of a driver that begin without anybody being asked."""

    #: Nothing: each time on the provider's page.
    PAGE = "page"
    CARD = "card"
    WALLET = "wallet"
    FLEET = "fleet"


class ConsentKind(StrEnum):
    """What a driver may agree to. Nothing is agreed to until it is said."""

    TERMS = "terms"
    MARKETING = "marketing"
    #: That sessions are looked at to find usual times and needs.
    USAGE = "usage"


class Driver(Struct, frozen=True, kw_only=True):
    """A driver's account."""

    driver_id: int
    tenant_id: int
    email: str | None
    name: str | None
    language: str
    state: AccountState
    pays_by: PaysBy
    pays_method: UUID | None
    wants: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    seen_at: datetime | None
    erased_at: datetime | None

    @property
    def payer(self) -> str:
        """How payments know this driver."""
        return payer_of(self.driver_id)

    def acting(self, origin: Origin | None = None) -> Service:
        """The driver as the audit names them: by a number, so that nothing of it needs to be erased there."""
        return Service(tenant_id=self.tenant_id, id=self.payer, name="Driver", origin=origin or Origin())


class Vehicle(Struct, frozen=True, kw_only=True):
    """A car of a driver; None: not known."""

    vehicle_id: int
    name: str
    battery_wh: int | None
    max_ac_w: int | None
    max_dc_w: int | None
    connector: str | None
    added_at: datetime


class VehicleSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A car as its driver describes it."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_VEHICLE_NAME, pattern=NAME_LINE, examples=["The blue one"])]
    battery_wh: Annotated[
        Annotated[int, Meta(ge=1_000, le=2_000_000)] | None,
        Meta(description="What its battery holds.", examples=[60_000]),
    ] = None
    max_ac_w: Annotated[
        Annotated[int, Meta(ge=1_000, le=100_000)] | None,
        Meta(description="What it takes at most of alternating current.", examples=[11_000]),
    ] = None
    max_dc_w: Annotated[
        Annotated[int, Meta(ge=1_000, le=5_000_000)] | None,
        Meta(description="What it takes at most of direct current.", examples=[150_000]),
    ] = None
    connector: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_CONNECTOR, pattern=NAME_LINE)] | None,
        Meta(description="What it is plugged in by.", examples=["cCCS2"]),
    ] = None


class OwnToken(Struct, frozen=True, kw_only=True):
    """A token of a driver."""

    number: int
    uid: str
    type: str
    status: str
    attached_at: datetime
    attached_by: str


class Consent(Struct, frozen=True, kw_only=True):
    """The latest word on one kind of consent."""

    kind: ConsentKind
    given: bool
    text_version: str
    said_at: datetime


class OwnSession(Struct, frozen=True, kw_only=True):
    """Where a driver is signed in. `address` and `user_agent` as they were when it began."""

    number: int
    how: str
    address: str
    user_agent: str
    began_at: datetime
    seen_at: datetime
    expires_at: datetime


def payer_of(driver_id: int) -> str:
    """How payments and the ledger know a driver."""
    return f"driver:{driver_id}"


def plain_code(said: str) -> str:
    """A code as it was made, whatever blanks, hyphens and cases it is typed in with."""
    return "".join(each for each in said.upper() if each.isalnum())


def grouped(code: str) -> str:
    """A code as people read it: in fours."""
    return "-".join(code[place : place + 4] for place in range(0, len(code), 4))


class DriverUnknown(ForecourtError):
    """There is no such driver. `GET /api/v1/drivers` lists those that exist."""

    status = 404
    code = "driver-unknown"


class DriverSignedOut(ForecourtError):
    """Nobody is signed in as a driver. Ask for a letter, and send the token as `Authorization: Bearer fd_...`."""

    status = 401
    code = "driver-signed-out"


class LinkGone(ForecourtError):
    """This link was used already or is too old. Ask for another letter."""

    status = 410
    code = "link-gone"


class AccountBlocked(ForecourtError):
    """This account is blocked. Ask the organisation that you charge with."""

    status = 403
    code = "account-blocked"


class EmailTaken(ForecourtError):
    """Another driver has this e-mail address."""

    status = 409
    code = "email-taken"


class TokenTaken(ForecourtError):
    """This token is another driver's. Detach it there first."""

    status = 409
    code = "token-taken"


class ClaimUnknown(ForecourtError):
    """No card has this code, or it was used already. Look at the code that came with the card."""

    status = 404
    code = "claim-unknown"


class TooManyOwned(ForecourtError):
    """There are as many of these as one driver can have. Remove one first."""

    status = 409
    code = "too-many-owned"


class VehicleUnknown(ForecourtError):
    """There is no such car of this driver."""

    status = 404
    code = "vehicle-unknown"
