"""What banks say of files that they were given (pain.002): what they refuse is owed, or open, again, once."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from forecourt.payments.bank.model import Bank
from forecourt.payments.bank.reasons import in_words, of_file
from forecourt.payments.fleets import drawing
from forecourt.payments.fleets.store import invoices, money
from forecourt.payments.hosts.outcomes import bounce
from forecourt.payments.hosts.payouts import Payouts
from forecourt.payments.hosts.store import payouts as kept
from forecourt.payments.hosts.store.hosts import HostRow, find_host
from forecourt.payments.reconcile import pain
from forecourt.payments.reconcile.model import ReportUnreadable
from forecourt.payments.reconcile.pain import Status
from forecourt.payments.reconcile.reports import ReportTaken, read_report
from forecourt.payments.reconcile.service import Reconciler
from tests.care.yard import Yard
from tests.ground import Ground
from tests.payments.depot import FIRST_OF_APRIL, TERMS, Depot, a_depot, booked
from tests.payments.hosts import SECRET, a_bank, a_host, a_rule, a_session, owed, rules
from tests.payments.test_reconcile import CAMT, a_line
from tests.sandbox import Sandbox
from tests.support import FakeClock

DAY = date(2026, 4, 15)


def a_report(file: str, *parts: str, group: str = "", version: str = "001.10") -> bytes:
    return (
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.{version}"><CstmrPmtStsRpt><GrpHdr><MsgId>R1</MsgId>'
        f"<CreDtTm>2026-04-14T10:00:00</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{file}</OrgnlMsgId>"
        f"<OrgnlMsgNmId>pain.008</OrgnlMsgNmId>{group}</OrgnlGrpInfAndSts>{''.join(parts)}</CstmrPmtStsRpt></Document>"
    ).encode()


def a_part(*payments: str, name: str = "P1", said: str = "") -> str:
    return f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{name}</OrgnlPmtInfId>{said}{''.join(payments)}</OrgnlPmtInfAndSts>"


def a_word(tag: str, status: str, code: str = "", text: str = "") -> str:
    more = f"<AddtlInf>{text}</AddtlInf>" if text else ""
    why = f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn>{more}</StsRsnInf>" if code else ""
    return f"<{tag}>{status}</{tag}>{why}"


def a_payment(name: str, status: str = "", code: str = "", text: str = "", amount: str = "") -> str:
    word = a_word("TxSts", status, code, text) if status else ""
    said = f'<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">{amount}</InstdAmt></Amt></OrgnlTxRef>' if amount else ""
    return f"<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId>{word}{said}</TxInfAndSts>"


def test_the_closest_word_is_read_with_its_reason_in_every_version() -> None:
    part = a_part(
        a_payment("A", "RJCT", "AC04", "closed  since\nMay", "5.95"), a_payment("B", "ACSC"), a_payment("C"),
        said=a_word("PmtInfSts", "PART"),
    )  # fmt: skip
    for version in ("001.03", "001.10", "001.14", "002.03"):
        read = pain.read(a_report("FD-1", part, group=a_word("GrpSts", "RCVD"), version=version))
        assert (read.message, read.file, read.word and read.word.status) == ("R1", "FD-1", Status.OPEN)
        [one] = read.parts
        a, b, c = one.payments
        assert a.word is not None
        assert (a.word.status, a.word.reason, a.amount, a.currency) == (
            Status.REFUSED, "AC04 closed since May", 595, "EUR",
        )  # fmt: skip
        assert (b.word and b.word.status, c.word, one.word and one.word.status) == (Status.ACCEPTED, None, Status.OPEN)
        assert (a.word.own, one.word and one.word.own, read.word and read.word.own) == (True, False, False)
    assert in_words("AC04 closed since May") == "The account is closed (AC04 closed since May)"
    assert [in_words(each) for each in ("AC04X", "", "no such")] == ["AC04X", "", "no such"]
    assert in_words(of_file("AC04")) == "Refused with its file: The account is closed (AC04)"


GOOD = a_report("FD-1").decode()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"no xml", b"<Document/>", CAMT.format(a_line("1.00", name="a")).encode(), a_report(""),
        a_report("FD-1", a_part(a_payment("A", "RJCT", amount="1e3"))),
        a_report("FD-1", a_part(a_payment("A", "RJCT", amount="9" * 5000))),
        a_report("FD-1", a_part(a_payment("A", "RJCT", amount="5.959"))),
        GOOD.replace("<Document", '<!DOCTYPE a [<!ENTITY b "c">]><Document').encode(),
        ('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]>' + GOOD).encode("utf-16"),
        GOOD.replace("R1", "R" * pain.MAX_BYTES).encode(),
        a_report("FD-1", a_part(*["<TxInfAndSts/>"] * (pain.MAX_PAYMENTS + 1))),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_report_is_refused(content: bytes) -> None:
    with pytest.raises(ReportUnreadable):
        pain.read(content)


@pytest_asyncio.fixture
async def depot(ground: Ground, clock: FakeClock, box: Sandbox) -> AsyncIterator[Depot]:
    async with a_depot(ground, clock, box, at=FIRST_OF_APRIL) as made:
        yield made


async def drawn(depot: Depot, *fleets: str) -> str:
    """A file of a debit of 5.95 of each fleet, written to in German and French in turns; how it is called."""
    said = {name: getattr(TERMS, name) for name in TERMS.__struct_fields__} | {"pays_by": "debit"}
    for number, name in enumerate(fleets):
        depot.fleet_id = depot.fleet(name, f"{name.lower()}@fleets.test")
        async with depot.till.tenants.tenant(depot.tenant_id) as conn:
            await invoices.put_terms(
                conn, depot.tenant_id, depot.fleet_id, TERMS.__class__(**said | {"language": ("de", "fr")[number % 2]}),
                FIRST_OF_APRIL,
            )  # fmt: skip
        await depot.mandate(reference=f"M-{name}")
        await depot.charged(depot.driver(name), 10_000, FIRST_OF_APRIL - timedelta(days=5))
        await depot.jobs.issue(depot.tenant_id)
    await depot.jobs.document(depot.tenant_id)
    depot.till.clock.set(datetime(2026, 4, 13, 9, tzinfo=UTC))
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        [made] = await drawing.draw(conn, depot.tenant_id, depot.bank, depot.till.clock.now())
        file = await money.find_file(conn, depot.tenant_id, made)
    assert file is not None
    return file.message


async def debits(depot: Depot) -> list[dict[str, Any]]:
    return depot.till.rows(
        "SELECT debit_id, invoice_id, state, reason FROM fleet_debits WHERE tenant_id = %s ORDER BY debit_id",
        depot.tenant_id,
    )


async def said(depot: Depot, report: bytes) -> ReportTaken:
    return await read_report(depot.till.tenants, depot.till.clock, depot.bank, depot.tenant_id, report, "test")


def standing(depot: Depot) -> int:
    """How many mandates stand."""
    return depot.till.one(
        "SELECT count(*) AS it FROM fleet_mandates WHERE tenant_id = %s AND ended_at IS NULL", depot.tenant_id
    )


def shown(taken: ReportTaken) -> list[tuple[str, str, str]]:
    return [(line.reference, line.outcome, line.reason) for line in taken.lines]


async def test_a_debit_that_the_bank_refuses_is_open_again_and_its_fleet_is_told_once(depot: Depot) -> None:
    file = await drawn(depot, "Buses", "Trucks", "Taxis")
    vans, trucks, taxis = (f"DEBIT-{each['debit_id']}" for each in await debits(depot))
    report = a_report(
        file, a_part(
            a_payment(vans, "RJCT", "AC04", amount="5.95"), a_payment(trucks, "RJCT", "AM04", amount="5.96"),
            a_payment(taxis, "PDNG"), a_payment("DEBIT-999999", "RJCT", "MD01"),
        ),
    )  # fmt: skip
    taken = await said(depot, report)
    assert (taken.kind, taken.accepted, taken.open, taken.refused, taken.new, taken.unknown) == (
        "debits",
        0,
        1,
        1,
        1,
        2,
    )
    # What is not of ours to the cent is none of ours.
    assert shown(taken) == [
        (vans, "refused", "AC04"), (trucks, "unknown", "AM04"), ("DEBIT-999999", "unknown", "MD01"),
    ]  # fmt: skip
    states = [("returned", "AC04"), ("asked", ""), ("asked", "")]
    assert [(each["state"], each["reason"]) for each in await debits(depot)] == states
    assert [each.asked for each in await depot.invoices()] == [False, True, True]
    # A closed account ends its mandate.
    assert standing(depot) == 2
    before = depot.till.balances()
    again = await said(depot, report)
    assert (again.number, again.refused, again.new, shown(again)[0][1]) == (taken.number, 1, 0, "before")
    assert [(each["state"], each["reason"]) for each in await debits(depot)] == states
    assert depot.till.balances() == before, "no money moved"
    assert [await depot.jobs.tell_returned(depot.tenant_id) for _ in range(2)] == [1, 0]
    letter = depot.letters()[-1]
    assert (letter["recipient"], letter["subject"]) == (
        "buses@fleets.test", f"Die Lastschrift zu Rechnung {(await depot.invoices())[0].number} von Volt & Söhne GmbH"
        " kam nicht zustande",
    )  # fmt: skip
    for words in ("Das Konto ist aufgelöst.", "5,95", "DE89370400440532013000", "neues Mandat"):
        assert words in letter["body"]


async def test_a_debit_that_comes_back_by_a_statement_is_told_of_and_one_that_was_drawn_again_is_not(
    depot: Depot,
) -> None:
    await drawn(depot, "Buses", "Trucks")
    vans, trucks = await debits(depot)
    for each in (vans, trucks):
        name = f"DEBIT-{each['debit_id']}"
        await depot.read(
            booked("5.95", DAY, end_to_end=name), booked("5.95", DAY, end_to_end=name, reason="AM04", debit=True)
        )
    async with depot.till.tenants.tenant(depot.tenant_id) as conn:
        await drawing.draw_again(conn, depot.till.actor, depot.bank, vans["invoice_id"], depot.till.clock.now())
    assert [await depot.jobs.tell_returned(depot.tenant_id) for _ in range(2)] == [1, 0]
    assert "Le compte n'est pas suffisamment approvisionné." in depot.letters()[-1]["body"]


async def test_a_file_that_is_refused_whole_is_so_but_for_what_is_said_more_closely(depot: Depot) -> None:
    file = await drawn(depot, "Buses", "Trucks", "Taxis")
    vans, *_ = (f"DEBIT-{each['debit_id']}" for each in await debits(depot))
    whole = a_word("GrpSts", "RJCT", "AC01", "creditor")
    taken = await said(depot, a_report(file, a_part(a_payment(vans, "ACCP")), group=whole))
    assert (taken.accepted, taken.refused, taken.unknown) == (1, 2, 0)
    assert [(each["state"], each["reason"]) for each in await debits(depot)] == [
        ("asked", ""), *[("returned", "Refused with its file: AC01 creditor")] * 2,
    ]  # fmt: skip
    # It is our account that is wrong: no fleet's mandate ends, and none is told that it is theirs.
    assert (standing(depot), await depot.jobs.tell_returned(depot.tenant_id)) == (3, 2)
    for letter, again in zip(depot.letters()[-2:], ("de nouveau dus.", "wieder offen."), strict=True):
        assert again in letter["body"]
        assert not re.search("compte de ce|nouveau mandat|kein Konto|neues Mandat", letter["body"])
    # Another's file, or one of another program, changes nothing and is listed.
    other = await said(depot, a_report("FD-other", a_part(a_payment(vans, "RJCT", "AM04")), group=whole))
    assert (other.kind, other.refused, [each[:2] for each in shown(other)]) == (
        None, 0, [("FD-other", "unknown"), (vans, "unknown")],
    )  # fmt: skip
    # A bank that doesn't say the file again is believed where it says the amount.
    unsaid = a_report("NOTPROVIDED", a_part(a_payment(vans, "RJCT", "AM04"), a_payment("PAYOUT-1", "RJCT", amount="1")))
    assert (await said(depot, unsaid)).refused == 0
    named = a_report("NOTPROVIDED", a_part(a_payment(vans, "RJCT", "AM04", amount="5.95")))
    assert (await said(depot, named)).new == 1


async def test_a_payment_information_is_refused_with_what_stands_in_it(depot: Depot) -> None:
    """Of a file of several: the bank names it as the file does."""
    file = await drawn(depot, "Buses", "Trucks")
    number = depot.till.rows("SELECT file_id, sealed FROM debit_files WHERE message = %s", file)[0]
    root = ElementTree.fromstring(depot.bank.open(number["sealed"]))
    [part] = [each.text or "" for each in root.iter() if each.tag.endswith("PmtInfId")]
    # As the library would have written it for a first and a recurring one.
    content = depot.bank.open(number["sealed"])
    second = re.search(r"<DrctDbtTxInf>(?:(?!<DrctDbtTxInf>).)*</DrctDbtTxInf></PmtInf>", content, re.S)
    assert second is not None
    moved = second.group().removesuffix("</PmtInf>")
    content = content.replace(moved, "").replace(
        "</PmtInf>", f"</PmtInf><PmtInf><PmtInfId>SECOND</PmtInfId>{moved}</PmtInf>"
    )
    depot.till.rows(
        "UPDATE debit_files SET sealed = %s WHERE file_id = %s", depot.bank.file(content), number["file_id"]
    )
    taken = await said(
        depot, a_report(file, a_part(name="SECOND", said=a_word("PmtInfSts", "RJCT", "AC01")), a_part(name="none")),
    )  # fmt: skip
    assert (taken.refused, taken.unknown, standing(depot)) == (1, 0, 2)
    assert [each["state"] for each in await debits(depot)] == ["asked", "returned"]
    taken = await said(depot, a_report(file, a_part(name="none", said=a_word("PmtInfSts", "RJCT", "DT01"))))
    assert (taken.refused, shown(taken)) == (0, [("none", "unknown", "DT01")])
    assert part


async def test_a_file_that_the_bank_has_already_stands_as_it_was_given_first(depot: Depot) -> None:
    file = await drawn(depot, "Buses", "Trucks")
    again = a_word("GrpSts", "RJCT", "AM05")
    taken = await said(depot, a_report(file, group=again))
    assert [each[1:] for each in shown(taken)] == [("twice", "AM05")] * 2
    assert [each["state"] for each in await debits(depot)] == ["asked"] * 2
    assert await depot.jobs.tell_returned(depot.tenant_id) == 0


@pytest.mark.parametrize("whole", [True, False])
async def test_a_debit_file_is_booked_as_one_sum_with_or_without_what_came_to_nothing(
    depot: Depot, whole: bool
) -> None:
    file = await drawn(depot, "Buses", "Trucks", "Taxis")
    vans = f"DEBIT-{(await debits(depot))[0]['debit_id']}"
    await said(depot, a_report(file, a_part(a_payment(vans, "RJCT", "AM04"))))
    assert await depot.read(booked("17.85" if whole else "11.90", DAY, text=f"SAMMLER {file}")) == (1, 0)
    if whole:
        assert [each["state"] for each in await debits(depot)] == ["paid"] * 3
        assert await depot.read(booked("5.95", DAY, end_to_end=vans, reason="AM04", debit=True)) == (1, 0)
    assert [each["state"] for each in await debits(depot)] == ["returned", "paid", "paid"]
    assert [each.open_amount for each in await depot.invoices()] == [595, 0, 0]
    assert depot.till.balances()["bank"] == 1190


async def paid(yard: Yard, *names: str) -> tuple[str, list[HostRow], list[str]]:
    """A file of a payout of 7.00 to each host: how it is called, whom it pays, and how their payouts are called."""
    yard.clock.set(datetime(2026, 3, 2, 5, 0, tzinfo=UTC))
    await a_bank(yard)
    hosts = []
    for name in names:
        site = yard.site()
        hosts.append(await a_host(yard, name))
        await rules(yard, hosts[-1], site, a_rule(), yard.clock.now() - timedelta(days=9))
        await (await a_session(yard, yard.station(site_id=site))).follow(settled=True)
    assert await Payouts(yard.tenants, yard.clock, Bank(SECRET)).pay(yard.tenant_id, {}) == len(names)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        [file] = await kept.list_files(conn, yard.tenant_id, limit=9)
        made = await kept.list_payouts(conn, yard.tenant_id, order="oldest", limit=9)
    return file.message, hosts, [f"PAYOUT-{each.payout_id}" for each in made]


async def differences(yard: Yard) -> list[tuple[str, str]]:
    rows = yard.rows(
        "SELECT kind, about FROM reconcile_differences WHERE tenant_id = %s AND gone_at IS NULL ORDER BY 2",
        yard.tenant_id,
    )
    return [(row["kind"], row["about"]) for row in rows]


async def test_a_payout_that_the_bank_refuses_is_owed_again_and_paid_twice_by_no_line(yard: Yard) -> None:
    file, [ada, bo, cy], [first, second, third] = await paid(yard, "Ada", "Bo", "Cy")
    nights = Reconciler(yard.tenants, yard.clock)
    report = a_report(file, a_part(a_payment(first, "RJCT", "AC01", "unknown"), a_payment(second, "ACSP")))

    async def says(content: bytes) -> ReportTaken:
        return await read_report(yard.tenants, yard.clock, Bank(SECRET), yard.tenant_id, content)

    for new in (1, 0):
        taken = await says(report)
        assert (taken.kind, taken.accepted, taken.refused, taken.new) == ("payouts", 1, 1, new)
        assert [await owed(yard, each) for each in (ada, bo, cy)] == [700, 0, 0]
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        host = await find_host(conn, yard.tenant_id, ada.host_id)
    assert host is not None
    assert (host.held_at is not None, host.held_reason) == (True, "AC01 unknown")

    async def reads(*lines: str) -> None:
        await nights.read_statement(yard.tenant_id, CAMT.format("".join(lines)).encode())

    # The bank books the rest as one sum: nothing is missing, weeks later, and what was booked is not refused by a word.
    await reads(a_line("14.00", "DBIT", name="a", text=f"SEPA {file}"))
    yard.clock.set(datetime(2026, 3, 20, 5, 0, tzinfo=UTC))
    assert await nights.compare_bank(yard.tenant_id) == []
    assert [each.outcome for each in (await says(a_report(file, a_part(a_payment(third, "RJCT"))))).lines] == ["booked"]
    assert await owed(yard, cy) == 0
    # It books what it refused all the same: Ada would be paid twice, until it is back.
    await reads(a_line("7.00", "DBIT", name="b", end=first))
    assert [kind for kind, _ in await differences(yard)] == ["bank_twice"]
    await reads(a_line("7.00", "CRDT", name="c", end=first, back="AC01"))
    assert (await differences(yard), await owed(yard, ada)) == ([], 700)


async def test_what_was_refused_and_booked_with_its_file_is_missed_until_it_is_back(yard: Yard) -> None:
    file, [ada, bo], [first, second] = await paid(yard, "Ada", "Bo")
    nights = Reconciler(yard.tenants, yard.clock)
    report = a_report(file, a_part(a_payment(second, "ACSP")), group=a_word("GrpSts", "RJCT", "AC04"))
    await read_report(yard.tenants, yard.clock, Bank(SECRET), yard.tenant_id, report)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        host = await find_host(conn, yard.tenant_id, ada.host_id)
    # She is paid no more until somebody looked why, though nothing is wrong with her account.
    assert host is not None
    assert (host.held_at is not None, host.held_reason) == (True, "Refused with its file: AC04")
    await nights.read_statement(yard.tenant_id, CAMT.format(a_line("14.00", "DBIT", name="a", text=file)).encode())
    assert await differences(yard) == []
    yard.clock.set(datetime(2026, 3, 20, 5, 0, tzinfo=UTC))
    await nights.compare_bank(yard.tenant_id)
    assert await differences(yard) == [("bank_missing", f"payout-return:{first.removeprefix('PAYOUT-')}")]
    back = a_line("7.00", "CRDT", name="b", end=first, back="AC04")
    await nights.read_statement(yard.tenant_id, CAMT.format(back).encode())
    assert (await differences(yard), await owed(yard, ada), await owed(yard, bo)) == ([], 700, 0)


async def test_a_payout_that_was_said_to_be_back_before_its_report_is_read_is_no_part_of_what_its_file_is_booked_as(
    yard: Yard,
) -> None:
    file, [ada, bo], [first, _] = await paid(yard, "Ada", "Bo")
    nights, now = Reconciler(yard.tenants, yard.clock), yard.clock.now()
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await bounce(conn, yard.tenant_id, int(first.removeprefix("PAYOUT-")), "the bank wrote", now)
    report = a_report(file, a_part(a_payment(first, "RJCT", "AC04")))
    for _ in range(2):
        taken = await read_report(yard.tenants, yard.clock, Bank(SECRET), yard.tenant_id, report)
        assert [each.outcome for each in taken.lines] == ["before"]
        yard.clock.advance(60)
    refused_at = "SELECT refused_at AS it FROM payouts WHERE tenant_id = %s AND refused_at IS NOT NULL"
    assert [row["it"] for row in yard.rows(refused_at, yard.tenant_id)] == [now]
    await nights.read_statement(yard.tenant_id, CAMT.format(a_line("7.00", "DBIT", name="a", text=file)).encode())
    yard.clock.set(datetime(2026, 3, 20, 5, 0, tzinfo=UTC))
    assert (await nights.compare_bank(yard.tenant_id), await owed(yard, ada), await owed(yard, bo)) == ([], 700, 0)
