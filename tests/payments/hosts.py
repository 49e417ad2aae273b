"""Hosts, their rules, and sessions that were paid, as payments would have written them."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from forecourt.payments.bank.model import Bank, shown
from forecourt.payments.bank.store import BankRow, put_bank
from forecourt.payments.hosts.model import ShareRule
from forecourt.payments.hosts.shares import follow
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.ledger import entries
from forecourt.payments.ledger import store as ledger
from forecourt.payments.ledger.billed import Billed
from forecourt.payments.ledger.service import post
from tests.care.yard import Yard
from tests.payments.bills import a_bill, a_tariff, billed
from tests.support import WAIT_S

SECRET = b"a secret of the tests"
IBANS = ("DE89370400440532013000", "NL91ABNA0417164300", "FR1420041010050500013M02606")
TARIFF = a_tariff(("ENERGY", "0.50", "19"))


async def a_bank(yard: Yard) -> None:
    """From where the organisation pays."""
    iban = "DE75512108001245126199"
    row = BankRow(
        name="Operator", iban_sealed=Bank(SECRET).close(iban), iban_shown=shown(iban), bic="SOGEDEFFXXX",
        changed_at=yard.clock.now(),
    )  # fmt: skip
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await put_bank(conn, yard.tenant_id, row)


async def a_host(yard: Yard, name: str = "Ada", iban: str = IBANS[0], **values: Any) -> HostRow:
    said = {
        "name": name, "country": "DE", "bank_name": name, "iban_sealed": Bank(SECRET).close(iban),
        "iban_shown": shown(iban), "created_at": yard.clock.now(), **values,
    }  # fmt: skip
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        return await store.insert_host(conn, yard.tenant_id, said)


def a_rule(**values: Any) -> ShareRule:
    return ShareRule(currency="EUR", **({"energy": Decimal(70)} | values))


async def rules(
    yard: Yard, host: HostRow | None, site: int, rule: ShareRule, since: datetime, station: int | None = None
) -> int:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        made = await store.insert_rule(
            conn, yard.tenant_id, host_id=None if host is None else host.host_id, site_id=site, station_id=station,
            valid_from=since, rule=rule, made_at=since, made_by="test",
        )  # fmt: skip
    assert made is not None
    return made


class Paid:
    """A session that a driver paid by card, and what becomes of the money."""

    def __init__(self, yard: Yard, session: UUID, intent: str, bill: Billed, captured: int) -> None:
        self._yard, self.session, self.intent, self.bill, self.captured = yard, session, intent, bill, captured
        self._refunds: list[int] = []

    async def _post(self, entry: Any) -> None:
        async with self._yard.tenants.tenant(self._yard.tenant_id) as conn:
            await post(conn, self._yard.tenant_id, entry)

    async def capture(self) -> None:
        await self._post(
            entries.capture(
                intent=self.intent, session_id=self.session, at=self._yard.clock.now(), account="acme",
                billed=self.bill, captured=self.captured,
            )
        )  # fmt: skip

    async def follow(self, *, settled: bool = False) -> None:
        async with self._yard.tenants.tenant(self._yard.tenant_id) as conn:
            await follow(conn, self._yard.tenant_id, self.intent, self._yard.clock.now(), settled=settled)

    async def refund(self, amount: int) -> None:
        part = self.bill.part(amount, self._refunds)
        self._refunds.append(amount)
        await self._post(
            entries.refund(
                refund=f"{self.intent}-{len(self._refunds)}", intent=self.intent, session_id=self.session,
                at=self._yard.clock.now(), source="psp_receivable:acme", part=part,
            )
        )  # fmt: skip
        await self.follow()

    async def refund_back(self, number: int) -> None:
        """The refund of this number, from 1, came to nothing."""
        part = self.bill.part(self._refunds[number - 1], self._refunds[: number - 1])
        went = entries.refund(
            refund=f"{self.intent}-{number}", intent=self.intent, session_id=self.session,
            at=self._yard.clock.now(), source="psp_receivable:acme", part=part,
        )  # fmt: skip
        await self._post(
            entries.refund_back(
                refund=f"{self.intent}-{number}", intent=self.intent, session_id=self.session,
                at=self._yard.clock.now(), legs=went.legs, nets=went.nets,
            )
        )  # fmt: skip
        await self.follow()

    async def dispute(self, *, won: bool | None = None) -> None:
        about: dict[str, Any] = {
            "dispute": f"dp-{self.intent}", "intent": self.intent, "at": self._yard.clock.now(), "currency": "EUR",
            "amount": self.captured, "session_id": self.session,
        }  # fmt: skip
        if won is None:
            await self._post(entries.dispute_opened(account="acme", **about))
        elif won:
            await self._post(entries.dispute_won(account="acme", **about))
        else:
            await self._post(entries.dispute_lost(**about))
        await self.follow()


async def a_session(
    yard: Yard, station: int, *, energy_wh: int = 20_000, captured: int | None = None, ago: timedelta | None = None
) -> Paid:
    """One hour at a station that began two hours ago, paid."""
    session = yard.session(station, ago or timedelta(hours=2), timedelta(hours=1), energy_wh)
    bill = billed(a_bill(TARIFF, energy_wh=energy_wh), "DE")
    paid = Paid(yard, session, f"pi-{session}", bill, bill.total if captured is None else captured)
    await paid.capture()
    return paid


async def never_crossed(yard: Yard, first: HostRow, second: HostRow, work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of work that needs both hosts while another connection holds the first and then wants the second:
    whoever waits for the first holds the second not yet, so that the two never wait for each other."""
    hold = "SELECT host_id FROM hosts WHERE host_id = %s FOR UPDATE"
    with yard.admin.transaction():
        yard.admin.execute(hold, (first.host_id,))
        working = asyncio.create_task(work)
        async with asyncio.timeout(WAIT_S):
            while not yard.rows(
                "SELECT pid FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))",
                yard.admin.info.backend_pid,
            ):
                await asyncio.sleep(0.01)
        yard.admin.execute(f"{hold} NOWAIT".encode(), (second.host_id,))
    return await working


async def balance(yard: Yard, account: str, currency: str = "EUR") -> int:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        return await ledger.balance_of(conn, yard.tenant_id, account, currency)


async def owed(yard: Yard, host: HostRow) -> int:
    """What the ledger says that a host is owed, which is what their lines say."""
    found = -await balance(yard, f"host_payable:{host.host_id}")
    [row] = yard.rows("SELECT coalesce(sum(amount), 0)::bigint AS n FROM host_lines WHERE host_id = %s", host.host_id)
    assert row["n"] == found
    return found
