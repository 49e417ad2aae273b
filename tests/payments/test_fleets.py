"""Fleets billed by the month: what sessions come to is on one invoice, to the cent and for good."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import psycopg
import pytest
import pytest_asyncio
from babel.messages.extract import extract_from_dir
from pypdf import PdfReader

import forecourt.payments.fleets.paper
from forecourt.payments.fleets import billing
from forecourt.payments.fleets.errors import CreditRefused, InvoicingRefused
from forecourt.payments.fleets.jobs import Enclosures
from forecourt.payments.fleets.model import (
    Account,
    Dunning,
    Invoice,
    Kind,
    Level,
    Line,
    Part,
    Said,
    Seller,
    check_dunning,
    check_seller,
    level_due,
    parts_of,
    rates_of,
)
from forecourt.payments.fleets.paper import languages
from forecourt.payments.fleets.paper.facturx import facturx
from forecourt.payments.fleets.paper.sheet import as_csv
from forecourt.payments.fleets.references import SELF_BILLED, number_of, reference_of, references_in
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.fleets.store.documents import find_document
from forecourt.payments.ledger.billed import Billed
from forecourt.payments.ledger.billed import Line as Leg
from tests.ground import Ground
from tests.payments.depot import FIRST_OF_APRIL, OURS, SELLER, TERMS, Depot, a_depot, two_rates
from tests.sandbox import Sandbox
from tests.support import FakeClock

MARCH = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAMES = {
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}


@pytest_asyncio.fixture
async def depot(ground: Ground, clock: FakeClock, box: Sandbox) -> AsyncIterator[Depot]:
    async with a_depot(ground, clock, box, two_rates(), at=FIRST_OF_APRIL) as made:
        yield made


async def three_drivers(depot: Depot) -> None:
    """Sessions of March: two drivers of one cost centre, one without."""
    for name, centre, sessions in (("Ada", "4711", 3), ("Bert", "4711", 1), ("Ćwikła", "", 2)):
        uid = depot.driver(name, centre)
        for number in range(sessions):
            await depot.charged(uid, 10_001 + number, MARCH + timedelta(days=number))


async def test_a_month_is_one_invoice_whose_lines_are_what_the_ledger_says(depot: Depot) -> None:
    await three_drivers(depot)
    uid = depot.driver("Dora", "5000")
    # The month ends by the fleet's clock: this one is of April already, though UTC has March.
    await depot.charged(uid, 9_000, datetime(2026, 3, 31, 22, 5, tzinfo=UTC))
    owed = depot.owes()
    assert await depot.jobs.issue(depot.tenant_id) == 1
    assert await depot.jobs.issue(depot.tenant_id) == 0
    [invoice] = await depot.invoices()
    lines = await depot.lines(invoice)
    assert (invoice.number, invoice.month, len(lines)) == ("FC-2026-00001", date(2026, 3, 1), 6)
    assert [(line.cost_centre, line.driver) for line in lines if line.driver == "Ada"] == [("4711", "Ada")] * 3
    assert (invoice.issued_on, invoice.due_on) == (date(2026, 4, 1), date(2026, 4, 15))
    # 10.001 kWh at 0.333 and 0.99 a session, each rate rounded once a session.
    assert [(part.net, part.vat) for part in sorted(lines[0].parts, key=lambda part: part.vat)] == [(99, 7), (333, 63)]
    assert invoice.total == invoice.net + invoice.vat == sum(line.amount for line in lines)
    assert owed == invoice.total + 99 + 7 + 300 + 57
    booked = depot.till.balances()
    by_rate = {part.rate: part for part in invoice.said.rates}
    assert booked["vat_payable:DE:19"] == -by_rate[Decimal(19)].vat - 57
    assert booked["vat_payable:DE:7"] == -by_rate[Decimal(7)].vat - 7
    assert booked["revenue:energy"] == -by_rate[Decimal(19)].net - 300
    depot.till.clock.set(datetime(2026, 5, 1, 9, tzinfo=UTC))
    await depot.jobs.issue(depot.tenant_id)
    assert [(each.number, each.month) for each in await depot.invoices()][1:] == [("FC-2026-00002", date(2026, 4, 1))]


async def test_nothing_is_invoiced_before_the_month_is_over_and_settled(depot: Depot) -> None:
    uid = depot.driver("Ada")
    await depot.charged(uid, 10_000, MARCH)
    for day, hour in ((31, 21), (31, 23)):
        depot.till.clock.set(datetime(2026, 3, day, hour, tzinfo=UTC))
        assert await depot.jobs.issue(depot.tenant_id) == 0
    # What a station tells late of March is on March's invoice, as long as that isn't made.
    depot.till.clock.set(datetime(2026, 4, 1, 3, tzinfo=UTC))
    await depot.charged(uid, 5_000, datetime(2026, 3, 31, 21, tzinfo=UTC))
    assert await depot.jobs.issue(depot.tenant_id) == 0
    depot.till.clock.set(datetime(2026, 4, 1, 4, 1, tzinfo=UTC))
    assert await depot.jobs.issue(depot.tenant_id) == 1
    [invoice] = await depot.invoices()
    assert len(await depot.lines(invoice)) == 2
    # What comes of March after that is on the next one, and makes none by itself.
    depot.till.clock.set(datetime(2026, 4, 3, tzinfo=UTC))
    await depot.charged(uid, 7_000, datetime(2026, 3, 31, 20, tzinfo=UTC))
    assert await depot.jobs.issue(depot.tenant_id) == 0
    depot.till.clock.set(datetime(2026, 5, 1, 9, tzinfo=UTC))
    assert await depot.jobs.issue(depot.tenant_id) == 1
    [_, second] = await depot.invoices()
    assert (second.month, second.period_from) == (date(2026, 4, 1), date(2026, 3, 31))


async def test_a_month_with_more_than_one_invoice_holds_has_as_many_as_it_needs(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three_drivers(depot)
    monkeypatch.setattr(billing, "MAX_LINES", 4)
    assert await depot.jobs.issue(depot.tenant_id) == 2
    found = await depot.invoices()
    assert [len(await depot.lines(each)) for each in found] == [4, 2]
    assert {each.month for each in found} == {date(2026, 3, 1)}
    assert sum(each.total for each in found) == depot.owes()


async def test_two_workers_at_once_and_one_that_is_killed_leave_one_invoice_and_no_gap(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three_drivers(depot)
    other = depot.fleet("Trucks")
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await store.put_terms(conn, depot.tenant_id, other, TERMS, FIRST_OF_APRIL)
    await depot.charged(depot.driver("Eve", fleet_id=other), 7_000, MARCH)
    put, killed = store.put_on_invoice, 0

    async def dies_after(conn: Any, tenant_id: int, invoice_id: int, line_ids: Any) -> None:
        """The connection is cut in the transaction that issues, once the number is taken and lines are on it."""
        nonlocal killed
        await put(conn, tenant_id, invoice_id, line_ids)
        if killed < 6:
            killed += 1
            depot.till.rows("SELECT pg_terminate_backend(%s)", conn.info.backend_pid)
            await conn.execute("SELECT 1")

    monkeypatch.setattr(store, "put_on_invoice", dies_after)
    for each in (2, 4, 6):
        # One fleet that fails keeps no other from being tried.
        assert await depot.jobs.issue(depot.tenant_id) == 0
        assert (killed, await depot.invoices()) == (each, [])
    made = await asyncio.gather(*(depot.jobs.issue(depot.tenant_id) for _ in range(4)))
    assert sum(made) == 2
    found = await depot.invoices()
    assert sorted(each.number for each in found) == ["FC-2026-00001", "FC-2026-00002"]
    assert {each.fleet_id for each in found} == {depot.fleet_id, other}
    assert sum(each.total for each in found) == depot.owes() + depot.owes(other)


async def test_one_invoice_without_a_document_keeps_nothing_else_of_the_night_from_being_done(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name that no XML can hold: the document of this fleet's invoice can't be made. It is the first in line.
    bad = TERMS.__class__(**{**_fields(TERMS), "name": "City\uffffVans"})
    other = depot.fleet("Trucks", "trucks@vans.test")
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await store.put_terms(conn, depot.tenant_id, depot.fleet_id, bad, FIRST_OF_APRIL)
        await store.put_terms(conn, depot.tenant_id, other, TERMS, FIRST_OF_APRIL)
        dunning = Dunning(levels=[Level(days=7, fee=500)])
        await store.put_seller(conn, depot.tenant_id, SELLER, dunning, FIRST_OF_APRIL)
    await depot.charged(depot.driver("Ada"), 7_000, MARCH)
    assert await depot.jobs.issue(depot.tenant_id) == 1
    await depot.charged(depot.driver("Eve", fleet_id=other), 7_000, MARCH)
    monkeypatch.setattr("forecourt.payments.fleets.jobs.DOCUMENTS", 1)
    depot.till.clock.set(datetime(2026, 4, 30, 9, tzinfo=UTC))
    await depot.jobs.bill()
    broken, made = await depot.invoices()
    assert (broken.fleet_id, made.fleet_id) == (depot.fleet_id, other)
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        assert await find_document(conn, depot.tenant_id, broken.invoice_id) is None
        assert await find_document(conn, depot.tenant_id, made.invoice_id) is not None
    depot.till.clock.set(datetime(2026, 5, 30, 9, tzinfo=UTC))
    await depot.jobs.bill()
    assert {each["recipient"] for each in depot.letters()} >= {"trucks@vans.test"}
    assert (await depot.invoice(made.invoice_id)).level == 1


async def test_what_is_issued_changes_for_nobody(depot: Depot) -> None:
    await three_drivers(depot)
    await depot.jobs.bill_of(depot.tenant_id)
    [invoice] = await depot.invoices()
    for query in (
        "UPDATE fleet_invoices SET total = total, net = net",
        "DELETE FROM fleet_documents",
        "UPDATE fleet_lines SET invoice_id = NULL",
        "UPDATE fleet_lines SET amount = 1",
        "DELETE FROM fleet_lines",
        "TRUNCATE fleet_invoices CASCADE",
    ):
        with pytest.raises(psycopg.Error, match="never changes"):
            depot.till.rows(query)
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await store.put_seller(
            conn, depot.tenant_id, SELLER.__class__(**{**_fields(SELLER), "name": "Another"}), Dunning(), FIRST_OF_APRIL
        )
    before = await depot.documents(invoice)
    await depot.jobs.document(depot.tenant_id)
    assert await depot.documents(invoice) == before
    assert (await depot.invoice(invoice.invoice_id)).said.seller.name == SELLER.name


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


async def test_months_are_made_up_for_once_it_is_said_whom_invoices_are_for(
    ground: Ground, clock: FakeClock, box: Sandbox
) -> None:
    async with a_depot(ground, clock, box, two_rates(), at=datetime(2026, 5, 2, tzinfo=UTC), terms=None) as depot:
        uid = depot.driver("Ada")
        for month in (3, 4):
            await depot.charged(uid, 10_000, MARCH.replace(month=month))
        assert await depot.jobs.issue(depot.tenant_id) == 0
        async with depot.till.tenants.tenant(depot.tenant_id) as conn:
            await store.put_terms(conn, depot.tenant_id, depot.fleet_id, TERMS, clock.now())
        assert await depot.jobs.issue(depot.tenant_id) == 2
        assert [each.month for each in await depot.invoices()] == [date(2026, 3, 1), date(2026, 4, 1)]


async def test_a_session_is_on_its_fleets_account_once_it_is_final_and_its_host_has_a_share(depot: Depot) -> None:
    uid = depot.driver("Ada", "4711")
    running = await depot.charged(uid, 4_000, MARCH, final=False)
    assert depot.owes() == 0
    depot.till.rows("UPDATE sessions SET ended_at = last_at, meter_stop_wh = 6000 WHERE session_id = %s", running)
    depot.till.rows("DELETE FROM fleet_members WHERE tenant_id = %s", depot.tenant_id)
    await depot.price(running)
    # The driver has left meanwhile: the session stays with the fleet of its first word.
    before = depot.owes()
    assert before == 200 + 38 + 99 + 7
    uid = depot.driver("Bert", "4712")
    session = await depot.charged(uid, 10_000, MARCH)
    owed = depot.owes()
    assert owed - before == 333 + 63 + 99 + 7
    # The price is sealed: what a station tells later changes nothing that is posted.
    depot.till.rows("UPDATE sessions SET meter_stop_wh = 90000 WHERE session_id = %s", session)
    await depot.price(session)
    assert depot.owes() == owed
    [line] = depot.till.rows("SELECT * FROM fleet_lines WHERE session_id = %s", session)
    assert (line["cost_centre"], line["driver"], line["energy_wh"], line["country"]) == ("4712", "Bert", 10_000, "DE")


async def test_a_document_is_a_pdf_with_the_data_that_its_schema_and_the_rules_of_en_16931_want(depot: Depot) -> None:
    await three_drivers(depot)
    await depot.jobs.bill_of(depot.tenant_id)
    [invoice] = await depot.invoices()
    pdf, xml = await depot.documents(invoice)
    reader: Any = PdfReader(BytesIO(pdf))
    root = reader.root_object
    assert reader.attachments["factur-x.xml"] == [xml]
    assert b"<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in root["/Metadata"].get_data()
    assert len(root["/OutputIntents"]) == 1
    fonts: list[Any] = [
        font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].get_object().values()
    ]
    assert all("/FontFile2" in _descriptor(font) for font in fonts), "a font is not in it"
    text = " ".join(page.extract_text() for page in reader.pages)
    for said in ("FC-2026-00001", "City Vans Ltd", OURS, invoice.reference, "DE129273398", "4711", "PO-4711"):
        assert said in text, said
    check_rules(xml, invoice)


def _descriptor(font: Any) -> Any:
    of = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
    return of["/FontDescriptor"].get_object()


def check_rules(xml: bytes, invoice: Invoice) -> None:
    """The sums that EN 16931 asks for, reckoned of the file alone (BR-CO-10, -13, -14, -15, -16, -17; BR-S-08)."""
    root = ElementTree.fromstring(xml)

    def found(path: str, of: Any = root) -> list[Decimal]:
        return [Decimal(each.text) for each in of.findall(path, NAMES)]

    head = ".//ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:"
    items = root.findall(".//ram:IncludedSupplyChainTradeLineItem", NAMES)
    nets = [found(".//ram:LineTotalAmount", item)[0] for item in items]
    assert found(f"{head}LineTotalAmount") == [sum(nets)]
    assert found(f"{head}TaxBasisTotalAmount") == [sum(nets)]
    [grand] = found(f"{head}GrandTotalAmount")
    assert found(f"{head}DuePayableAmount") == [grand]
    assert grand == abs(Decimal(invoice.total)) / 100
    taxes = root.findall(".//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax", NAMES)
    whole = Decimal(0)
    for tax in taxes:
        key = [tax.findtext(f"ram:{name}", "", NAMES) for name in ("CategoryCode", "RateApplicablePercent")]
        basis, vat = found("ram:BasisAmount", tax)[0], found("ram:CalculatedAmount", tax)[0]
        of = ".//ram:SpecifiedLineTradeSettlement/ram:ApplicableTradeTax"
        mine = [
            net
            for item, net in zip(items, nets, strict=True)
            if [item.findtext(f"{of}/ram:{name}", "", NAMES) for name in ("CategoryCode", "RateApplicablePercent")]
            == key
        ]
        assert sum(mine) == basis, key
        assert abs(vat - basis * Decimal(key[1]) / 100) < 1
        whole += vat
    assert found(f"{head}TaxTotalAmount") == [whole]
    assert grand == sum(nets) + whole
    for item in items:
        price, net = found(".//ram:ChargeAmount", item)[0], found(".//ram:LineTotalAmount", item)[0]
        assert price >= 0
        assert price * found(".//ram:BilledQuantity", item)[0] == net


def a_line(number: int, amount: int, vat: int, rate: Decimal | None, kind: str = "session") -> Line:
    return Line(
        line_id=number, kind=kind, session_id=uuid4(), driver_id=1, driver="Ada", cost_centre="4711",
        started_at=MARCH, ended_at=MARCH + timedelta(hours=1), station="CP1", site="Yard", country="DE",
        energy_wh=10_000, currency="EUR", amount=amount,
        parts=[Part(country="DE", rate=rate, net=amount - vat, vat=vat)], memo="=1+1", invoice_id=1,
    )  # fmt: skip


def an_invoice(lines: list[Line], kind: Kind = Kind.INVOICE, **more: Any) -> Invoice:
    rates = rates_of(lines)
    net, vat = sum(part.net for part in rates), sum(part.vat for part in rates)
    said = Said(seller=SELLER, buyer=TERMS, zone="Europe/Berlin", account=Account(), rates=rates, **more)
    return Invoice(
        invoice_id=1, fleet_id=1, fleet="Vans", kind=kind, number="FC-2026-00001", reference="RF00", month=None,
        corrects=None, reason="", currency="EUR", net=net, vat=vat, total=net + vat, issued_at=MARCH,
        issued_on=MARCH.date(), due_on=MARCH.date(), period_from=MARCH.date(), period_to=MARCH.date(), said=said,
        paid=0, credited=0, written_off=0, fees=0, level=0, asked=False, documented=False,
    )  # fmt: skip


def test_every_kind_of_line_makes_a_file_that_the_schema_takes() -> None:
    lines = [
        a_line(1, 1190, 190, Decimal(19)), a_line(2, 105, 5, Decimal("5.5")), a_line(3, 300, 0, Decimal(0)),
        a_line(4, 500, 0, None, "home"), a_line(5, -595, -95, Decimal(19), "refund"),
    ]  # fmt: skip
    invoice = an_invoice(lines)
    check_rules(facturx(invoice, lines, OURS), invoice)
    back = [lines[-1]]
    note = an_invoice(back, Kind.CREDIT_NOTE, corrects="FC-2026-00001", corrects_on=MARCH.date())
    xml = facturx(note, back, "")
    check_rules(xml, note)
    assert b">381<" in xml
    sheet = as_csv(invoice, lines).splitlines()
    assert len(sheet) == 6
    assert all(row.endswith(",EUR,'=1+1") for row in sheet[1:])


async def test_a_credit_note_takes_back_revenue_taxes_and_what_is_owed_and_never_more_than_there_was(
    depot: Depot,
) -> None:
    await three_drivers(depot)
    await depot.jobs.bill_of(depot.tenant_id)
    [invoice] = await depot.invoices()
    lines = await depot.lines(invoice)
    first = lines[0]
    till = depot.till

    async def credit(amounts: dict[int, int] | None) -> None:
        async with till.tenants.tenant(depot.tenant_id) as conn:
            await billing.credit(conn, till.actor, invoice.invoice_id, amounts, "Wrong price", till.clock.now())

    for wrong in ({first.line_id: first.amount + 1}, {first.line_id: 0}, {10**9: 1}, {}):
        with pytest.raises(CreditRefused):
            await credit(wrong)
    before = till.balances()
    await credit({first.line_id: 101})
    await credit({first.line_id: 100})
    assert depot.owes() == invoice.total - 201
    again = await depot.invoice(invoice.invoice_id)
    assert (again.credited, again.open_amount, again.state(date(2026, 4, 1))) == (201, invoice.total - 201, "part_paid")
    with pytest.raises(CreditRefused):
        await credit({first.line_id: first.amount - 200})
    await credit(None)
    assert depot.owes() == 0
    assert {name: amount for name, amount in till.balances().items() if amount} == {}, before
    again = await depot.invoice(invoice.invoice_id)
    assert (again.open_amount, again.state(date(2026, 4, 1))) == (0, "credited")
    with pytest.raises(CreditRefused):
        await credit(None)
    notes = [each for each in await depot.invoices() if each.kind is Kind.CREDIT_NOTE]
    assert [(each.number, each.said.corrects) for each in notes] == [
        (f"FC-2026-0000{number}", invoice.number) for number in (2, 3, 4)
    ]
    assert sum(each.total for each in notes) == -invoice.total
    await depot.jobs.document(depot.tenant_id)
    for note in notes:
        check_rules((await depot.documents(note))[1], note)
    # Nothing of it comes again with the next month.
    till.clock.set(datetime(2026, 5, 1, 9, tzinfo=UTC))
    assert await depot.jobs.issue(depot.tenant_id) == 0


async def test_letters_go_out_once_with_the_document_in_the_fleets_language(depot: Depot) -> None:
    german = TERMS.__class__(**{**_fields(TERMS), "language": "de"})
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await store.put_terms(conn, depot.tenant_id, depot.fleet_id, german, FIRST_OF_APRIL)
    await three_drivers(depot)
    for _ in range(2):
        await depot.jobs.bill_of(depot.tenant_id)
    [letter] = depot.letters()
    assert letter["recipient"] == "accounts@vans.test"
    assert letter["subject"] == "Rechnung FC-2026-00001 von Volt & Söhne GmbH"
    [invoice] = await depot.invoices()
    [enclosed] = await Enclosures(depot.till.tenants)(depot.tenant_id, letter["letter_id"])
    pdf, _ = await depot.documents(invoice)
    assert (enclosed.name, enclosed.content) == ("FC-2026-00001.pdf", pdf)
    assert "Rechnung" in PdfReader(BytesIO(pdf)).pages[0].extract_text()


def test_parts_of_a_bill_sum_to_it_at_every_rate() -> None:
    legs = (Leg(account="revenue:energy", amount=333), Leg(account="vat_payable:DE:19", amount=63),
            Leg(account="revenue:flat", amount=99), Leg(account="vat_payable:DE:7", amount=7))  # fmt: skip
    whole = Billed(currency="EUR", lines=legs)
    rates: dict[Decimal | None, int] = {Decimal(19): 396, Decimal(7): 106}
    for amount in range(1, whole.total + 1):
        lowered = whole.part(amount)
        parts = parts_of(lowered, rates, "DE")
        assert sum(part.net + part.vat for part in parts) == amount
        vats = {f"vat_payable:DE:{part.rate}": part.vat for part in parts if part.vat}
        assert vats == {line.account: line.amount for line in lowered.lines if line.account.startswith("vat")}


def test_a_reference_is_found_however_it_is_written_and_a_wrong_digit_is_none() -> None:
    reference = reference_of("FC-2026-00012")
    assert reference == "RF50FC202600012" or reference.startswith("RF")
    spaced = " ".join(reference[at : at + 4] for at in range(0, len(reference), 4))
    for text in (reference, spaced, f"invoice {spaced.lower()} thanks", f"PAY{reference}END", f"{reference}/2026"):
        assert reference in references_in(text), text
    wrong = reference[:-1] + str((int(reference[-1]) + 1) % 10)
    assert wrong not in references_in(wrong)
    # The example of ISO 11649.
    assert "RF18539007547034" in references_in("RF18 5390 0754 7034")


def test_levels_come_by_their_days() -> None:
    dunning = Dunning(levels=[Level(days=7), Level(days=14, fee=500)], holds_from=2)
    due = date(2026, 4, 15)
    assert [level_due(dunning, due, due + timedelta(days=days)) for days in (-3, 0, 6, 7, 13, 14, 90)] == [
        0, 0, 0, 1, 1, 2, 2,
    ]  # fmt: skip
    # Who reads the bank's statements reminds once the day before a level was read of, or five days have passed.
    for read, levels in (
        (timedelta(days=5), (0, 0, 1, 1, 2)), (timedelta(days=6), (1, 1, 1, 1, 2)),
        (timedelta(days=13), (1, 1, 1, 2, 2)),
    ):  # fmt: skip
        found = [level_due(dunning, due, due + timedelta(days=days), due + read) for days in (7, 11, 12, 14, 19)]
        assert found == list(levels), read
    for wrong in (Dunning(levels=[Level(days=7), Level(days=7)]), Dunning(levels=[], holds_from=1)):
        with pytest.raises(InvoicingRefused):
            check_dunning(wrong)


def test_invoices_are_of_and_for_countries_that_there_are() -> None:
    said = {"name": "Volt", "street": "x", "postcode": "1", "city": "x", "vat_id": "DE136695976"}
    check_seller(Seller(**said, country="DE"))
    for code in ("XX", "EU", "ZZ", "UK"):
        with pytest.raises(InvoicingRefused, match=code):
            check_seller(Seller(**said, country=code))
    with pytest.raises(InvoicingRefused, match="DE136695977"):
        check_seller(Seller(**said | {"vat_id": "DE136695977"}, country="DE"))
    # The series by which hosts are billed is another one.
    assert number_of(SELF_BILLED, 2026, 1) == "SB-2026-00001"
    with pytest.raises(InvoicingRefused, match="SB-"):
        check_seller(Seller(**said, country="DE", prefix=SELF_BILLED))


ROOM = Path(forecourt.payments.fleets.paper.__file__).parent
SPOKEN = [each for each in languages() if each.language != "en"]


@pytest.mark.parametrize("language", SPOKEN, ids=lambda each: each.language)
def test_every_word_to_fleets_is_translated_with_its_placeholders(language: Any) -> None:
    found = extract_from_dir(ROOM, [("**.py", "python")], {}, {"_": None, "gettext": None})
    messages = sorted({each[2] for each in found if isinstance(each[2], str)})
    assert {each.language for each in SPOKEN} == {"de", "fr", "nl", "es"}
    assert len(messages) > 35, "too little was extracted to prove anything"
    assert language.missing(messages) == []
    for message in messages:
        names = {part.partition(")")[0] for part in message.split("%(")[1:]}
        told = {part.partition(")")[0] for part in language.gettext(message).split("%(")[1:]}
        assert told == names, message
