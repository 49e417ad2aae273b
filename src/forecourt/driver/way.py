"""What a driver is shown: a place and its price before he pays, then how far he is with one payment."""

from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.driver.model import HeldBack, Running, Stage
from forecourt.driver.store import Brand, Spot
from forecourt.payments.fleets.model import Seller as Issuer
from forecourt.payments.intents.errors import ConnectorInUse, ConnectorTaken
from forecourt.payments.intents.model import Intent
from forecourt.payments.intents.sizing import Sized
from forecourt.payments.intents.standing import shut
from forecourt.payments.receipts.model import Numbered
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import Money
from forecourt.pricing.display import Line, PriceLaw
from forecourt.pricing.model import Tariff
from forecourt.sessions.costing.model import SessionCost
from forecourt.sessions.reserving.model import HeldForAnother
from forecourt.sessions.signed.store import SignatureRow


class Leaving(Struct, frozen=True, kw_only=True):
    """When a car leaves, as far as that is known, when it is ready, and `why` it charges as it does; None where nothing
    says so.

    `is_said`: its driver said when; `is_being_planned`: since then nothing was planned. `by_then_wh`: what it will have
    in all when it leaves, None where nothing says so, and what it lacks then; `waits`: its station was told to give it
    nothing for now, though it takes more, and `turn_at`: when it has its turn, where it waits for that."""

    departure_at: datetime | None
    ready_at: datetime | None
    why: HeldBack | None = None
    is_said: bool = False
    is_being_planned: bool = False
    by_then_wh: int | None = None
    lacks_wh: int = 0
    waits: bool = False
    turn_at: datetime | None = None


class Shown(Struct, frozen=True, kw_only=True):
    """A place and its price, before anybody pays. `hold` None: no price counts here, so nobody can pay here.

    Where a driver's price is another than anybody's, `ordinary` are the lines of that one, and `member_of` is the
    membership by which the driver's counts, if it is one.
    """

    tenant_id: int
    brand: Brand
    spot: Spot
    law: PriceLaw
    lines: tuple[Line, ...] = ()
    tariff: Tariff | None = None
    hold: Sized | None = None
    #: Names the price (`Offer.price_id`).
    price_id: str | None = None
    ordinary: tuple[Line, ...] = ()
    member_of: str | None = None
    #: Until when the connector is held; `own`: for whoever looks.
    held_until: datetime | None = None
    own: bool = False
    #: Somebody charges there.
    in_use: bool = False
    #: Somebody has paid there, and has not plugged in yet or charges.
    being_paid: bool = False

    @property
    def open(self) -> bool:
        """Whether a driver can start here now."""
        return self.hold is not None and self.why_shut is None

    @property
    def why_shut(self) -> type[ForecourtError] | None:
        """Why nobody can start here now, as whoever tried would be refused; None where somebody can."""
        why = shut(connected=self.spot.connected, state=self.spot.state, own=self.own)
        if why is not None:
            return why
        if self.in_use:
            return ConnectorInUse
        if self.being_paid:
            return ConnectorTaken
        return HeldForAnother if self.held else None

    @property
    def held(self) -> bool:
        """Whether the connector is held for somebody else."""
        return self.held_until is not None and not self.own


class Seller(Struct, frozen=True, kw_only=True):
    """Who sells, as the payment provider says of the account that was paid to; empty where it was never asked."""

    name: str = ""
    statement: str = ""


class Way(Struct, frozen=True, kw_only=True):
    """How far a driver is with one payment, and all that is shown of it."""

    tenant_id: int
    brand: Brand
    intent: Intent
    stage: Stage
    spot: Spot | None
    running: Running | None = None
    cost: SessionCost | None = None
    plug_until: datetime | None = None
    leaving: Leaving | None = None
    signed: SignatureRow | None = None
    seller: Seller = Seller()
    #: Who the organisation is on its invoices, for a receipt; None where that was never said.
    issuer: Issuer | None = None
    #: The numbers of the receipt, where the law wants some.
    numbered: Numbered = Numbered()
    #: When the money was taken, or it was clear that nothing is due.
    issued_at: datetime | None = None
    #: What was paid later of what was owed, by another payment, in minor units.
    paid_late: int = 0
    #: What of that went back.
    refunded_late: int = 0
    #: What of that is owed again, as the provider took those payments back.
    owed_again: int = 0
    #: What the bank of whoever paid took back for good, in minor units.
    taken_back: int = 0

    @property
    def refunded(self) -> Money:
        """What went back of what was paid, then and later."""
        return Money(amount=self.intent.refunded_amount + self.refunded_late, currency=self.intent.currency)

    @property
    def owed(self) -> Money:
        """What is to be paid still."""
        return Money(amount=self.intent.owed_amount + self.owed_again, currency=self.intent.currency)

    @property
    def comes_to(self) -> Money:
        """The price after what was given back. What a bank took back changes no price."""
        return Money(amount=max(self.paid.amount - self.refunded.amount, 0), currency=self.intent.currency)

    @property
    def paid(self) -> Money:
        """What was paid, by this payment and later."""
        return Money(amount=self.intent.captured_amount + self.paid_late, currency=self.intent.currency)

    @property
    def zone(self) -> ZoneInfo:
        """In whose time the driver lives."""
        return ZoneInfo("UTC" if self.spot is None else self.spot.zone)
