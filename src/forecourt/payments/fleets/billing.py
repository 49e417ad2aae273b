"""From what fleets owe to invoices: the door by which a line is written, the invoices of a month, and credit notes.

What a fleet owes is an entry of the ledger and a line, in one transaction. A month's invoice takes lines that are on
none: under a lock of the fleet, with its number, in one transaction. Whoever is killed leaves all of it or nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from forecourt.access import Actor, audit
from forecourt.drivers.fleets import store as fleets
from forecourt.payments.bank.store import find_bank
from forecourt.payments.fleets import collection
from forecourt.payments.fleets.errors import CreditRefused, InvoiceUnknown, InvoicingMissing
from forecourt.payments.fleets.model import (
    MAX_LINES,
    MAX_MONTHS,
    MAX_PARTS,
    SETTLED_AFTER,
    Account,
    Invoice,
    Kind,
    Line,
    Part,
    Said,
    Seller,
    Terms,
    parts_of,
    rates_of,
    taken_away,
)
from forecourt.payments.fleets.paper import languages
from forecourt.payments.fleets.paper.letters import write_over_limit
from forecourt.payments.fleets.references import number_of, reference_of
from forecourt.payments.fleets.store import Connection, credits, money
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.ledger import entries
from forecourt.payments.ledger.billed import Billed
from forecourt.payments.ledger.model import Entry
from forecourt.payments.ledger.service import post
from forecourt.platform.days import midnight, month_of
from forecourt.ui.i18n import speaking

log = structlog.get_logger(__name__)

#: Who made what no person made.
BY_THE_MONTH: Final = "the month"
#: Between an invoice and the day on which its amount is drawn, at the least: who is debited must know before.
NOTICE: Final = timedelta(days=2)


async def owe_session(
    conn: Connection, tenant_id: int, fleet_id: int, *, intent: str, session_id: UUID, driver_id: int | None,
    billed: Billed, rates: Mapping[Decimal | None, int], at: datetime,
) -> bool:  # fmt: skip
    """A session is on a fleet's account: posted, with its line. Whether it is beyond what the fleet or its driver may
    spend: it was delivered, so it is billed all the same, marked, and the fleet is written to, once."""
    entry = entries.fleet_session(intent=intent, session_id=session_id, at=at, fleet=str(fleet_id), billed=billed)
    where = await store.find_where(conn, tenant_id, session_id)
    if driver_id is not None:
        await fleets.note_charged(
            conn, tenant_id, session_id, fleet_id=fleet_id, driver_id=driver_id,
            started_at=where.get("started_at", at), currency=billed.currency, amount=billed.total, at=at,
        )  # fmt: skip
    who = await store.find_who(conn, tenant_id, session_id, driver_id)
    parts = parts_of(billed, rates, where.get("country", ""))
    over = await store.is_over_limit(
        conn, tenant_id, fleet_id, who.get("driver_id"), where.get("started_at", at), billed.total
    )
    about = {
        "kind": "session", "session_id": session_id, "currency": billed.currency, "over_limit": over, **where, **who,
    }  # fmt: skip
    line = await _book(conn, tenant_id, fleet_id, entry, about, billed.total, parts)
    if line is not None and over:
        await _tell_over(conn, tenant_id, fleet_id, line, at)
    return over


async def _tell_over(conn: Connection, tenant_id: int, fleet_id: int, line: Line, at: datetime) -> None:
    """A fleet that has an address is written to about a session beyond its limits, in its language."""
    fleet = await collection.fleet_of(conn, tenant_id, fleet_id, at)
    terms = await store.find_terms(conn, tenant_id, fleet_id)
    if fleet.email:
        with speaking(languages().choose("" if terms is None else terms.language, "")):
            await write_over_limit(conn, tenant_id, fleet.name, line, ZoneInfo(fleet.zone), fleet.email)


async def owe_back(
    conn: Connection, tenant_id: int, fleet_id: int, entry: Entry, part: Billed, line: Line
) -> Line | None:
    """A part of a line is given back: posted, with a line of its own; None where it was before."""
    about = {name: getattr(line, name) for name in _KEPT} | {
        "kind": "refund", "ended_at": entry.at, "memo": entry.memo, "currency": part.currency,
    }  # fmt: skip
    rates = {each.rate: each.net + each.vat for each in line.parts}
    parts = taken_away(parts_of(part, rates, line.country))
    return await _book(conn, tenant_id, fleet_id, entry, about, -part.total, parts)


_KEPT: Final = ("session_id", "driver_id", "driver", "cost_centre", "started_at", "station", "site", "country")


async def owe_home(
    conn: Connection, tenant_id: int, fleet_id: int, key: str, *, session_id: UUID, currency: str, amount: int
) -> None:
    """A driver of a fleet charged at home: the entry stands already, and its line is written. Outside of VAT: it is
    what was paid on the fleet's behalf."""
    where = await store.find_where(conn, tenant_id, session_id)
    who = await store.find_who(conn, tenant_id, session_id, None)
    part = Part(country=where.get("country", ""), rate=None, net=amount, vat=0)
    values = {
        "kind": "home", "session_id": session_id, "currency": currency, "amount": amount, "parts": [part],
        **where, **who,
    }  # fmt: skip
    await store.insert_line(conn, tenant_id, fleet_id, key, values)


