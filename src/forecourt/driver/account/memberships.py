"""Memberships that drivers begin and end themselves: which are offered, what they cost, what pays for them.

The fee is known before; the first month is paid at once, or nothing begins; an end comes with the month that is paid.
What a month is, and how it is asked for, is `payments.fees`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from forecourt.access import audit
from forecourt.access.model import Origin
from forecourt.driver.account.cars import Acting
from forecourt.driver.account.model import CardUnknown, WayRefused
from forecourt.drivers.accounts import service as accounts
from forecourt.drivers.accounts.model import Driver, PaysBy
from forecourt.drivers.fleets import store as fleets
from forecourt.drivers.fleets.model import BEGUN, Plan, PlanUnknown, Subscription
from forecourt.payments.fees.model import Fee, FeeState
from forecourt.payments.fees.service import Fees
from forecourt.payments.fees.store import list_fees, open_month
from forecourt.payments.intents import store as payments_store
from forecourt.payments.intents.model import TAKEN, Intent
from forecourt.payments.receipts.model import Numbered
from forecourt.payments.receipts.store import find_numbered
from forecourt.payments.saved import store as saved_store
from forecourt.platform import outbox
from forecourt.platform.clock import Clock
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import Money


class Membership(Struct, frozen=True, kw_only=True):
    """A driver's membership that goes on. `paid_until`: None before its first month is paid, and where it costs
    nothing. `next_at`: when its next month is paid, None where none comes or it costs nothing; `reason`: why the month
    that is due could not be paid so far."""

    subscription: Subscription
    plan: Plan
    paid_until: datetime | None
    next_at: datetime | None
    reason: str | None

    @property
    def fee(self) -> Money:
        """What a month costs, taxes included."""
        return Money(amount=self.plan.month_fee, currency=self.plan.currency)


class AlreadyMember(ForecourtError):
    """You have a membership already. Begin another one once it has ended."""

    status = 409
    code = "already-member"


class NotMember(ForecourtError):
    """You have no membership, or it has ended."""

    status = 404
    code = "not-member"


class PlanChanged(ForecourtError):
    """This plan doesn't cost any more what you were shown. Look at it again."""

    status = 409
    code = "plan-changed"


class MonthUnpaid(ForecourtError):
    """The first month could not be paid, so nothing began and nothing was taken. Choose another card, or put money into
    your wallet."""

    status = 402
    code = "month-unpaid"


class MonthUnknown(ForecourtError):
    """There is no such month of a membership that was paid."""

    status = 404
    code = "month-unknown"


