"""Payments that no provider is needed for: from a driver's wallet, or on the account of a fleet billed monthly.

What was put into a wallet and is disputed counts as held as well, as far as it is there.

A hold is a row: it lessens what is left of the wallet, or of the limit, until it is captured or given back. Holds of
one payer wait for each other, so that two sessions at once never spend the same money. What a wallet holds and what a
fleet owes are read from the journal; what was captured and isn't posted yet counts as held.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from msgspec.structs import replace

from forecourt.payments.ledger.entries import fleet_owes, wallet
from forecourt.payments.ledger.store import balance_of
from forecourt.payments.providers import store
from forecourt.payments.providers.store import BookRow, Connection
from forecourt.payments.providers.stubs import Unable
from forecourt.payments.psp.errors import Declined, HookRefused, ProviderRefused
from forecourt.payments.psp.words import Hold, HoldAsked, HoldState, Notice, Refund
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

#: Where less than one part in so many of what was asked for is left, nothing is held at all.
LEAST_PART: Final = 5
#: What is left where there is no limit, in minor units.
UNLIMITED: Final = 10**12
#: Holds stay with their keys, so that an answer which was lost is found however late.
FOR_EVER: Final = timedelta(days=36_500)


class BookKind(StrEnum):
    """What is drawn on."""

    WALLET = "wallet"
    INVOICE = "invoice"


class Book(Unable):
    """The wallets, or the invoiced accounts, of one organisation. `HoldAsked.customer` is who pays."""

    key_life = FOR_EVER

    def __init__(self, tenants: Pool, tenant_id: int, kind: BookKind, clock: Clock) -> None:
        self._tenants = tenants
        self._tenant_id = tenant_id
        self._kind = kind
        self._clock = clock

    async def start_hold(self, asked: HoldAsked, key: str) -> Hold:
        """Holds what is left, if that is enough to begin with. Raises Declined."""
        assert asked.customer is not None, "somebody pays"
        async with self._tenants.tenant(self._tenant_id) as conn:
            await store.hold_payer(conn, asked.customer)
            known = await store.find_hold(conn, self._tenant_id, "key", key)
            if known is not None:
                return _hold(known)
            room = await self.room(conn, asked.customer, asked.amount.currency, asked.intent)
            amount = min(asked.amount.amount, room)
            if amount * (1 if asked.at_once else LEAST_PART) < asked.amount.amount:
                raise Declined(_TOO_LITTLE[self._kind])
            row = await self._insert(conn, asked, amount, key)
        return _hold(row)

    async def room(self, conn: Connection, payer: str, currency: str, intent: str = "") -> int:
        """What is left to be held, of a fleet for this payment, in minor units; never below nothing."""
        name = payer.partition(":")[2]
        held = await store.sum_held(conn, self._tenant_id, payer, self._kind.value, currency)
        if self._kind is BookKind.WALLET:
            held += await store.sum_going_back(conn, self._tenant_id, payer, currency)
            held += await self.disputed(conn, payer, currency)
            return max(-await balance_of(conn, self._tenant_id, wallet(name), currency) - held, 0)
        left = await self._fleet_left(conn, name, currency, intent)
        limit = await store.find_limit(conn, self._tenant_id, payer, currency)
        if limit is not None:
            owed = await balance_of(conn, self._tenant_id, fleet_owes(name), currency)
            left = min(UNLIMITED if left is None else left, limit - owed - held)
        return max(left or 0, 0)

    async def room_to_refund(self, conn: Connection, payer: str, currency: str) -> int:
        """What of a wallet may go back, which nobody spends until the caller's transaction ends."""
        await store.hold_payer(conn, payer)
        return await self.room(conn, payer, currency)

    async def held(self, conn: Connection, payer: str, currency: str) -> int:
        """What of a wallet is held, or on its way back to a card: in it, and free for nothing else yet."""
        return await store.sum_held(
            conn, self._tenant_id, payer, self._kind.value, currency
        ) + await store.sum_going_back(conn, self._tenant_id, payer, currency)

    async def disputed(self, conn: Connection, payer: str, currency: str) -> int:
        """What is in a wallet and can't be spent, as a bank disputes that it was put in, in minor units."""
        return await store.sum_disputed(conn, self._tenant_id, payer, currency)

    async def increment(self, reference: str, amount: int, key: str) -> Hold:
        """Raises a hold as far as there is room. Raises Declined where there is none."""
        async with self._tenants.tenant(self._tenant_id) as conn:
            row = await store.find_hold(conn, self._tenant_id, "reference", UUID(reference))
            if row is None:
                raise ProviderRefused("There is no such hold.")
            await store.hold_payer(conn, row.payer)
            row = await store.find_hold(conn, self._tenant_id, "reference", row.reference, lock=True)
            if row is None or row.state != "authorised":
                raise ProviderRefused("The hold is over.")
            room = await self.room(conn, row.payer, row.currency, row.intent)
            raised = min(amount, row.authorised + room)
            if raised < amount and raised == row.authorised:
                raise Declined(_TOO_LITTLE[self._kind])
            await store.raise_hold(conn, self._tenant_id, row.reference, raised)
            return _hold(replace(row, authorised=max(row.authorised, raised)))

    async def get(self, reference: str) -> Hold:
        async with self._tenants.tenant(self._tenant_id) as conn:
            row = await store.find_hold(conn, self._tenant_id, "reference", UUID(reference))
        if row is None:
            raise ProviderRefused("There is no such hold.")
        return _hold(row)

    async def capture(self, reference: str, amount: int, key: str) -> Hold:
        return await self._settle(reference, "captured", amount)

    async def cancel(self, reference: str, key: str) -> Hold:
        return await self._settle(reference, "cancelled", 0)

    async def refund(self, reference: str, amount: int, key: str, ours: str) -> Refund:
        async with self._tenants.tenant(self._tenant_id) as conn:
            row = await store.find_hold(conn, self._tenant_id, "reference", UUID(reference), lock=True)
            if row is None:
                raise ProviderRefused("There is no such hold.")
            known = next((each for each in row.refunds if each["ours"] == ours), None)
            if known is not None:
                return Refund(**known)
            if sum(each["amount"] for each in row.refunds) + amount > row.captured:
                raise ProviderRefused("More than is left of what was captured.")
            made = {"reference": str(uuid4()), "amount": amount, "ours": ours}
            await store.add_refund(conn, self._tenant_id, row.reference, made)
        return Refund(**made)  # type: ignore[arg-type]

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        raise HookRefused

    async def _insert(self, conn: Connection, asked: HoldAsked, amount: int, key: str) -> BookRow:
        assert asked.customer is not None, "somebody pays"
        return await store.insert_hold(
            conn, self._tenant_id, intent=asked.intent, payer=asked.customer, kind=self._kind.value,
            currency=asked.amount.currency, state="captured" if asked.at_once else "authorised", authorised=amount,
            captured=amount if asked.at_once else 0, key=key, at=self._clock.now(),
        )  # fmt: skip

    async def _fleet_left(self, conn: Connection, fleet: str, currency: str, intent: str) -> int | None:
        """What a fleet may still spend this month; None: who is billed is no fleet of ours that pays in this."""
        if not fleet.isdecimal():
            return None
        return await store.fleet_left(conn, self._tenant_id, int(fleet), currency, intent, self._clock.now(), UNLIMITED)

    async def _settle(self, reference: str, state: str, amount: int) -> Hold:
        """Captures or gives back; what was done before stands. Raises ProviderRefused for another end than it has."""
        async with self._tenants.tenant(self._tenant_id) as conn:
            row = await store.find_hold(conn, self._tenant_id, "reference", UUID(reference), lock=True)
            if row is None or (row.state not in ("authorised", state)) or amount > row.authorised:
                raise ProviderRefused("The hold is over, or less.")
            if row.state == "authorised":
                await store.end_hold(conn, self._tenant_id, row.reference, state, amount)
            found = await store.find_hold(conn, self._tenant_id, "reference", row.reference)
        assert found is not None
        return _hold(found)


_TOO_LITTLE: Final = {
    BookKind.WALLET: "There is too little in the wallet. Top it up first.",
    BookKind.INVOICE: "The limit of this account is used up. Ask whoever keeps it to raise it.",
}


def _hold(row: BookRow) -> Hold:
    return Hold(
        reference=str(row.reference),
        state=HoldState(row.state),
        currency=row.currency,
        authorised=row.authorised,
        captured=row.captured,
        may_increment=row.state == "authorised",
        refunded=sum(each["amount"] for each in row.refunds),
        refunds=tuple(Refund(**each) for each in row.refunds),
    )