async def _book(
    conn: Connection, tenant_id: int, fleet_id: int, entry: Entry, about: Mapping[str, Any], amount: int,
    parts: Sequence[Part],
) -> Line | None:  # fmt: skip
    await store.hold_fleet(conn, tenant_id, fleet_id)
    if not await post(conn, tenant_id, entry):
        return None
    values = {"ended_at": entry.at, **about, "amount": amount, "parts": list(parts)}
    return await store.insert_line(conn, tenant_id, fleet_id, entry.key, values)


def months_due(zone: ZoneInfo, first: datetime, now: datetime) -> list[date]:
    """The months that are over by a fleet's clock, and settled, from that of `first` on; MAX_MONTHS at most."""
    month = month_of(first.astimezone(zone).date())
    found: list[date] = []
    while midnight(month_of(month, 1), zone) + SETTLED_AFTER <= now:
        found.append(month)
        month = month_of(month, 1)
    return found[-MAX_MONTHS:]


async def issue_month(
    conn: Connection, tenant_id: int, fleet_id: int, month: date, currency: str, now: datetime
) -> int | None:
    """One invoice of what was delivered until the end of that month and is on none; None where there is nothing, or
    nobody said who issues it or whom it is for. What comes to less than nothing is a credit note. Twice is once."""
    await store.hold_fleet(conn, tenant_id, fleet_id)
    fleet = await collection.fleet_of(conn, tenant_id, fleet_id, now)
    zone = ZoneInfo(fleet.zone)
    end = midnight(month_of(month, 1), zone)
    part, issued_at = await store.parts_made(conn, tenant_id, fleet_id, month, currency)
    # Of a month that is invoiced only what one invoice could not hold: what is posted since then is on the next.
    lines = await store.list_open_lines(conn, tenant_id, fleet_id, currency, end, issued_at, MAX_LINES)
    seller, terms = await store.find_seller(conn, tenant_id), await store.find_terms(conn, tenant_id, fleet_id)
    if not lines or seller is None or terms is None:
        return None
    if part >= MAX_PARTS:
        log.warning("a fleet's month has more than can be invoiced", tenant=tenant_id, fleet=fleet_id)
        return None
    first = min(line.ended_at for line in lines).astimezone(zone).date()
    span = (min(first, month), month_of(month, 1) - timedelta(days=1))
    return await _issue(
        conn, tenant_id, fleet_id, lines, seller[0], terms, zone=zone, span=span, now=now, by=BY_THE_MONTH,
        more={"month": month, "part": part + 1},
    )  # fmt: skip


async def _issue(
    conn: Connection, tenant_id: int, fleet_id: int, lines: Sequence[Line], seller: Seller, terms: Terms, *,
    zone: ZoneInfo, span: tuple[date, date], now: datetime, by: str, more: Mapping[str, Any],
    of: Invoice | None = None,
) -> int:  # fmt: skip
    """Issues what these lines come to, with the next number, and settles it by what the fleet has left over."""
    rates = rates_of(lines)
    net, vat = sum(part.net for part in rates), sum(part.vat for part in rates)
    kind = Kind.INVOICE if of is None and net + vat >= 0 else Kind.CREDIT_NOTE
    today = now.astimezone(zone).date()
    due = today + timedelta(days=terms.days)
    account = await _account(conn, tenant_id, fleet_id, terms, max(due, today + NOTICE))
    serial = await store.next_serial(conn, tenant_id, today.year)
    number = number_of(seller.prefix, today.year, serial)
    said = Said(
        seller=seller, buyer=terms, zone=str(zone), account=account, rates=rates,
        corrects="" if of is None else of.number, corrects_on=None if of is None else of.issued_on,
    )  # fmt: skip
    values = {
        "fleet_id": fleet_id, "kind": kind.value, "year": today.year, "serial": serial, "number": number,
        "reference": reference_of(number), "currency": lines[0].currency, "net": net, "vat": vat, "total": net + vat,
        "issued_at": now, "issued_on": today, "due_on": account.on or due, "period_from": span[0],
        "period_to": span[1], "said": said, "made_by": by, "corrects": None if of is None else of.invoice_id, **more,
    }  # fmt: skip
    made = await store.insert_invoice(conn, tenant_id, values)
    await store.put_on_invoice(conn, tenant_id, made, [line.line_id for line in lines])
    if kind is Kind.CREDIT_NOTE and net + vat < 0:
        credit = {
            "fleet_id": fleet_id, "kind": "credited", "currency": lines[0].currency, "amount": -(net + vat),
            "invoice_id": made, "at": now,
        }  # fmt: skip
        await credits.insert_credit(conn, tenant_id, credit)
    first = () if of is None else (of.invoice_id,)
    await collection.spend(conn, tenant_id, fleet_id, lines[0].currency, now, first=first)
    return made


