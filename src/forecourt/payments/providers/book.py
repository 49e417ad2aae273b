"""Payments that no provider is needed for: from a driver's wallet, or on the account of a fleet billed monthly.

A hold is a row: it lessens what is left of the wallet, or of the limit, until it is captured or given back. Holds of
one payer wait for each other, so that two sessions at once never spend the same money. What a wallet holds and what a
fleet owes are read from the journal; what was captured and isn't posted yet counts as held.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from msgspec import Struct
from msgspec.structs import replace
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.payments.ledger.entries import fleet_owes, wallet
from forecourt.payments.ledger.store import balance_of
from forecourt.payments.providers.stubs import Unable
from forecourt.payments.psp.errors import Declined, HookRefused, ProviderRefused
from forecourt.payments.psp.words import Hold, HoldAsked, HoldState, Notice, Refund
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

Connection = AsyncConnection[Any]

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


class _Row(Struct, frozen=True, kw_only=True):
    reference: UUID
    intent: str
    payer: str
    currency: str
    state: str
    authorised: int
    captured: int
    refunds: list[dict[str, Any]]


_COLUMNS: Final = "reference, intent, payer, currency, state, authorised, captured, refunds"


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
            await _hold_payer(conn, asked.customer)
            known = await _find(conn, self._tenant_id, "key", key)
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
        held = await _held(conn, self._tenant_id, payer, self._kind, currency)
        if self._kind is BookKind.WALLET:
            going = await _going_back(conn, self._tenant_id, payer, currency)
            return max(-await balance_of(conn, self._tenant_id, wallet(name), currency) - held - going, 0)
        left = await _fleet_left(conn, self._tenant_id, name, currency, intent, self._clock.now())
        limit = await _limit(conn, self._tenant_id, payer, currency)
        if limit is not None:
            owed = await balance_of(conn, self._tenant_id, fleet_owes(name), currency)
            left = min(UNLIMITED if left is None else left, limit - owed - held)
        return max(left or 0, 0)

    async def room_to_refund(self, conn: Connection, payer: str, currency: str) -> int:
        """What of a wallet may go back, which nobody spends until the caller's transaction ends."""
        await _hold_payer(conn, payer)
        return await self.room(conn, payer, currency)

    async def held(self, conn: Connection, payer: str, currency: str) -> int:
        """What of a wallet is held, or on its way back to a card: in it, and free for nothing else yet."""
        return await _held(conn, self._tenant_id, payer, self._kind, currency) + await _going_back(
            conn, self._tenant_id, payer, currency
        )

    async def increment(self, reference: str, amount: int, key: str) -> Hold:
        """Raises a hold as far as there is room. Raises Declined where there is none."""
        async with self._tenants.tenant(self._tenant_id) as conn:
            row = await _find(conn, self._tenant_id, "reference", UUID(reference))
            if row is None:
                raise ProviderRefused("There is no such hold.")
            await _hold_payer(conn, row.payer)
            row = await _find(conn, self._tenant_id, "reference", row.reference, lock=True)
            if row is None or row.state != "authorised":
                raise ProviderRefused("The hold is over.")
            room = await self.room(conn, row.payer, row.currency, row.intent)
            raised = min(amount, row.authorised + room)
            if raised < amount and raised == row.authorised:
                raise Declined(_TOO_LITTLE[self._kind])
            await conn.execute(
                "UPDATE payment_book_holds SET authorised = greatest(authorised, %s)"
                " WHERE tenant_id = %s AND reference = %s",
                (raised, self._tenant_id, row.reference),
            )
            return _hold(replace(row, authorised=max(row.authorised, raised)))

    async def get(self, reference: str) -> Hold:
        async with self._tenants.tenant(self._tenant_id) as conn:
            row = await _find(conn, self._tenant_id, "reference", UUID(reference))
        if row is None:
            raise ProviderRefused("There is no such hold.")
        return _hold(row)

    async def capture(self, reference: str, amount: int, key: str) -> Hold:
        return await self._settle(reference, "captured", amount)

    async def cancel(self, reference: str, key: str) -> Hold:
        return await self._settle(reference, "cancelled", 0)

    async def refund(self, reference: str, amount: int, key: str, ours: str) -> Refund:
        async with self._tenants.tenant(self._tenant_id) as conn:
            row = await _find(conn, self._tenant_id, "reference", UUID(reference), lock=True)
            if row is None:
                raise ProviderRefused("There is no such hold.")
            known = next((each for each in row.refunds if each["ours"] == ours), None)
            if known is not None:
                return Refund(**known)
            if sum(each["amount"] for each in row.refunds) + amount > row.captured:
                raise ProviderRefused("More than is left of what was captured.")
            made = {"reference": str(uuid4()), "amount": amount, "ours": ours}
            await conn.execute(
                "UPDATE payment_book_holds SET refunds = refunds || %s WHERE tenant_id = %s AND reference = %s",
                (Jsonb([made]), self._tenant_id, row.reference),
            )
        return Refund(**made)  # type: ignore[arg-type]

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        raise HookRefused

    async def _insert(self, conn: Connection, asked: HoldAsked, amount: int, key: str) -> _Row:
        cursor = conn.cursor(row_factory=dict_row)
        await cursor.execute(
            "INSERT INTO payment_book_holds (tenant_id, intent, payer, kind, currency, state, authorised, captured,"  # noqa: S608
            f" key, made_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}",
            (
                self._tenant_id, asked.intent, asked.customer, self._kind.value, asked.amount.currency,
                "captured" if asked.at_once else "authorised", amount, amount if asked.at_once else 0, key,
                self._clock.now(),
            ),
        )  # fmt: skip
        found = await cursor.fetchone()
        assert found is not None
        return _Row(**found)

    async def _settle(self, reference: str, state: str, amount: int) -> Hold:
        """Captures or gives back; what was done before stands. Raises ProviderRefused for another end than it has."""
        async with self._tenants.tenant(self._tenant_id) as conn:
            row = await _find(conn, self._tenant_id, "reference", UUID(reference), lock=True)
            if row is None or (row.state not in ("authorised", state)) or amount > row.authorised:
                raise ProviderRefused("The hold is over, or less.")
            if row.state == "authorised":
                await conn.execute(
                    "UPDATE payment_book_holds SET state = %s, captured = %s WHERE tenant_id = %s AND reference = %s",
                    (state, amount, self._tenant_id, row.reference),
                )
            found = await _find(conn, self._tenant_id, "reference", row.reference)
        assert found is not None
        return _hold(found)


