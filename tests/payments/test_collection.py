"""How fleets pay: by transfer or debit, matched from the bank's statement; who is late is reminded and held."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from forecourt.driver.account.store import list_charged
from forecourt.driver.store import find_running
from forecourt.drivers.fleets.model import FleetUnknown
from forecourt.payments.bank.model import IbanRefused
from forecourt.payments.fleets import billing, collection, drawing
from forecourt.payments.fleets.billing import credit, left_of
from forecourt.payments.fleets.errors import (
    DebitRefused,
    MandateMissing,
    MandateRefused,
    NothingLeftOver,
    NothingOpen,
    PaidBackSince,
)
from forecourt.payments.fleets.model import Dunning, Invoice, Level
from forecourt.payments.fleets.store import credits, money
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.fleets.store.credits import left_over
from forecourt.payments.fleets.store.invoices import list_notes
from forecourt.payments.intents.errors import DebtOpen, InvoicedAlready
from forecourt.payments.intents.model import Method, State
from forecourt.payments.intents.store import IntentFilter, list_intents
from forecourt.payments.ledger.store.reports import read_receivables
from forecourt.payments.providers.book import Book, BookKind
from forecourt.payments.reconcile.model import BankLineOpen
from tests.ground import Ground
from tests.payments.depot import FIRST_OF_APRIL, SELLER, TERMS, THEIRS, Depot, a_depot, booked
from tests.sandbox import Sandbox
from tests.support import FakeClock

MARCH = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = date(2026, 4, 15)
PAIN = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.008.001.08"}


@pytest_asyncio.fixture
async def depot(ground: Ground, clock: FakeClock, box: Sandbox) -> AsyncIterator[Depot]:
    async with a_depot(ground, clock, box, at=FIRST_OF_APRIL) as made:
        yield made


async def billed(depot: Depot, *wh: int) -> list[Invoice]:
    """An invoice of each month, of one session each."""
    uid = depot.driver("Ada", "4711")
    for number, each in enumerate(wh):
        ended_at = MARCH.replace(month=3 + number)
        depot.till.clock.set(max(depot.till.clock.now(), ended_at + timedelta(hours=1)))
        await depot.charged(uid, each, ended_at)
        depot.till.clock.set(FIRST_OF_APRIL.replace(month=4 + number))
        await depot.jobs.issue(depot.tenant_id)
        await depot.jobs.document(depot.tenant_id)
    return await depot.invoices()


async def standing(depot: Depot) -> list[tuple[int, str]]:
    """What each invoice still asks for, and its state; and that the ledger says the same."""
    found = await depot.invoices()
    today = depot.till.clock.now().date()
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        unspent = sum(rest for _, _, rest in await credits.list_unspent(conn, depot.tenant_id, depot.fleet_id, "EUR"))
    assert depot.owes() == sum(each.open_amount for each in found) - unspent
    return [(each.open_amount, each.state(today)) for each in found]


def euro(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


async def test_a_transfer_settles_the_invoice_that_it_names_exactly_in_part_and_beyond(depot: Depot) -> None:
    first, second, third = await billed(depot, 10_000, 20_000, 30_000)
    assert [each.total for each in (first, second, third)] == [595, 1190, 1785]
    assert await depot.read(booked("5.95", DAY, structured=first.reference)) == (1, 0)
    assert (await standing(depot))[0] == (0, "paid")
    spaced = " ".join(third.reference[at : at + 4] for at in range(0, len(third.reference), 4))
    # In part, by an unstructured text; then beyond what is open: the rest goes to the oldest that is open.
    assert await depot.read(booked("7.85", DAY, text=f"Rechnung {spaced} danke")) == (1, 0)
    assert (await standing(depot))[1:] == [(1190, "overdue"), (1000, "part_paid")]
    assert await depot.read(booked("12.00", DAY, text=f"invoice {third.number}")) == (1, 0)
    assert await standing(depot) == [(0, "paid"), (990, "overdue"), (0, "paid")]
    assert await depot.read(booked("20.00", DAY, structured=second.reference)) == (1, 0)
    assert await standing(depot) == [(0, "paid")] * 3
    assert depot.owes() == -1010
    # What is over settles the next, by itself.
    depot.till.clock.set(FIRST_OF_APRIL.replace(month=7))
    await depot.charged(depot.driver("Bert"), 30_000, MARCH.replace(month=6))
    await depot.jobs.issue(depot.tenant_id)
    assert (await standing(depot))[-1] == (775, "part_paid")


async def test_a_statement_that_is_read_again_and_lines_that_name_nothing_change_nothing(depot: Depot) -> None:
    [invoice] = await billed(depot, 10_000)
    line = booked("5.95", DAY, structured=invoice.reference)
    assert await depot.read(line) == (1, 0)
    assert await depot.read(line) == (0, 0)
    wrong = invoice.reference[:-1] + str((int(invoice.reference[-1]) + 1) % 10)
    assert await depot.read(booked("5.95", DAY, text="thanks"), booked("5.95", DAY, structured=wrong)) == (2, 2)
    assert depot.owes() == 0
    other = depot.till.rows(
        "SELECT line_id, matched_by, matched FROM bank_lines WHERE tenant_id = %s ORDER BY line_id", depot.tenant_id
    )
    assert (other[0]["matched_by"], other[0]["matched"]) == ("fleet", invoice.number)
    # Somebody says whose it is: then it settles what is open.
    depot.till.clock.set(FIRST_OF_APRIL.replace(month=5))
    await depot.charged(depot.driver("Bert"), 20_000, MARCH.replace(month=4))
    await depot.jobs.issue(depot.tenant_id)
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await depot.reconciler.assign(conn, depot.till.actor, other[1]["line_id"], "Vans")
    assert await standing(depot) == [(0, "paid"), (595, "part_paid")]


async def test_what_the_meter_proves_is_told_wherever_it_is_billed(depot: Depot) -> None:
    till, uid = depot.till, depot.driver("Ada")
    session_id = await depot.charged(uid, 10_000, MARCH, final=False)
    till.rows(
        "INSERT INTO session_signatures (session_id, tenant_id, station_id, trust, flaws, energy_wh, begin_wh, end_wh,"
        " meter, records, held, checked_at) VALUES (%s, %s, %s, 'verified', '{}', 10123, 5000, 15123, 'M-7', 2, false,"
        " now())", session_id, depot.tenant_id, till.station_id,
    )  # fmt: skip
    till.rows("UPDATE sessions SET ended_at = %s WHERE session_id = %s", MARCH, session_id)
    await depot.price(session_id)
    [line] = till.rows("SELECT energy_wh, amount FROM fleet_lines WHERE tenant_id = %s", depot.tenant_id)
    assert (line["energy_wh"], line["amount"]) == (10_123, 602)
    [who] = till.rows("SELECT driver_id, intent_id FROM payment_intents WHERE session_id = %s", session_id)
    async with till.tenants.tenant(depot.tenant_id) as conn:
        running = await find_running(conn, depot.tenant_id, session_id)
        own = await list_charged(conn, depot.tenant_id, who["driver_id"], before=2**63 - 1, limit=9)
    assert running is not None
    assert [running.energy_wh, *(each.energy_wh for each in own)] == [10_123, 10_123]


async def test_what_a_fleet_is_paid_back_settles_nothing_any_more(depot: Depot) -> None:
    [invoice] = await billed(depot, 10_000)
    await depot.read(booked("9.00", DAY, structured=invoice.reference))
    assert (await standing(depot), depot.owes()) == ([(0, "paid")], -305)
    await depot.read(booked("2.00", DAY, text="overpaid", debit=True), booked("2.00", DAY, text="again", debit=True))
    lines = depot.till.rows(
        "SELECT line_id FROM bank_lines WHERE tenant_id = %s AND matched_by IS NULL ORDER BY line_id", depot.tenant_id
    )

    async def assign(number: int, fleet: str) -> None:
        async with depot.till.tenants.tenant(depot.tenant_id) as conn:
            await depot.reconciler.assign(conn, depot.till.actor, lines[number]["line_id"], fleet)

    with pytest.raises(FleetUnknown):
        await assign(0, "Nobody")
    await assign(0, "Vans")
    with pytest.raises(NothingLeftOver):
        await assign(1, "Vans")
    assert (await standing(depot), depot.owes()) == ([(0, "paid")], -105)
    depot.till.clock.set(FIRST_OF_APRIL.replace(month=5))
    await depot.charged(depot.driver("Bert"), 20_000, MARCH.replace(month=4))
    await depot.jobs.issue(depot.tenant_id)
    assert (await standing(depot))[-1] == (1085, "part_paid")


async def test_what_a_fleet_has_too_much_is_told_and_a_paid_invoice_that_is_credited_says_so(depot: Depot) -> None:
    till = depot.till
    [invoice] = await billed(depot, 10_000)
    await depot.read(booked("9.00", DAY, structured=invoice.reference))

    async def over() -> list[tuple[str, int]]:
        async with till.tenants.tenant(depot.tenant_id) as conn:
            return await left_over(conn, depot.tenant_id, depot.fleet_id)

    assert await over() == [("EUR", 305)]
    paid = await depot.invoice(invoice.invoice_id)
    assert (paid.noted, paid.state(DAY)) == (0, "paid")
    async with till.tenants.tenant(depot.tenant_id) as conn:
        _, left = await left_of(conn, depot.tenant_id, await depot.lines(invoice))
        made = await credit(conn, till.actor, invoice.invoice_id, None, "free of charge", till.clock.now())
        notes = await list_notes(conn, depot.tenant_id, invoice.invoice_id)
        _, after = await left_of(conn, depot.tenant_id, await depot.lines(invoice))
    assert (sum(left.values()), sum(after.values())) == (595, 0)
    note = await depot.invoice(made)
    assert notes == [(made, note.number, 595)]
    credited = await depot.invoice(invoice.invoice_id)
    assert (credited.noted, credited.credited, credited.state(DAY)) == (595, 0, "credited")
    assert (await over(), depot.owes()) == ([("EUR", 900)], -900)


async def test_a_match_that_was_wrong_is_taken_back_and_the_line_is_another_fleets(depot: Depot) -> None:
    till = depot.till
    [invoice] = await billed(depot, 10_000)
    came = booked("9.00", DAY, structured=invoice.reference)
    await depot.read(came)
    line = till.one("SELECT line_id AS it FROM bank_lines WHERE tenant_id = %s", depot.tenant_id)
    assert (await standing(depot), depot.owes()) == ([(0, "paid")], -305)

    async def aged(days: int) -> list[list[int]]:
        async with till.tenants.tenant(depot.tenant_id) as conn:
            at = till.clock.now() + timedelta(days=days)
            return [list(row.by_age) for row in await read_receivables(conn, depot.tenant_id, at, limit=9)]

    async def unmatch(why: str = "not theirs") -> str | None:
        return (await depot.reconciler.unmatch(till.actor, line, why)).matched_by

    async def assign(fleet: str) -> None:
        async with till.tenants.tenant(depot.tenant_id) as conn:
            await depot.reconciler.assign(conn, till.actor, line, fleet)

    # Of what was left over a part was paid back: that is to be taken back before, and then all is as if it never came.
    await depot.read(booked("2.00", DAY, text="overpaid", debit=True))
    [back] = till.rows("SELECT line_id FROM bank_lines WHERE tenant_id = %s AND amount < 0", depot.tenant_id)
    async with till.tenants.tenant(depot.tenant_id) as conn:
        await depot.reconciler.assign(conn, till.actor, back["line_id"], "Vans")
    with pytest.raises(PaidBackSince):
        await unmatch()
    assert depot.owes() == -105
    await depot.reconciler.unmatch(till.actor, back["line_id"], "it was a gift")
    assert depot.owes() == -305
    till.clock.advance(13 * 86_400)
    assert await unmatch() is None
    assert (await standing(depot), depot.owes()) == ([(595, "open")], 595)
    assert till.balances().get("bank") is None
    # It is as old as it was before, and not as the match that was taken back.
    assert await aged(20) == [[0, 595, 0, 0]]
    with pytest.raises(BankLineOpen):
        await unmatch()
    # The same statement, read again, matches it no more; a person does, as often as it is wrong.
    assert await depot.read(came) == (0, 1)
    for _ in range(2):
        await assign("Vans")
        assert (await standing(depot), depot.owes(), till.balances()["bank"]) == ([(0, "paid")], -305, 900)
        await unmatch()
        assert (await standing(depot), depot.owes()) == ([(595, "open")], 595)
    # So it is where it went to one who has no account here, and only owed something once.
    till.rows("INSERT INTO ledger_accounts (tenant_id, name) VALUES (%s, 'fleet_receivable:post')", depot.tenant_id)
    await assign("post")
    assert (depot.owes(), till.balances()["fleet_receivable:post"]) == (595, -900)
    assert await unmatch() is None
    assert (await standing(depot), depot.owes()) == ([(595, "open")], 595)
    said = till.rows(
        "SELECT actor, detail FROM audit WHERE tenant_id = %s AND action = 'unmatch bank line' ORDER BY at",
        depot.tenant_id,
    )
    assert [row["detail"]["why"] for row in said] == ["it was a gift", *["not theirs"] * 4]
    # Entries are only added: each posting stands beside its own against it.
    keys = till.rows("SELECT key FROM journal WHERE tenant_id = %s AND key LIKE 'fleet_paid:%%'", depot.tenant_id)
    assert len({row["key"].removesuffix(":back") for row in keys}) * 2 == len(keys) == 10
    unknown = "SELECT 1 FROM reconcile_differences WHERE tenant_id = %s AND gone_at IS NULL AND kind = 'bank_unknown'"
    assert len(till.rows(unknown, depot.tenant_id)) == 2


async def test_an_invoice_that_is_drawn_names_the_account_and_writes_numbers_as_its_language_does(depot: Depot) -> None:
    said = {name: getattr(TERMS, name) for name in TERMS.__struct_fields__} | {"pays_by": "debit", "language": "de"}
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await store.put_terms(conn, depot.tenant_id, depot.fleet_id, TERMS.__class__(**said), FIRST_OF_APRIL)
    await depot.mandate()
    [invoice] = await billed(depot, 21_111)
    _, xml = await depot.documents(invoice)
    text = xml.decode()
    assert f">{THEIRS}</ram:IBANID></ram:PayerPartyDebtorFinancialAccount>" in "".join(text.split())
    assert ("21,111 kWh" in text, "21.111 kWh" in text) == (True, False)


async def debits(depot: Depot) -> list[dict[str, Any]]:
    return depot.till.rows(
        "SELECT debit_id, invoice_id, amount, sequence, collection_on, state, reason, file_id FROM fleet_debits"
        " WHERE tenant_id = %s ORDER BY debit_id",
        depot.tenant_id,
    )


async def draw(depot: Depot) -> list[bytes]:
    """The files that are made today."""
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        made = await drawing.draw(conn, depot.tenant_id, depot.bank, depot.till.clock.now())
        files = [await money.find_file(conn, depot.tenant_id, number) for number in made]
    return [depot.bank.open(each.sealed).encode() for each in files if each is not None]


async def by_debit(depot: Depot, reference: str = "VANS-1") -> None:
    said = {name: getattr(TERMS, name) for name in TERMS.__struct_fields__} | {"pays_by": "debit"}
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await store.put_terms(conn, depot.tenant_id, depot.fleet_id, TERMS.__class__(**said), FIRST_OF_APRIL)
    await depot.mandate(reference=reference)


async def test_a_debit_is_first_then_recurring_asked_for_once_and_paid_by_the_bank(depot: Depot) -> None:
    await by_debit(depot)
    [first] = await billed(depot, 10_000)
    assert (first.said.account.mandate, first.said.account.on) == ("VANS-1", DAY)
    assert await draw(depot) == []
    depot.till.clock.set(datetime(2026, 4, 13, 9, tzinfo=UTC))
    [content] = await draw(depot)
    assert await draw(depot) == []
    root = ElementTree.fromstring(content)
    facts = {
        name: root.findtext(f".//p:{name}", "", PAIN)
        for name in ("SeqTp", "ReqdColltnDt", "InstdAmt", "MndtId", "DtOfSgntr", "EndToEndId", "CtrlSum")
    }
    [debit] = await debits(depot)
    assert facts == {
        "SeqTp": "FRST", "ReqdColltnDt": "2026-04-15", "InstdAmt": "5.95", "MndtId": "VANS-1",
        "DtOfSgntr": "2026-01-02", "EndToEndId": f"DEBIT-{debit['debit_id']}", "CtrlSum": "5.95",
    }  # fmt: skip
    assert root.findtext(".//p:DbtrAcct//p:IBAN", "", PAIN) == THEIRS
    assert root.findtext(".//p:CdtrSchmeId//p:Othr/p:Id", "", PAIN) == SELLER.creditor_id
    assert await standing(depot) == [(595, "collecting")]
    assert await depot.read(booked("5.95", DAY, end_to_end=f"DEBIT-{debit['debit_id']}")) == (1, 0)
    assert await standing(depot) == [(0, "paid")]
    depot.till.clock.set(FIRST_OF_APRIL.replace(month=5))
    await depot.charged(depot.driver("Bert"), 20_000, MARCH.replace(month=4))
    await depot.jobs.issue(depot.tenant_id)
    depot.till.clock.set(datetime(2026, 5, 12, 9, tzinfo=UTC))
    [content] = await draw(depot)
    assert b"<SeqTp>RCUR</SeqTp>" in content
    # Booked as one sum, by the name of the file.
    message = ElementTree.fromstring(content).findtext(".//p:MsgId", "", PAIN)
    assert await depot.read(booked("11.90", date(2026, 5, 15), text=f"SAMMLER {message}")) == (1, 0)
    assert [each["state"] for each in await debits(depot)] == ["paid", "paid"]
    assert await standing(depot) == [(0, "paid"), (0, "paid")]


async def waiting(depot: Depot, many: int) -> None:
    """Until so many wait for a lock."""
    while (
        len(depot.till.rows("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'")) < many
    ):  # fmt: skip
        await asyncio.sleep(0.01)


async def test_what_a_transfer_pays_at_the_same_moment_is_drawn_only_for_what_it_left(depot: Depot) -> None:
    await by_debit(depot)
    first, second = await billed(depot, 10_000, 20_000)
    depot.till.clock.set(datetime(2026, 5, 13, 9, tzinfo=UTC))
    # Both see what was open; the statement comes first.
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await store.hold_fleet(conn, depot.tenant_id, depot.fleet_id)
        reading = asyncio.create_task(
            depot.read(
                booked("5.95", DAY, structured=first.reference), booked("2.90", DAY, structured=second.reference)
            )
        )
        await waiting(depot, 1)
        drawing = asyncio.create_task(draw(depot))
        await waiting(depot, 2)
    assert await reading == (2, 0)
    [content] = await drawing
    assert [(each["invoice_id"], each["amount"]) for each in await debits(depot)] == [(second.invoice_id, 900)]
    assert ElementTree.fromstring(content).findtext(".//p:CtrlSum", "", PAIN) == "9.00"
    assert await standing(depot) == [(0, "paid"), (900, "collecting")]


async def test_a_statement_of_many_fleets_and_their_debits_never_wait_for_each_other_in_a_circle(depot: Depot) -> None:
    fleets = [depot.fleet_id, depot.fleet("Trucks"), depot.fleet("Taxis")]
    said = {name: getattr(TERMS, name) for name in TERMS.__struct_fields__} | {"pays_by": "debit"}
    by_fleet: dict[int, Invoice] = {}
    # Invoices are made in another order than that of the fleets.
    for turn, number in enumerate((0, 2, 1)):
        depot.fleet_id = fleets[number]
        async with depot.till.tenants.tenant(depot.tenant_id) as conn:
            await store.put_terms(conn, depot.tenant_id, depot.fleet_id, TERMS.__class__(**said), FIRST_OF_APRIL)
        await depot.mandate(reference=f"M-{number}")
        await depot.charged(depot.driver("Ada"), 10_000, MARCH)
        assert await depot.jobs.issue(depot.tenant_id) == 1
        by_fleet[number] = (await depot.invoices())[turn]
    depot.till.clock.set(datetime(2026, 4, 13, 9, tzinfo=UTC))
    lines = [booked("1.00", DAY, structured=by_fleet[each].reference) for each in (1, 2, 0)]
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await store.hold_fleet(conn, depot.tenant_id, fleets[2])
        both: list[asyncio.Task[Any]] = [asyncio.create_task(draw(depot))]
        await waiting(depot, 1)
        both.append(asyncio.create_task(depot.read(*lines)))
        await waiting(depot, 2)
    await asyncio.gather(*both)
    assert {each["amount"] for each in await debits(depot)} == {595}
    assert {(each.asked, each.open_amount) for each in await depot.invoices()} == {(True, 495)}


@pytest.mark.parametrize(("reason", "stands"), [("AM04", True), ("AC04", False), ("MD01", False)])
async def test_a_debit_that_comes_back_is_open_again_with_its_reason(depot: Depot, reason: str, stands: bool) -> None:
    await by_debit(depot)
    await billed(depot, 10_000)
    depot.till.clock.set(datetime(2026, 4, 13, 9, tzinfo=UTC))
    await draw(depot)
    [debit] = await debits(depot)
    name = f"DEBIT-{debit['debit_id']}"
    # Both in one statement, the return first: the bank kept 3.50 beside it.
    back = booked("9.45", DAY, end_to_end=name, reason=reason, debit=True)
    assert await depot.read(back, booked("5.95", DAY, end_to_end=name)) == (2, 0)
    depot.till.clock.set(datetime(2026, 4, 17, 9, tzinfo=UTC))
    assert await standing(depot) == [(595, "overdue")]
    [debit] = await debits(depot)
    assert (debit["state"], debit["reason"]) == ("returned", reason)
    assert depot.till.balances()["expenses:bank_charges"] == 350
    assert depot.till.balances()["bank"] == -350
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        assert (await money.find_mandate(conn, depot.tenant_id, depot.fleet_id) is not None) is stands
    # It is drawn no second time by itself, and a second return of it is nobody's.
    assert await draw(depot) == []
    assert await depot.read(booked("5.95", DAY, end_to_end=name, reason=reason, debit=True)) == (1, 1)
    [invoice] = await depot.invoices()
    assert await depot.read(booked("5.95", DAY, structured=invoice.reference)) == (1, 0)
    assert await standing(depot) == [(0, "paid")]


async def test_a_debit_of_which_no_statement_tells_is_given_up_drawn_again_and_paid_all_the_same(depot: Depot) -> None:
    await by_debit(depot)
    [invoice] = await billed(depot, 10_000)
    # Beside it in the file one of another fleet.
    vans, depot.fleet_id = depot.fleet_id, depot.fleet("Trucks")
    await by_debit(depot, "TRUCKS-1")
    await depot.charged(depot.driver("Bert"), 20_000, MARCH)
    await depot.jobs.issue(depot.tenant_id)
    depot.till.clock.set(datetime(2026, 4, 13, 9, tzinfo=UTC))
    await draw(depot)
    first = f"DEBIT-{(await debits(depot))[0]['debit_id']}"

    async def said(verb: Any, *how: Any) -> None:
        async with depot.till.tenants.tenant(depot.tenant_id) as conn:
            await verb(conn, depot.till.actor, *how, depot.till.clock.now())

    with pytest.raises(DebitRefused):
        await said(drawing.draw_again, depot.bank, invoice.invoice_id)
    await said(drawing.come_to_nothing, invoice.invoice_id, "AM04 no funds")
    with pytest.raises(DebitRefused):
        await said(drawing.come_to_nothing, invoice.invoice_id, "again")
    # The bank books the rest of the file as one sum.
    [file] = depot.till.rows("SELECT message FROM debit_files WHERE tenant_id = %s", depot.tenant_id)
    assert await depot.read(booked("11.90", DAY, text=f"SAMMLER {file['message']}")) == (1, 0)
    assert (depot.owes(vans), depot.owes()) == (595, 0)
    depot.till.clock.set(datetime(2026, 4, 17, 9, tzinfo=UTC))
    assert await draw(depot) == []
    await said(drawing.draw_again, depot.bank, invoice.invoice_id)
    [_, _, again] = await debits(depot)
    assert (again["amount"], again["collection_on"], again["sequence"]) == (595, date(2026, 4, 20), "FRST")
    # Its fleet is told before, in the same transaction: how much, when, from where, by whom.
    [letter] = depot.till.rows(
        "SELECT l.recipient, l.subject, l.body FROM letters l JOIN fleet_letters f USING (letter_id)"
        " WHERE f.tenant_id = %s AND f.kind = 'debit_again'",
        depot.tenant_id,
    )
    assert (invoice.number in letter["subject"], "drawn again" in letter["subject"]) == (True, True)
    told = letter["body"].replace("\N{NO-BREAK SPACE}", " ")
    assert all(each in told for each in ("5.95", "20 Apr 2026", "VANS-1", "DE98ZZZ09999999999")), told
    await said(drawing.come_to_nothing, invoice.invoice_id, "AC04 closed account")
    with pytest.raises(MandateMissing):
        await said(drawing.draw_again, depot.bank, invoice.invoice_id)
    # The first was booked after all.
    assert await depot.read(booked("5.95", DAY, end_to_end=first)) == (1, 0)
    assert [each.state(DAY) for each in await depot.invoices()] == ["paid", "paid"]
    assert (depot.owes(vans), depot.till.balances()["bank"]) == (0, 1785)


async def test_a_debit_that_the_bank_never_books_is_told_of_until_something_came_of_it(depot: Depot) -> None:
    await by_debit(depot)
    [invoice] = await billed(depot, 10_000)
    depot.till.clock.set(datetime(2026, 4, 13, 9, tzinfo=UTC))
    await draw(depot)
    [debit] = await debits(depot)
    # Whoever reads statements is told once it is late, and by nothing else would anybody hear of it.
    await depot.read(booked("1.00", DAY, text="thanks"))

    async def missing(day: int) -> list[str]:
        depot.till.clock.set(datetime(2026, 4, day, 9, tzinfo=UTC))
        return [each.about for each in await depot.reconciler.compare_bank(depot.tenant_id) if each.booked]

    assert await missing(debit["collection_on"].day + 5) == []
    assert await missing(debit["collection_on"].day + 6) == [f"debit:{debit['debit_id']}"]
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await drawing.come_to_nothing(
            conn, depot.till.actor, invoice.invoice_id, "never given in", depot.till.clock.now()
        )
    assert await missing(debit["collection_on"].day + 6) == []


async def test_who_is_drawn_is_reminded_from_the_day_on_which_the_debit_came_back(depot: Depot) -> None:
    await with_dunning(depot, (7, 300), (30, 900), holds_from=2)
    await by_debit(depot)
    [invoice] = await billed(depot, 10_000)
    depot.till.clock.set(datetime(2026, 4, 13, 9, tzinfo=UTC))
    await draw(depot)
    [debit] = await debits(depot)
    name = f"DEBIT-{debit['debit_id']}"
    await depot.read(booked("5.95", DAY, end_to_end=name))
    # Eight weeks later, as a debtor may.
    back = datetime(2026, 6, 10, 9, tzinfo=UTC)
    depot.till.clock.set(back)
    await depot.read(booked("5.95", back.date(), end_to_end=name, reason="MD06", debit=True))
    assert await depot.jobs.remind(depot.tenant_id) == 0
    levels = []
    for days in (6, 12, 29, 35):
        depot.till.clock.set(back + timedelta(days=days))
        await depot.jobs.remind(depot.tenant_id)
        levels.append((await depot.invoice(invoice.invoice_id)).level)
    assert levels == [0, 1, 1, 2]


async def test_what_a_transfer_paid_while_a_debit_was_in_the_air_stays_with_the_fleet(depot: Depot) -> None:
    await by_debit(depot)
    [invoice] = await billed(depot, 10_000)
    depot.till.clock.set(datetime(2026, 4, 13, 9, tzinfo=UTC))
    await draw(depot)
    [debit] = await debits(depot)
    await depot.read(booked("5.95", DAY, structured=invoice.reference))
    assert await standing(depot) == [(0, "paid")]
    await depot.read(booked("5.95", DAY, end_to_end=f"DEBIT-{debit['debit_id']}"))
    assert depot.owes() == -595
    await standing(depot)
    # And once that debit comes back, nothing is left over that could pay the next.
    await depot.read(booked("5.95", DAY, end_to_end=f"DEBIT-{debit['debit_id']}", reason="MD06", debit=True))
    assert depot.owes() == 0
    assert await standing(depot) == [(0, "paid")]


async def test_mandates_are_checked_and_one_stands_at_a_time(depot: Depot) -> None:
    with pytest.raises(IbanRefused):
        await depot.mandate(iban="DE75512108001245126198")
    await depot.mandate()
    await depot.mandate(reference="VANS-2")
    with pytest.raises(MandateRefused):
        await depot.mandate(reference="VANS-1")
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        found = await money.find_mandate(conn, depot.tenant_id, depot.fleet_id)
    assert found is not None
    assert (found.reference, found.iban_shown) == ("VANS-2", "DE75 … 6199")
    [row] = depot.till.rows("SELECT count(*) AS n FROM fleet_mandates WHERE tenant_id = %s AND ended_at IS NULL",
                            depot.tenant_id)  # fmt: skip
    assert row["n"] == 1


async def with_dunning(depot: Depot, *levels: tuple[int, int], holds_from: int) -> None:
    said = Dunning(levels=[Level(days=days, fee=fee) for days, fee in levels], holds_from=holds_from)
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await store.put_seller(conn, depot.tenant_id, SELLER, said, FIRST_OF_APRIL)


async def decided(depot: Depot) -> set[str]:
    """What is said of the fleet's tokens at stations."""
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        cursor = await conn.execute("SELECT status FROM token_decisions WHERE tenant_id = %s", (depot.tenant_id,))
        return {status for (status,) in await cursor.fetchall()}