async def _account(conn: Connection, tenant_id: int, fleet_id: int, terms: Terms, due: date) -> Account:
    """Where the money is to go, or from where it is drawn and when."""
    if terms.pays_by == "debit":
        mandate = await money.find_mandate(conn, tenant_id, fleet_id)
        if mandate is not None:
            return Account(
                holder=mandate.holder, iban=mandate.iban_shown, bic=mandate.bic, mandate=mandate.reference,
                on=collection.collected_on(due),
            )  # fmt: skip
    ours = await find_bank(conn, tenant_id)
    return Account() if ours is None else Account(holder=ours.name, bic=ours.bic)


async def find(conn: Connection, tenant_id: int, invoice_id: int) -> Invoice:
    """The invoice of this number. Raises InvoiceUnknown."""
    found = await store.find_invoice(conn, tenant_id, invoice_id)
    if found is None:
        raise InvoiceUnknown
    return found


async def credit(
    conn: Connection, actor: Actor, invoice_id: int, amounts: Mapping[int, int] | None, why: str, now: datetime
) -> int:
    """A credit note of an invoice: so much of each of these lines (minor units with VAT), or all that is left of it.

    Revenue, VAT and what the fleet owes go down with it. Raises InvoiceUnknown, CreditRefused, InvoicingMissing.
    """
    tenant_id = actor.tenant_id
    invoice = await find(conn, tenant_id, invoice_id)
    await store.hold_fleet(conn, tenant_id, invoice.fleet_id)
    if invoice.kind is not Kind.INVOICE:
        raise CreditRefused("Only an invoice can be credited.")
    seller = await store.find_seller(conn, tenant_id)
    if seller is None:
        raise InvoicingMissing
    lines = {line.line_id: line for line in await store.list_lines(conn, tenant_id, invoice_id, MAX_LINES)}
    before, left = await left_of(conn, tenant_id, lines.values())
    wanted = {number: rest for number, rest in left.items() if rest > 0} if amounts is None else dict(amounts)
    for number, amount in wanted.items():
        if number not in left:
            raise CreditRefused(f"Line {number} is no session of this invoice.")
        if not 0 < amount <= left[number]:
            raise CreditRefused(f"Of line {number} {left[number]} is left to be credited, in minor units.")
    if not wanted:
        raise CreditRefused("Nothing is left of this invoice to be credited.")
    made_lines = [await _credit_line(conn, tenant_id, invoice, lines[number], amount, before[number], why, now)
                  for number, amount in sorted(wanted.items())]  # fmt: skip
    made = await _issue(
        conn, tenant_id, invoice.fleet_id, made_lines, seller[0], invoice.said.buyer, zone=ZoneInfo(invoice.said.zone),
        span=(invoice.period_from, invoice.period_to), now=now, by=str(actor), more={"reason": why}, of=invoice,
    )  # fmt: skip
    detail = {"invoice": invoice.number, "amount": sum(wanted.values()), "currency": invoice.currency, "why": why}
    await audit(conn, actor, "credit invoice", f"fleet-invoice:{invoice_id}", detail)
    return made


async def left_of(
    conn: Connection, tenant_id: int, lines: Iterable[Line]
) -> tuple[dict[int, list[int]], dict[int, int]]:
    """What went back of each session among these lines so far, and what is left to be credited of it, in minor units
    with VAT, by the number of the line."""
    sold = {line.line_id: line for line in lines if line.kind == "session" and line.session_id is not None}
    gone = await store.given_back(conn, tenant_id, [line.session_id for line in sold.values() if line.session_id])
    before = {number: gone.get(line.session_id, []) for number, line in sold.items() if line.session_id}
    return before, {number: line.amount - sum(before[number]) for number, line in sold.items()}


async def _credit_line(
    conn: Connection, tenant_id: int, invoice: Invoice, line: Line, amount: int, before: Sequence[int], why: str,
    now: datetime,
) -> Line:  # fmt: skip
    """Posts that a part of a line is given back: of what it was for and of its taxes in proportion."""
    intent, sold = await store.sale_of(conn, tenant_id, line.line_id)
    part = sold.part(amount, before)
    entry = entries.refund(
        refund=f"credit:{line.line_id}:{len(before) + 1}", intent=intent, session_id=line.session_id, at=now,
        source=entries.fleet_owes(str(invoice.fleet_id)), part=part, memo=why,
    )  # fmt: skip
    made = await owe_back(conn, tenant_id, invoice.fleet_id, entry, part, line)
    assert made is not None, "it is numbered by what was given back before, under the fleet's lock"
    return made