_TOO_LITTLE: Final = {
    BookKind.WALLET: "There is too little in the wallet. Top it up first.",
    BookKind.INVOICE: "The limit of this account is used up. Ask whoever keeps it to raise it.",
}


async def _hold_payer(conn: Connection, payer: str) -> None:
    """Makes others who draw on the same wait until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('payer ' || %s, 0))", (payer,))


async def _going_back(conn: Connection, tenant_id: int, payer: str, currency: str) -> int:
    """What of a wallet is on its way back to the cards that it was filled by, and not posted yet."""
    row = await (
        await conn.execute(
            "SELECT coalesce(sum(c.amount), 0)::bigint FROM payment_calls c JOIN payment_intents i"
            " ON i.tenant_id = c.tenant_id AND i.intent_id = c.intent_id WHERE c.tenant_id = %s AND i.payer = %s"
            " AND i.currency = %s AND i.purpose = 'top_up' AND c.kind = 'refund' AND c.state = 'open'",
            (tenant_id, payer, currency),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def _find(conn: Connection, tenant_id: int, column: str, value: Any, *, lock: bool = False) -> _Row | None:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM payment_book_holds WHERE tenant_id = %s AND {column} = %s"  # noqa: S608  constants
        f" {'FOR UPDATE' if lock else ''}",
        (tenant_id, value),
    )
    row = await cursor.fetchone()
    return None if row is None else _Row(**row)


async def _fleet_left(
    conn: Connection, tenant_id: int, fleet: str, currency: str, intent: str, at: datetime
) -> int | None:
    """What a fleet may still spend this month on a payment of one of its drivers; None where no such fleet pays in this
    currency."""
    if not fleet.isdecimal():
        return None
    row = await (
        await conn.execute(
            "SELECT coalesce(payments_fleet_left(f.tenant_id, f.fleet_id, i.driver_id, %(at)s), %(most)s) FROM fleets f"
            " LEFT JOIN payment_intents i ON i.tenant_id = f.tenant_id AND i.intent_id = %(intent)s"
            " WHERE f.tenant_id = %(tenant)s AND f.fleet_id = %(fleet)s AND f.active AND f.held_at IS NULL"
            " AND f.currency = %(currency)s",
            {
                "tenant": tenant_id, "fleet": int(fleet), "currency": currency, "at": at,
                "intent": UUID(intent) if intent else None, "most": UNLIMITED,
            },
        )
    ).fetchone()  # fmt: skip
    return None if row is None else int(row[0])


async def _limit(conn: Connection, tenant_id: int, payer: str, currency: str) -> int | None:
    """What a payer may owe at the most; None: nobody said so."""
    row = await (
        await conn.execute(
            "SELECT most FROM payment_limits WHERE tenant_id = %s AND payer = %s AND currency = %s",
            (tenant_id, payer, currency),
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def _held(conn: Connection, tenant_id: int, payer: str, kind: BookKind, currency: str) -> int:
    row = await (
        await conn.execute(
            """
            SELECT coalesce(sum(CASE WHEN h.state = 'authorised' THEN h.authorised ELSE h.captured END), 0)::bigint
            FROM payment_book_holds h
            WHERE h.tenant_id = %(tenant)s AND h.payer = %(payer)s AND h.kind = %(kind)s AND h.currency = %(currency)s
              AND (h.state = 'authorised' OR (h.state = 'captured' AND NOT EXISTS (
                  SELECT FROM journal j WHERE j.tenant_id = h.tenant_id AND j.key = 'capture:' || h.intent::uuid)))
            """,
            {"tenant": tenant_id, "payer": payer, "kind": kind.value, "currency": currency},
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


def _hold(row: _Row) -> Hold:
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
