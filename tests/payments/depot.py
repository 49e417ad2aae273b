"""A fleet whose drivers charge by their cards at a till's station, and what its jobs do about it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from forecourt.driver.account.jobs import AccountJobs
from forecourt.driver.account.letters import DriverLetters
from forecourt.payments.bank.model import Bank
from forecourt.payments.fleets import billing, drawing
from forecourt.payments.fleets.jobs import FleetJobs
from forecourt.payments.fleets.model import Dunning, Invoice, Line, Seller, Terms
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.fleets.store.documents import find_document
from forecourt.payments.hosts import service as hosts
from forecourt.payments.reconcile.service import Reconciler
from forecourt.pricing.model import Dimension, Element, PriceComponent, Tariff
from tests.ground import Ground
from tests.payments.till import SECRET, Till, a_tariff
from tests.sandbox import Sandbox
from tests.support import FakeClock

OURS = "DE89370400440532013000"
THEIRS = "DE75512108001245126199"
SELLER = Seller(
    name="Volt & Söhne GmbH", street="Hafen 1", postcode="20457", city="Hamburg", country="DE", vat_id="DE136695976",
    email="billing@volt.test", prefix="FC-", creditor_id="DE98ZZZ09999999999",
)  # fmt: skip
TERMS = Terms(
    name="City Vans Ltd", street="Kai 2", postcode="20457", city="Hamburg", country="DE", vat_id="DE129273398",
    buyer_reference="PO-4711", days=14,
)  # fmt: skip
_numbers = count(1)


def two_rates() -> Tariff:
    """Energy at 19 % and a fee of each session at 7 %, so that an invoice has both."""
    prices = (
        PriceComponent(type=Dimension.ENERGY, price=Decimal("0.333"), vat=Decimal(19)),
        PriceComponent(type=Dimension.FLAT, price=Decimal("0.99"), vat=Decimal(7)),
    )
    return Tariff(id="", currency="EUR", elements=(Element(price_components=prices),))


class Depot:
    """One fleet of one organisation."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.jobs = FleetJobs(till.worker, till.tenants, till.clock, SECRET)
        self.accounts = AccountJobs(till.tenants, till.clock, DriverLetters("https://drive.test"))
        self.reconciler = Reconciler(till.tenants, till.clock)
        self.bank = Bank(SECRET)
        self.tenant_id, self.fleet_id = till.tenant_id, 0

    async def opened(self, *, seller: Seller | None = SELLER, terms: Terms | None = TERMS) -> "Depot":
        till, now = self.till, self.till.clock.now()
        self.fleet_id = self.fleet("Vans")
        async with till.tenants.tenant(self.tenant_id) as conn:
            if seller is not None:
                await store.put_seller(conn, self.tenant_id, seller, Dunning(), now)
            if terms is not None:
                await store.put_terms(conn, self.tenant_id, self.fleet_id, terms, now)
            await hosts.put_own_bank(conn, till.actor, self.bank, name="Volt", iban=OURS, bic="COBADEFFXXX", at=now)
        return self

    def fleet(self, name: str, email: str = "accounts@vans.test") -> int:
        return self.till.one(
            "INSERT INTO fleets (tenant_id, name, email, currency, zone, created_at, updated_at)"
            " VALUES (%s, %s, %s, 'EUR', 'Europe/Berlin', now(), now()) RETURNING fleet_id AS it",
            self.tenant_id, name, email,
        )  # fmt: skip

    def driver(self, name: str, cost_centre: str = "", fleet_id: int | None = None) -> str:
        """Somebody of the fleet, with a card; its uid."""
        till, long_ago = self.till, self.till.clock.now() - timedelta(days=400)
        uid = f"card{next(_numbers)}"
        number = till.one(
            "INSERT INTO driver_accounts (tenant_id, email, name, state, pays_by, created_at, updated_at)"
            " VALUES (%s, %s, %s, 'active', 'fleet', %s, %s) RETURNING driver_id AS it",
            self.tenant_id, f"{uid}@vans.test", name, long_ago, long_ago,
        )  # fmt: skip
        till.rows(
            "INSERT INTO tokens (tenant_id, uid_key, uid, type, status) VALUES (%s, %s, %s, 'ISO14443', 'accepted')",
            self.tenant_id, uid, uid,
        )  # fmt: skip
        till.rows(
            "INSERT INTO driver_tokens VALUES (%s, %s, %s, %s, 'operator')", self.tenant_id, uid, number, long_ago
        )
        till.rows(
            "INSERT INTO fleet_members (tenant_id, driver_id, fleet_id, cost_centre, joined_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            self.tenant_id, number, fleet_id or self.fleet_id, cost_centre, long_ago,
        )  # fmt: skip
        return uid

    async def charged(self, uid: str, wh: int, ended_at: datetime, *, final: bool = True) -> UUID:
        """A session by a card, told, priced, and on the fleet's account."""
        till, start = self.till, ended_at - timedelta(minutes=30)
        [row] = till.rows(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, ended_at, evse, token_uid, meter_start_wh, meter_stop_wh)"
            " VALUES (%s, %s, %s, 0, %s, 0, %s, %s, %s, 1, %s, 0, %s) RETURNING session_id",
            self.tenant_id, till.station_id, f"fleet-{next(_numbers)}", start, ended_at, ended_at,
            ended_at if final else None, uid, wh,
        )  # fmt: skip
        session_id: UUID = row["session_id"]
        till._measure(session_id, wh)
        till.rows("UPDATE meter_values SET at = %s WHERE station_id = %s AND at = %s", ended_at, till.station_id,
                  till.clock.now())  # fmt: skip
        await self.price(session_id)
        return session_id

    async def price(self, session_id: UUID) -> None:
        await self.till.costing.price(tenant_id=self.tenant_id, subject=str(session_id))
        for _ in range(2):
            await self.accounts.priced(tenant_id=self.tenant_id, subject=str(session_id))
            await self.till.contracts.priced(tenant_id=self.tenant_id, subject=str(session_id))

    async def invoices(self) -> list[Invoice]:
        async with self.till.tenants.tenant(self.tenant_id) as conn:
            return await store.list_invoices(conn, self.tenant_id, order="oldest", limit=1000)

    async def invoice(self, invoice_id: int) -> Invoice:
        async with self.till.tenants.tenant(self.tenant_id) as conn:
            return await billing.find(conn, self.tenant_id, invoice_id)

    async def lines(self, invoice: Invoice) -> list[Line]:
        async with self.till.tenants.tenant(self.tenant_id) as conn:
            return await store.list_lines(conn, self.tenant_id, invoice.invoice_id, 10_000)

    async def documents(self, invoice: Invoice) -> tuple[bytes, bytes]:
        async with self.till.tenants.tenant(self.tenant_id) as conn:
            found = await find_document(conn, self.tenant_id, invoice.invoice_id)
        assert found is not None
        return found

    async def mandate(self, iban: str = THEIRS, reference: str = "VANS-1") -> None:
        async with self.till.tenants.tenant(self.tenant_id) as conn:
            await drawing.put_mandate(
                conn, self.till.actor, self.fleet_id, self.bank, reference=reference, scheme="CORE",
                signed_on=date(2026, 1, 2), holder="City Vans Ltd", iban=iban, bic="", now=self.till.clock.now(),
            )  # fmt: skip

    def letters(self) -> list[dict[str, Any]]:
        """What was written and waits to be sent, the oldest first."""
        return self.till.rows(
            "SELECT l.letter_id, l.recipient, l.subject, l.body FROM letters l JOIN fleet_letters f USING (letter_id)"
            " WHERE l.tenant_id = %s ORDER BY f.written_at, f.invoice_id, f.level",
            self.tenant_id,
        )

    def owes(self, fleet_id: int | None = None) -> int:
        return self.till.balances().get(f"fleet_receivable:{fleet_id or self.fleet_id}", 0)

    async def read(self, *lines: str) -> tuple[int, int]:
        """Takes a bank's statement of these lines; new ones, and those that belong to nothing."""
        taken = await self.reconciler.read_statement(self.tenant_id, a_statement(lines))
        return taken.new, taken.unmatched