async def test_who_is_late_is_reminded_by_levels_held_from_one_on_and_free_once_it_paid(depot: Depot) -> None:
    await with_dunning(depot, (7, 0), (14, 500), (30, 1000), holds_from=2)
    [invoice] = await billed(depot, 10_000)
    uid = depot.driver("Bert")
    assert await decided(depot) == {"Accepted"}
    said: list[tuple[int, int, set[str]]] = []
    for day in (15, 16, 21, 22, 23, 29, 30):
        depot.till.clock.set(datetime(2026, 4, day, 9, tzinfo=UTC))
        for _ in range(2):
            await depot.jobs.bill_of(depot.tenant_id)
        now = await depot.invoice(invoice.invoice_id)
        said.append((now.level, now.open_amount, await decided(depot)))
    free, held = {"Accepted"}, {"NoCredit"}
    assert said == [
        (0, 595, free), (0, 595, free), (0, 595, free), (1, 595, free), (1, 595, free), (2, 1095, held),
        (2, 1095, held),
    ]  # fmt: skip
    assert depot.till.balances()["revenue:reminders"] == -500
    letters = [each["subject"] for each in depot.letters()]
    assert letters == [
        "Invoice FC-2026-00001 from Volt & Söhne GmbH", "Reminder: invoice FC-2026-00001 from Volt & Söhne GmbH",
        "Reminder 2: invoice FC-2026-00001 from Volt & Söhne GmbH",
    ]  # fmt: skip
    assert "your drivers can't start to charge" in depot.letters()[-1]["body"]
    with pytest.raises(DebtOpen):
        await depot.till.begin(method=Method.INVOICE, payer=f"fleet:{depot.fleet_id}")
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        [aged] = await read_receivables(conn, depot.tenant_id, depot.till.clock.now() + timedelta(days=25), limit=9)
    assert (aged.who, aged.total) == (f"fleet_receivable:{depot.fleet_id}", 1095)
    assert aged.by_age == [500, 595, 0, 0]
    # The invoice alone is not enough: the fee is owed as well.
    await depot.read(booked("5.95", DAY, structured=invoice.reference))
    assert await decided(depot) == held
    await depot.read(booked("5.00", DAY, structured=invoice.reference))
    assert await decided(depot) == free
    assert await standing(depot) == [(0, "paid")]
    assert uid