class Memberships:
    """The verbs, for the life of a process."""

    def __init__(self, acting: Acting, fees: Fees, clock: Clock) -> None:
        self._acting = acting
        self._fees = fees
        self._clock = clock

    async def plans(self, driver: Driver) -> list[Plan]:
        """Those that a driver may begin now, the cheapest first."""
        async with self._acting(driver) as conn:
            found = await fleets.list_plans(conn, driver.tenant_id)
        return sorted((each for each in found if each.open and each.offered), key=lambda each: each.month_fee)

    async def find(self, driver: Driver) -> Membership | None:
        """The one that goes on."""
        now = self._clock.now()
        async with self._acting(driver) as conn:
            going = await fleets.find_subscription(conn, driver.tenant_id, driver.driver_id, now)
            if going is None:
                return None
            plan = await fleets.find_plan(conn, driver.tenant_id, going.plan_id)
            months = await _months(conn, driver, going)
        assert plan is not None, "a subscription is of a plan"
        paid = [each for each in months if each.state is FeeState.PAID]
        last = max(months, key=lambda each: each.number, default=None)
        paid_until = max((each.until_at for each in paid), default=None)
        comes = last is not None and going.ends_at is None
        due = last if last is not None and last.state in (FeeState.DUE, FeeState.ASKED) else None
        return Membership(
            subscription=going, plan=plan, paid_until=paid_until,
            next_at=(due.next_at if due is not None else paid_until) if comes else None,
            reason=None if due is None else due.reason or None,
        )  # fmt: skip

    async def months(self, driver: Driver) -> list[Fee]:
        """The months of the driver's memberships that were asked for, the latest first."""
        async with self._acting(driver) as conn:
            found = await list_fees(conn, driver.tenant_id, driver.driver_id)
        return [each for each in found if each.state is not FeeState.DROPPED]

    async def begin(
        self, driver: Driver, plan_id: int, shown: Money, by: PaysBy, method_id: UUID | None, origin: Origin
    ) -> Membership:
        """A driver becomes a member, for the fee that was `shown`; the first month is paid at once.

        Raises PlanUnknown, PlanChanged, AlreadyMember, CardUnknown, WayRefused, and MonthUnpaid: then nothing began.
        """
        now, tenant_id = self._clock.now(), driver.tenant_id
        async with self._acting(driver) as conn:
            await accounts.find_driver(conn, tenant_id, driver.driver_id, lock=True)
            if await fleets.find_subscription(conn, tenant_id, driver.driver_id, now) is not None:
                raise AlreadyMember
            plan = await fleets.find_plan(conn, tenant_id, plan_id)
            if plan is None or not (plan.open and plan.offered):
                raise PlanUnknown
            if shown != Money(amount=plan.month_fee, currency=plan.currency):
                raise PlanChanged
            pays = await self._way(conn, driver, by, method_id) if plan.month_fee else (None, None)
            begun = await fleets.begin_subscription(
                conn, tenant_id, driver.driver_id, plan_id, now, by_driver=True, pays_by=pays[0], pays_method=pays[1]
            )
            assert begun, "it was just found open"
            found = await fleets.find_subscription(conn, tenant_id, driver.driver_id, now)
            assert found is not None
            # Looked at at once here; should this process die, whoever looks at what is due goes on.
            fee_id = await open_month(conn, tenant_id, found.subscription_id, 0, now)
            await audit(conn, driver.acting(origin), "begin subscription", driver.payer, {"plan": plan_id})
            await outbox.write(conn, tenant_id, BEGUN, str(found.subscription_id))
        if fee_id is not None:
            await self._fees.look(tenant_id, fee_id)
        going = await self.find(driver)
        if going is None or going.subscription.subscription_id != found.subscription_id:
            raise MonthUnpaid
        return going

    async def pay_by(self, driver: Driver, by: PaysBy, method_id: UUID | None, origin: Origin) -> Membership:
        """What pays for the months to come. Raises NotMember, CardUnknown, WayRefused."""
        async with self._acting(driver) as conn:
            pays = await self._way(conn, driver, by, method_id)
            if not await fleets.pay_subscription(conn, driver.tenant_id, driver.driver_id, *pays, self._clock.now()):
                raise NotMember
            await audit(conn, driver.acting(origin), "pay subscription", driver.payer, {"by": by.value})
        return await self._going(driver)

    async def end(self, driver: Driver, origin: Origin) -> Membership | None:
        """The membership ends with the month that is paid, or is being paid; at once where none is: then None is left.
        Twice is once. Raises NotMember."""
        now, tenant_id = self._clock.now(), driver.tenant_id
        async with self._acting(driver) as conn:
            await accounts.find_driver(conn, tenant_id, driver.driver_id, lock=True)
            going = await fleets.find_subscription(conn, tenant_id, driver.driver_id, now)
            if going is None:
                raise NotMember
            months = await _months(conn, driver, going)
            paid = [each.until_at for each in months if each.state in (FeeState.PAID, FeeState.ASKED)]
            if going.ends_at is None:
                at = max([now, *paid])
                await fleets.end_subscription(conn, tenant_id, driver.driver_id, at)
                told = {"ends_at": at.isoformat()}
                await audit(conn, driver.acting(origin), "end subscription", driver.payer, told)
        return await self.find(driver)

    async def keep(self, driver: Driver, origin: Origin) -> Membership:
        """One that shall end goes on after all. Raises NotMember."""
        async with self._acting(driver) as conn:
            if await fleets.keep_subscription(conn, driver.tenant_id, driver.driver_id, self._clock.now()):
                await audit(conn, driver.acting(origin), "keep subscription", driver.payer)
        return await self._going(driver)

    async def paid(self, driver: Driver, fee_id: UUID) -> tuple[Fee, Intent, Numbered]:
        """A month that was paid, its payment and its numbers, for a receipt. Raises MonthUnknown."""
        async with self._acting(driver) as conn:
            found = next(
                (each for each in await list_fees(conn, driver.tenant_id, driver.driver_id) if each.fee_id == fee_id),
                None,
            )
            if found is None or found.intent_id is None:
                raise MonthUnknown
            intent = await payments_store.find_intent(conn, driver.tenant_id, found.intent_id)
            numbered = await find_numbered(conn, driver.tenant_id, found.intent_id)
        if intent is None or intent.state not in TAKEN:
            raise MonthUnknown
        return found, intent, numbered

    async def _going(self, driver: Driver) -> Membership:
        found = await self.find(driver)
        if found is None:
            raise NotMember
        return found

    async def _way(
        self, conn: Any, driver: Driver, by: PaysBy, method_id: UUID | None
    ) -> tuple[str | None, UUID | None]:
        """What pays, as a subscription keeps it."""
        if by not in (PaysBy.CARD, PaysBy.WALLET) or (by is PaysBy.CARD) is (method_id is None):
            raise WayRefused
        if method_id is not None and (
            await saved_store.find_method(conn, driver.tenant_id, driver.payer, method_id) is None
        ):
            raise CardUnknown
        return by.value, method_id


async def _months(conn: Any, driver: Driver, going: Subscription) -> Sequence[Fee]:
    found = await list_fees(conn, driver.tenant_id, driver.driver_id)
    return [each for each in found if each.subscription_id == going.subscription_id]
