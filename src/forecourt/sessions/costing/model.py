"""What a session costs, as others hear of it."""

from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import Money
from forecourt.pricing.shown import Quote

#: The event by which others hear that the cost of a session is known, or is another; the subject is the session's id.
PRICED: Final = "session.priced"
#: The event after which a session is priced: it was reviewed, at its start or end; the subject is its id.
ASSESSED: Final = "session.assessed"

FrozenBy = Literal["assignment", "agreement"]


class TariffRef(Struct, frozen=True, kw_only=True):
    """The version of a tariff that counts for a session; by which assignment, where it wasn't agreed on."""

    tariff_id: UUID
    version: int
    name: str
    frozen_by: FrozenBy
    assignment_id: UUID | None


class CostSaid(Struct, frozen=True, kw_only=True):
    """What a station says that a session came to, in whole units of the currency. `differs` from the bill by more than
    its own rounding; `compared_at` None: the bill is not final yet."""

    currency: str
    excl_tax: Decimal | None
    incl_tax: Decimal | None
    failed: bool
    reason: str | None
    said_at: datetime
    differs: bool
    compared_at: datetime | None


class SessionCost(Struct, frozen=True, kw_only=True):
    """What a session costs, final or so far.

    `tariff` None: no tariff counts, so it costs nothing, and there is neither currency nor bill. `excl_vat` and
    `incl_vat` are rounded once; `bill` has all there is to say. `most`: what may be taken at the most, after taxes,
    within which it is. `sealed`: money has moved, so it changes no more; `later` is what it would cost by values that
    came afterwards, where that differs. `at`: when it was priced. `said`: what its station reckons, where it does and
    that was asked for. `held`: its signed meter values hold it back until a person releases it.
    """

    session_id: UUID
    final: bool
    tariff: TariffRef | None
    excl_vat: Money | None
    incl_vat: Money | None
    bill: Quote | None
    at: datetime
    most: Money | None = None
    sealed: bool = False
    later: Money | None = None
    said: CostSaid | None = None
    held: bool = False


class CostSealed(ForecourtError):
    """The cost of the session is final and money has moved by it, so its tariff can't be changed. Refund instead."""

    status = 409
    code = "cost-sealed"


class NotPricedYet(ForecourtError):
    """The session is not priced yet: it still runs, or what was said of it is being looked at. Try again shortly."""

    status = 409
    code = "not-priced-yet"