async def test_nobody_is_reminded_of_what_was_paid_before_the_banks_statement_was_read(depot: Depot) -> None:
    await with_dunning(depot, (7, 300), (14, 500), holds_from=0)
    [invoice] = await billed(depot, 10_000)
    at = depot.till.clock
    await depot.read(booked("1.00", date(2026, 4, 17), text="of nobody"))
    at.set(datetime(2026, 4, 22, 9, tzinfo=UTC))
    assert await depot.jobs.remind(depot.tenant_id) == 0, "due, and the days until then were not read of"
    at.set(datetime(2026, 4, 23, 9, tzinfo=UTC))
    await depot.read("<FrToDt><ToDtTm>2099-01-01T00:00:00</ToDtTm></FrToDt>", booked("1.00", date(2026, 4, 22)))
    assert await depot.jobs.remind(depot.tenant_id) == 0, "20 and 21 April were not read of, whatever came since"
    # A part was paid in time, of which the statement tells a day late. On 18 and 19 April no bank books anything.
    await depot.read(booked("1.00", date(2026, 4, 20)), booked("2.00", date(2026, 4, 21), structured=invoice.reference))
    assert await depot.jobs.remind(depot.tenant_id) == 1, "3.95 are open all the same"
    assert (await depot.invoice(invoice.invoice_id)).open_amount == 395 + 300
    at.set(datetime(2026, 4, 30, 9, tzinfo=UTC))
    assert await depot.jobs.remind(depot.tenant_id) == 0
    await depot.read(booked("6.95", date(2026, 4, 28), structured=invoice.reference))
    at.set(datetime(2026, 5, 20, 9, tzinfo=UTC))
    assert await depot.jobs.remind(depot.tenant_id) == 0
    assert await standing(depot) == [(0, "paid")]


