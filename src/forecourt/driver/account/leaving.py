"""All that is kept of a driver, to take along; and an account that is erased: what goes, what stays under a number.

What stays, and why: sessions and what they cost, payments and the ledger, invoices and the audit, as the law of books
asks for, under the driver's number, which leads to nobody any more. A card that was the driver's is unknown afterwards,
and its uid in sessions is another; in the lake its sessions are of nobody. What stations said word for word (the
message log), what others outside were told (webhooks) and the entries of operators go by their own age.
"""

from datetime import datetime
from typing import Any

import msgspec

from forecourt.access import Actor, audit
from forecourt.access.model import Service
from forecourt.driver.account import store
from forecourt.driver.account.model import MAX_EXPORTED, Erased, Export, MoneyLeft
from forecourt.driver.account.service import Members
from forecourt.driver.store import find_brand
from forecourt.driver.waiting.store import leave_all
from forecourt.drivers.accounts import service as accounts
from forecourt.drivers.accounts import store as rows
from forecourt.drivers.accounts.model import AccountState, Driver, PaysBy
from forecourt.drivers.accounts.store import entry, owned
from forecourt.drivers.fleets import store as fleets
from forecourt.drivers.model import uid_key
from forecourt.insight.lake import erasing as lake
from forecourt.loyalty.rewards import service as rewards
from forecourt.loyalty.rewards import store as points
from forecourt.loyalty.store import uses
from forecourt.payments.intents import store as payments_store
from forecourt.payments.intents.model import Intent
from forecourt.payments.intents.store import IntentFilter
from forecourt.payments.saved import store as saved
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions.reserving.model import How
from forecourt.sessions.reserving.service import let_go


class Leaving:
    """The verbs of leaving. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, members: Members) -> None:
        self._tenants = tenants
        self._clock = clock
        self._members = members

    async def export(self, driver: Driver, who: Actor | Service) -> Export:
        """All that is kept of a driver. It is written down that it was made, and by whom."""
        purse = await self._members.purse(driver)
        async with self._tenants.tenant(driver.tenant_id) as conn:
            brand = await find_brand(conn, driver.tenant_id)
            await rows.act_as(conn, driver.driver_id)
            has = await accounts.owned_by(conn, driver)
            sessions = await store.list_charged(
                conn, driver.tenant_id, driver.driver_id, before=2**63 - 1, limit=MAX_EXPORTED
            )
            payments = await payments_store.list_intents(
                conn, driver.tenant_id, IntentFilter(payer=driver.payer), order="newest", place=None,
                limit=MAX_EXPORTED,
            )  # fmt: skip
            given = await uses.of_driver(conn, driver.tenant_id, driver.driver_id, MAX_EXPORTED)
            moves = await points.list_moves(conn, driver.tenant_id, driver.driver_id, MAX_EXPORTED)
            await audit(conn, who, "export driver", driver.payer)
        return Export(
            made_at=self._clock.now(),
            organisation=brand.name,
            account=msgspec.to_builtins(driver),
            tokens=has.tokens,
            vehicles=has.vehicles,
            consents=has.consents,
            signed_in=has.sessions,
            sessions=sessions,
            payments=[_payment(each) for each in payments],
            saved_cards=purse.cards,
            wallet=purse.wallet,
            disputed=purse.disputed,
            waiting=[each.place for each in await self._members.waits(driver)],
            given=given,
            points=moves,
        )

    async def erase(self, driver: Driver, who: Actor | Service) -> Erased:
        """Erases an account, once: twice is once. Raises MoneyLeft while anything is open: a page on which a driver may
        still pay something in is."""
        now = self._clock.now()
        if driver.state is AccountState.ERASED:
            return Erased(driver_id=driver.driver_id, sessions=0, tokens=0)
        async with self._tenants.tenant(driver.tenant_id) as conn:
            if await self._has_money(conn, driver):
                raise MoneyLeft
        await self._members.cards.close_pages(driver.tenant_id, driver.payer)
        async with self._tenants.tenant(driver.tenant_id) as conn:
            held = await accounts.find_driver(conn, driver.tenant_id, driver.driver_id, lock=True)
            if await self._has_money(conn, held):
                raise MoneyLeft
            renamed, tokens = await self._forget_tokens(conn, held, now)
            await self._forget(conn, held, now)
            done = Erased(driver_id=held.driver_id, sessions=renamed, tokens=tokens)
            await audit(conn, who, "erase driver", held.payer, {"sessions": renamed, "tokens": tokens})
        return done

    async def _has_money(self, conn: store.Connection, driver: Driver) -> bool:
        """Payments first: what one of them brings is in the purse once it is over."""
        if await store.pays(conn, driver.tenant_id, driver.driver_id):
            return True
        held, _, debts = await self._members.money(conn, driver)
        return (
            bool(debts) or any(each.amount for each in held) or bool(await self._members.disputed(conn, driver, held))
        )

    async def _forget_tokens(self, conn: store.Connection, driver: Driver, now: datetime) -> tuple[int, int]:
        """In how many sessions a uid was replaced, and how many tokens are unknown from now on."""
        tokens, renamed = await owned.list_tokens(conn, driver.tenant_id, driver.driver_id), 0
        for number, token in enumerate(tokens, 1):
            renamed += await store.rename_token(conn, token.uid, f"erased-{driver.driver_id}-{number}")
        keys = [uid_key(token.uid) for token in tokens]
        past = await store.list_past_keys(conn, driver.tenant_id, driver.driver_id)
        await lake.ask(conn, driver.tenant_id, driver.driver_id, [*keys, *past], now)
        await store.forget_uids(conn, driver.tenant_id, driver.driver_id, keys)
        return renamed, len(tokens)

    async def _forget(self, conn: store.Connection, driver: Driver, now: datetime) -> None:
        tenant_id, driver_id = driver.tenant_id, driver.driver_id
        await entry.end_sessions(conn, tenant_id, driver_id)
        for _site, reservation in await leave_all(conn, tenant_id, driver_id, now):
            if reservation is not None:
                await let_go(conn, tenant_id, reservation, How.RELEASED, now)
        await owned.delete_vehicle(conn, tenant_id, driver_id, None)
        await fleets.forget_member(conn, tenant_id, driver_id)
        await fleets.end_subscription(conn, tenant_id, driver_id, now)
        await fleets.forget_method(conn, tenant_id, driver_id)
        await saved.forget(conn, tenant_id, driver.payer, now)
        await uses.forget_driver(conn, tenant_id, driver_id)
        await rewards.lapse(conn, tenant_id, driver_id, now, every=True)
        await store.forget_payer(conn, tenant_id, driver_id)
        if driver.email is not None:
            await entry.forget_links(conn, tenant_id, driver.email)
            await store.unsend(conn, driver.email)
        gone: dict[str, Any] = dict.fromkeys(("email", "name", "subject", "pays_method"))
        changes = gone | {
            "wants": {}, "state": AccountState.ERASED.value, "erased_at": now, "pays_by": PaysBy.PAGE.value,
        }  # fmt: skip
        await rows.update_driver(conn, tenant_id, driver_id, changes, now)


def _payment(intent: Intent) -> dict[str, Any]:
    """A payment as its payer may read it: without what it is called between us and the provider."""
    told = (
        "intent_id", "purpose", "method", "state", "currency", "authorised_amount", "billed_amount", "captured_amount",
        "refunded_amount", "owed_amount", "card", "email", "station", "evse", "session_id", "created_at",
    )  # fmt: skip
    shown: dict[str, Any] = msgspec.to_builtins(intent)
    return {name: shown[name] for name in told}
