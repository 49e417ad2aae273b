"""What a fleet, its members and a subscription are. Pure."""

from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Meta, Struct

from forecourt.platform.errors import ForecourtError

#: The event by which others hear that a membership began; the subject is its number.
BEGUN: Final = "subscription.begun"
#: The event by which others hear that a fleet is called otherwise; the subject is its number.
RENAMED: Final = "fleet.renamed"
MAX_NAME: Final = 200
MAX_BILL_TO: Final = 1_000
MAX_COST_CENTRE: Final = 60
#: Characters of what a plan gives, and of the address of its terms.
MAX_GIVES: Final = 1_000
MAX_TERMS: Final = 500
#: The most that a limit may be, in minor units.
MAX_LIMIT: Final = 10**12
#: Fleets and plans of one organisation, and members of one fleet, that are listed.
MAX_FLEETS: Final = 1_000
MAX_PLANS: Final = 100
MAX_MEMBERS: Final = 10_000


class Fleet(Struct, frozen=True, kw_only=True):
    """Who pays for several drivers. Limits in minor units with taxes; None: no limit. `spent`: this month."""

    fleet_id: int
    name: str
    bill_to: str
    email: str
    currency: str
    zone: str
    session_limit: int | None
    month_limit: int | None
    active: bool
    held_at: Annotated[datetime | None, Meta(description="Since when its drivers start nothing: it doesn't pay.")]
    held_reason: Annotated[str, Meta(examples=[""])]
    created_at: datetime
    members: int
    spent: int


class Member(Struct, frozen=True, kw_only=True):
    """A driver of a fleet. Their own limits count beside the fleet's. `spent`: this month."""

    driver_id: int
    fleet_id: int
    cost_centre: str
    session_limit: int | None
    month_limit: int | None
    joined_at: datetime
    spent: int


class FleetSession(Struct, frozen=True, kw_only=True):
    """What a session of a member came to, with taxes."""

    session_id: UUID
    driver_id: int
    cost_centre: str
    month: date
    currency: str
    amount: int
    said_at: datetime


class Plan(Struct, frozen=True, kw_only=True):
    """A membership with a monthly fee; assignments of tariffs name it by `name`. `vat`: percent within the fee.
    `offered`: drivers may begin it by themselves while it is open. `gives`, `terms_url`: what they are told of it."""

    plan_id: int
    name: str
    title: str
    currency: str
    month_fee: int
    vat: Decimal | None
    open: bool
    offered: Annotated[bool, Meta(description="Drivers may begin it by themselves.", examples=[True])]
    gives: Annotated[str, Meta(description="What drivers are told that it gives.", examples=["0.29 a kWh everywhere"])]
    terms_url: Annotated[str | None, Meta(examples=["https://example.com/gold"])]
    created_at: datetime


@runtime_checkable
class NamedByTariffs(Protocol):
    """The plans, by their names, by which some tariff is assigned now or later."""

    async def __call__(self, conn: Any, tenant_id: int, now: datetime, /) -> AbstractSet[str]: ...


class Subscription(Struct, frozen=True, kw_only=True):
    """A driver's membership, which goes on until it is ended: at once, or with a month that is paid. `by_driver`: they
    began it. `pays_by`: `card` or `wallet`; None: what their account pays by."""

    subscription_id: int
    plan_id: int
    name: str
    title: str
    began_at: datetime
    ends_at: datetime | None
    by_driver: bool = False
    pays_by: str | None = None
    pays_method: UUID | None = None


class PricedFor(Struct, frozen=True, kw_only=True):
    """By what tariffs are chosen for a driver: the group of all their tokens, if it is one, and their membership."""

    group: str | None = None
    subscription: str | None = None
    title: str | None = None


def least(*limits: int | None) -> int | None:
    """The tightest of some limits; None where there is none."""
    return min((each for each in limits if each is not None), default=None)


class FleetUnknown(ForecourtError):
    """There is no such fleet. `GET /api/v1/fleets` lists those that exist."""

    status = 404
    code = "fleet-unknown"


class FleetNameTaken(ForecourtError):
    """Another fleet has this name."""

    status = 409
    code = "fleet-name-taken"


class TooManyFleets(ForecourtError):
    """An organisation has at most 1,000 fleets. Change one that is not used any more."""

    status = 409
    code = "too-many-fleets"


class FleetFull(ForecourtError):
    """A fleet has at most 10,000 drivers. Make another one for the rest."""

    status = 409
    code = "fleet-full"


class TooManyPlans(ForecourtError):
    """An organisation has at most 100 plans, those too that nobody begins any more. Change one of them."""

    status = 409
    code = "too-many-plans"


class PlanUnknown(ForecourtError):
    """There is no such plan, or it can't be begun any more. `GET /api/v1/plans` lists those that exist."""

    status = 404
    code = "plan-unknown"


class PlanNameTaken(ForecourtError):
    """Another plan has this name."""

    status = 409
    code = "plan-name-taken"