async def test_a_bank_that_says_nothing_for_days_holds_up_no_reminder(depot: Depot) -> None:
    await with_dunning(depot, (7, 300), holds_from=0)
    await billed(depot, 10_000)
    await depot.read(booked("1.00", date(2026, 4, 10), text="of nobody"))
    for day, reminded in ((22, 0), (26, 0), (27, 1)):
        depot.till.clock.set(datetime(2026, 4, day, 9, tzinfo=UTC))
        assert await depot.jobs.remind(depot.tenant_id) == reminded, day


async def test_who_is_not_dunned_or_is_drawn_hears_nothing(depot: Depot) -> None:
    said = {name: getattr(TERMS, name) for name in TERMS.__struct_fields__} | {"dunned": False}
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await store.put_terms(conn, depot.tenant_id, depot.fleet_id, TERMS.__class__(**said), FIRST_OF_APRIL)
    await billed(depot, 10_000)
    depot.till.clock.set(datetime(2026, 8, 1, 9, tzinfo=UTC))
    assert await depot.jobs.remind(depot.tenant_id) == 0
    assert len(depot.letters()) == 1


async def test_a_worker_that_slept_for_weeks_reminds_once_by_the_level_of_today(depot: Depot) -> None:
    await with_dunning(depot, (7, 100), (14, 200), (30, 400), holds_from=0)
    [invoice] = await billed(depot, 10_000)
    depot.till.clock.set(datetime(2026, 6, 1, 9, tzinfo=UTC))
    assert await depot.jobs.remind(depot.tenant_id) == 1
    assert await depot.jobs.remind(depot.tenant_id) == 0
    now = await depot.invoice(invoice.invoice_id)
    assert (now.level, now.fees) == (3, 400)
    assert await decided(depot) == {"Accepted"}


