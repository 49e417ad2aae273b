"""What a driver's own pages show, and their rules. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from forecourt.driver.account.store import Charged, OfferedCar, Underway
from forecourt.driver.waiting.model import Waiting
from forecourt.driver.waiting.service import Seen
from forecourt.drivers.accounts.model import Consent, Driver, OwnSession, OwnToken, Vehicle
from forecourt.drivers.autocharge.model import OwnCar
from forecourt.loyalty.model.uses import Use
from forecourt.loyalty.rewards.store import Move
from forecourt.payments.intents.model import Intent
from forecourt.payments.psp.words import Card
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import Money

#: Sessions of one page of the history, and of the first page.
HISTORY: Final = 30
LATEST: Final = 5
#: What a wallet takes at once, in minor units, and what is offered.
MIN_TOP_UP: Final = 500
MAX_TOP_UP: Final = 50_000
#: What a wallet is in where nothing says what is charged in.
USUAL_CURRENCY: Final = "EUR"
TOP_UPS: Final = (2_000, 5_000, 10_000)
#: Sessions after which a car may be named began at most so long ago.
OFFERED_FOR: Final = timedelta(days=1)
#: Sessions of an export; who has more asks the operator for the rest.
MAX_EXPORTED: Final = 20_000


class SavedCard(Struct, frozen=True, kw_only=True):
    """A way to pay that the provider keeps."""

    id: UUID
    #: Without brand and digits where the provider told none.
    card: Card
    preferred: bool
    saved_at: datetime


class Purse(Struct, frozen=True, kw_only=True):
    """A driver's money here. `wallet` can be spent; `currency` is what is paid in here; `payable`: what the wallet can
    pay of the debts at once; `disputed`: what is in it beside, and can't be spent, as a bank asks for it back."""

    cards: Sequence[SavedCard]
    wallet: Sequence[Money]
    debts: Sequence[Intent]
    currency: str
    payable: Money | None = None
    disputed: Sequence[Money] = ()


class Plugged(Struct, frozen=True, kw_only=True):
    """Cars that start by being plugged in, if that is `on` here, and those that may from now on."""

    on: bool
    cars: Sequence[OwnCar]
    offered: Sequence[OfferedCar]


class Home(Struct, frozen=True, kw_only=True):
    """The first page."""

    driver: Driver
    running: Sequence[Underway]
    latest: Sequence[Charged]
    money: Purse
    waiting: Sequence[Seen] = ()


class Export(Struct, frozen=True, kw_only=True):
    """All that is kept of a driver, as the GDPR's articles 15 and 20 have it."""

    made_at: datetime
    organisation: str
    account: dict[str, Any]
    tokens: Sequence[OwnToken]
    vehicles: Sequence[Vehicle]
    consents: Sequence[Consent]
    signed_in: Sequence[OwnSession]
    sessions: Sequence[Charged]
    payments: Sequence[dict[str, Any]]
    saved_cards: Sequence[SavedCard]
    wallet: Sequence[Money]
    disputed: Sequence[Money]
    waiting: Sequence[Waiting]
    given: Sequence[Use]
    points: Sequence[Move]


class Erased(Struct, frozen=True, kw_only=True):
    """What an erasure did. `sessions`: of how many the token was given another name."""

    driver_id: int
    sessions: int
    tokens: int


class TopUpRefused(ForecourtError):
    """A wallet takes between 5.00 and 500.00 at once. Choose another amount."""

    status = 422
    code = "top-up-refused"


class CurrencyRefused(ForecourtError):
    """No station here charges in this currency, so money in it could pay for nothing. Choose another currency."""

    status = 422
    code = "currency-refused"


class MoneyLeft(ForecourtError):
    """There is money in the wallet, a debt or a payment that is not over. Settle it first, then erase the account."""

    status = 409
    code = "money-left"


class CardUnknown(ForecourtError):
    """There is no such saved card of this driver."""

    status = 404
    code = "card-unknown"


class WayRefused(ForecourtError):
    """Sessions can't be paid that way: name a saved card for `card`, and be in a fleet for `fleet`."""

    status = 422
    code = "way-refused"