def a_statement(lines: Sequence[str]) -> bytes:
    """camt.053 as banks send it."""
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>S1</Id>'
        f"{''.join(lines)}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def booked(
    amount: str, on: date, *, end_to_end: str = "", text: str = "", structured: str = "", reason: str = "",
    debit: bool = False,
) -> str:  # fmt: skip
    """One booked line; `structured`: a creditor reference; `reason`: it came back."""
    kind = "DBIT" if debit else "CRDT"
    back = f"<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>" if reason else ""
    said = f"<Strd><CdtrRefInf><Ref>{structured}</Ref></CdtrRefInf></Strd>" if structured else ""
    plain = f"<Ustrd>{text}</Ustrd>" if text else ""
    return (
        f"<Ntry><Amt Ccy='EUR'>{amount}</Amt><CdtDbtInd>{kind}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{on}</Dt></BookgDt><AcctSvcrRef>B{next(_numbers)}</AcctSvcrRef><NtryDtls><TxDtls><Refs>"
        f"<EndToEndId>{end_to_end or 'NOTPROVIDED'}</EndToEndId></Refs><RltdPties><Dbtr><Nm>City Vans</Nm></Dbtr>"
        f"</RltdPties><RmtInf>{plain}{said}</RmtInf>{back}</TxDtls></NtryDtls></Ntry>"
    )


@asynccontextmanager
async def a_depot(
    ground: Ground, clock: FakeClock, box: Sandbox, tariff: Tariff | None = None, *, at: datetime, **said: Any
) -> AsyncIterator[Depot]:
    """A depot on a day of its own, with prices that count for years: no provider is asked for anything."""
    clock.set(at.replace(year=2020))
    worker, tenants = await ground.pool("forecourt_worker", 2), await ground.pool("forecourt_app", 6)
    till = await Till(ground, worker, tenants, clock, box).opened(tariff or a_tariff())
    try:
        clock.set(at)
        yield await Depot(till).opened(**said)
    finally:
        await till.providers.close()
        till.close()


FIRST_OF_APRIL = datetime(2026, 4, 1, 9, tzinfo=UTC)