async def test_what_is_given_up_is_a_loss_and_frees_the_fleet(depot: Depot) -> None:
    await with_dunning(depot, (7, 300), holds_from=1)
    [invoice] = await billed(depot, 10_000)
    await depot.read(booked("1.95", DAY, structured=invoice.reference))
    depot.till.clock.set(datetime(2026, 5, 10, 9, tzinfo=UTC))
    await depot.jobs.remind(depot.tenant_id)
    assert await decided(depot) == {"NoCredit"}
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await collection.write_off(conn, depot.till.actor, invoice.invoice_id, "insolvent", depot.till.clock.now())
    assert await standing(depot) == [(0, "written_off")]
    assert (depot.till.balances()["write_offs"], depot.owes()) == (700, 0)
    assert await decided(depot) == {"Accepted"}
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        with pytest.raises(NothingOpen):
            await collection.write_off(conn, depot.till.actor, invoice.invoice_id, "again", depot.till.clock.now())


async def test_a_fleet_pays_from_the_page_within_its_month_and_finds_it_on_its_invoice(depot: Depot) -> None:
    till = depot.till
    till.rows("UPDATE fleets SET month_limit = 6000 WHERE fleet_id = %s", depot.fleet_id)
    uid = depot.driver("Ada", "4711")
    [who] = till.rows("SELECT driver_id FROM driver_tokens WHERE uid_key = %s", uid)
    payer = f"fleet:{depot.fleet_id}"
    intent = await till.begin(method=Method.INVOICE, payer=payer, driver_id=who["driver_id"])
    await till.work()
    till.plug_in(intent, wh=20_000)
    await till.settle()
    assert (await till.find(intent)).state is State.CAPTURED
    assert depot.owes() == 1190
    async with till.tenants.tenant(depot.tenant_id) as conn:
        book = Book(till.tenants, depot.tenant_id, BookKind.INVOICE, till.clock)
        assert await book.room(conn, payer, "EUR") == 6000 - 1190
        for said in (payer, f"driver:{who['driver_id']}"):
            [found] = await list_intents(conn, depot.tenant_id, IntentFilter(search=said), limit=9)
            assert found.intent_id == intent.intent_id
    [line] = till.rows("SELECT driver, cost_centre, amount FROM fleet_lines WHERE tenant_id = %s", depot.tenant_id)
    assert (line["driver"], line["cost_centre"], line["amount"]) == ("Ada", "4711", 1190)
    # Before it is invoiced a refund is a line of its own; afterwards it is a credit note or nothing.
    await till.payments.refund(till.actor, intent.intent_id, 190, "Too slow")
    till.clock.set(FIRST_OF_APRIL.replace(month=5))
    await depot.jobs.bill_of(depot.tenant_id)
    [invoice] = await depot.invoices()
    assert (invoice.total, depot.owes()) == (1000, 1000)
    assert [each.kind for each in await depot.lines(invoice)] == ["session", "refund"]
    with pytest.raises(InvoicedAlready):
        await till.payments.refund(till.actor, intent.intent_id, 100, "Once more")
    async with till.tenants.tenant(depot.tenant_id) as conn:
        await billing.credit(conn, till.actor, invoice.invoice_id, None, "All of it", till.clock.now())
    assert depot.owes() == 0
    assert await standing(depot) == [(0, "credited"), (0, "credit_note")]
