"""The books over HTTP: read, exported, and shown to each as far as they are theirs."""

import csv
import io
import random
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from forecourt.access import Role
from forecourt.payments.bank.model import Bank
from forecourt.payments.hosts import entries as host_entries
from forecourt.payments.hosts import statement
from forecourt.payments.hosts.api import hosts as hosts_api
from forecourt.payments.hosts.events import PAY
from forecourt.payments.hosts.model import PayoutUnderWay
from forecourt.payments.hosts.outcomes import give_up
from forecourt.payments.hosts.payouts import Payouts
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.ledger import beancount, entries
from forecourt.payments.ledger import store as ledger
from forecourt.payments.ledger.building import between
from forecourt.payments.ledger.model import Entry, Kind, Leg
from forecourt.payments.ledger.reports import list_lapsed
from forecourt.payments.ledger.service import post
from forecourt.payments.psp.errors import ProviderAway, ProviderError, ProviderUnknown
from forecourt.payments.reconcile.events import COMPARE
from forecourt.payments.reconcile.jobs import MoneyJobs, no_accounts
from forecourt.platform.money import Money
from tests.care.yard import Yard
from tests.ground import Ground
from tests.http import House, Tenant, problem, walk
from tests.payments.bills import START, a_bill, a_tariff, billed
from tests.payments.hosts import SECRET, Paid, a_bank, a_host, a_rule, a_session, owed, rules

MARCH = {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}


@pytest_asyncio.fixture
async def yard(ground: Ground, house: House, tenant: Tenant) -> Yard:
    worker = await ground.pool("forecourt_worker", 1)
    return Yard(ground.admin, worker, house.db, house.clock, tenant_id=tenant.tenant_id)


async def a_place(yard: Yard, name: str) -> tuple[int, int, HostRow]:
    """A site with a station, and the host that it is of."""
    site = yard.site()
    station = yard.station(site_id=site)
    host = await a_host(yard, name, site_ids=[site])
    await rules(yard, host, site, a_rule(), yard.clock.now() - timedelta(days=9))
    return site, station, host


def bean_check(path: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "bean-check"
    return subprocess.run([command, str(path)], capture_output=True, text=True, check=False, timeout=120)


async def test_bean_check_takes_the_export_and_refuses_one_that_was_changed(
    yard: Yard, tenant: Tenant, tmp_path: Path
) -> None:
    _, station, _host = await a_place(yard, 'Ada "Bo" \\ Söhne')
    for captured in (None, 595):
        paid = await a_session(yard, station, captured=captured)
        await paid.follow(settled=True)
        await paid.refund(119)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        for driver in ("Ada", "ada", "ä:b".replace(":", ";")):
            entry = entries.top_up(payment=driver, at=START, account="Acme 1", driver=driver, currency="JPY", amount=5)
            await post(conn, yard.tenant_id, entry)
        memo = 'power "March" \\ 1'
        entry = host_entries.expense(
            expense="e", kind="energy", at=START, currency="KWD", amount=1234, against="bank", memo=memo
        )
        await post(conn, yard.tenant_id, entry)
    client = await tenant.client()
    answer = await client.get("/api/v1/ledger/export.beancount")
    assert answer.status_code == 200
    file = tmp_path / "ledger.beancount"
    file.write_bytes(answer.content)
    found = bean_check(file)
    assert (found.returncode, found.stderr) == (0, "")
    assert "1.234 KWD" in answer.text
    for before, after in (("11.90 EUR", "11.91 EUR"), ("  entry: ", "  Assets:Bank  1 EUR\n  entry: ")):
        assert before in answer.text
        file.write_text(answer.text.replace(before, after, 1), encoding="utf-8")
        assert bean_check(file).returncode != 0, "the file is really checked"
    assert (await client.get("/api/v1/ledger/export.beancount", params={"to": "2020-01-01T00:00:00Z"})).text


parts_of_names = st.text(
    st.characters(exclude_characters=":", exclude_categories=("Cc", "Cs")), min_size=1, max_size=80
)


@given(st.lists(parts_of_names, unique=True, max_size=20))
def test_accounts_of_different_names_stay_apart_in_the_export(parts: list[str]) -> None:
    made = [beancount.account_name(f"wallet:{part}") for part in parts]
    assert len(set(made)) == len(parts)
    assert all(name.isascii() and " " not in name for name in made)


def aged(legs: list[tuple[int, int]], day: int) -> tuple[list[int], int]:
    """What is open of legs, each its day and amount, by age, and since which day: each is settled against the oldest
    that it can be settled against."""
    left: list[tuple[int, int]] = []
    for at, said in legs:
        amount = said
        while amount and left and (left[0][1] > 0) != (amount > 0):
            first, other = left.pop(0)
            rest = other + amount
            if (rest > 0) == (other > 0) and rest:
                left.insert(0, (first, rest))
            amount = rest if (rest > 0) == (amount > 0) else 0
        if amount:
            left.append((at, amount))
    classes = [0, 0, 0, 0]
    for at, amount in left:
        classes[sum(day - at > days for days in (30, 60, 90))] += amount
    return classes, left[0][0] if left else 0


async def test_what_was_paid_settles_the_oldest_debt_first_whatever_comes_in_whatever_order(
    yard: Yard, tenant: Tenant
) -> None:
    chance = random.Random(4)
    said: dict[str, list[tuple[int, int]]] = {"fleet_receivable:100": [(0, 100), (40, 50), (70, 30), (75, -120)]}
    for number in range(101, 113):
        days = sorted(chance.sample(range(100), 12))
        said[f"fleet_receivable:{number}"] = [(day, chance.choice((-40, -25, -9, 10, 20, 30))) for day in days]
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        for who, legs in said.items():
            for day, amount in legs:
                entry = Entry(
                    key=f"{who}:{day}", kind=Kind.FLEET_INVOICE, at=START + timedelta(days=day),
                    legs=tuple(
                        Leg(account=account, currency="EUR", amount=part)
                        for account, part in ((who, amount), ("bank", -amount))
                    ),
                )  # fmt: skip
                await post(conn, yard.tenant_id, entry)
    yard.clock.set(START + timedelta(days=100))
    rows = await walk(await tenant.client(), "/api/v1/ledger/receivables", limit=2)
    names = ("up_to_30_days", "up_to_60_days", "up_to_90_days", "older")
    told = {row["who"]: ([row[name] for name in names], datetime.fromisoformat(row["oldest_at"])) for row in rows}
    assert len(told) == len(rows)
    found = {who: aged(legs, 100) for who, legs in said.items()}
    assert told == {who: (by, START + timedelta(days=since)) for who, (by, since) in found.items() if any(by)}
    assert told["fleet_receivable:100"] == ([30, 30, 0, 0], START + timedelta(days=40))
    assert {min(by) < 0 for by, _ in told.values()} == {True, False}
    assert [row["oldest_at"] for row in rows] == sorted(row["oldest_at"] for row in rows)


async def test_entries_accounts_and_statements_say_the_same(yard: Yard, tenant: Tenant) -> None:
    _, station, _host = await a_place(yard, "Ada")
    paid = await a_session(yard, station, captured=1000)
    await paid.follow(settled=True)
    client = await tenant.client()
    told = await walk(client, "/api/v1/ledger/journal", limit=1)
    assert [each["kind"] for each in told] == ["host_share", "capture"]
    assert all(sum(leg["amount"]["amount"] for leg in each["legs"]) == 0 for each in told)
    assert {each["session"] for each in told} == {str(paid.session)}
    only = {"session": str(paid.session), "payment": paid.intent, "kind": "capture"}
    assert await walk(client, "/api/v1/ledger/journal", **only) == told[1:]
    assert (await client.get(f"/api/v1/ledger/journal/{told[0]['id']}")).json() == told[0]
    problem(await client.get("/api/v1/ledger/journal/999999999"), 404, "entry-unknown")
    accounts = (await client.get("/api/v1/ledger/accounts")).json()["items"]
    balances = {each["account"]: each["balance"]["amount"] for each in accounts}
    assert sum(balances.values()) == 0
    assert balances["driver_receivable"] == 190
    for account, balance in balances.items():
        moved = await walk(client, f"/api/v1/ledger/accounts/{account}/statement", limit=1)
        assert moved[0]["balance"]["amount"] == balance == sum(each["amount"]["amount"] for each in moved)
    problem(await client.get("/api/v1/ledger/accounts/bank/statement"), 404, "account-unknown")
    [owing] = (await client.get("/api/v1/ledger/receivables")).json()["items"]
    assert (owing["who"], owing["total"]["amount"], owing["older"]) == (f"driver_receivable:{paid.intent}", 190, 0)


async def test_profit_is_revenue_less_energy_fees_and_share(yard: Yard, tenant: Tenant) -> None:
    site, station, _host = await a_place(yard, "Ada")
    other = yard.station(site_id=site)
    for place, energy_wh in ((station, 30_000), (other, 10_000)):
        paid = await a_session(yard, place, energy_wh=energy_wh)
        await paid.follow(settled=True)
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            now = yard.clock.now()
            fee = entries.fee(
                movement=paid.intent, account="acme", at=now, currency="EUR", amount=30, intent=paid.intent
            )
            await post(conn, yard.tenant_id, fee)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        cost = host_entries.expense(
            expense="e", kind="energy", at=yard.clock.now(), currency="EUR", amount=401, against="bank", site_id=site
        )
        await post(conn, yard.tenant_id, cost)
    yard.clock.advance(60)
    shown = (await (await tenant.client()).get("/api/v1/ledger/profit")).json()["items"]
    rows = [
        tuple(each[name] for name in ("energy_wh", "revenue", "energy_cost", "fees", "share", "profit"))
        for each in shown
    ]
    assert rows == [(30_000, 1500, 300, 30, 1050, 120), (10_000, 500, 101, 30, 350, 19)]


async def test_profit_counts_what_drivers_got_and_knows_no_cost_of_energy_that_nobody_posted(
    yard: Yard, tenant: Tenant
) -> None:
    site, station, _host = await a_place(yard, "Ada")
    paid = await a_session(yard, station, energy_wh=20_000)
    await paid.follow(settled=True)
    now = yard.clock.now()
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        for entry in (
            between("points:1", Kind.POINTS_EARNED, now, "EUR", "rewards", "points:d1", 40, session_id=paid.session),
            between("cashback:1", Kind.CASHBACK, now, "EUR", "rewards", "wallet:d1", 25, session_id=paid.session),
            between("back:1", Kind.POINTS_BACK, now, "EUR", "points:d1", "rewards", 10, session_id=paid.session),
            between("lapsed:1", Kind.POINTS_LAPSED, now, "EUR", "points:d2", "rewards", 7),
            between(
                "off:1", Kind.GIVEN, now, "EUR", "discounts:operator:energy", "revenue:energy", 300,
                session_id=paid.session,
            ),
        ):  # fmt: skip
            await post(conn, yard.tenant_id, entry)
    yard.clock.advance(60)
    client = await tenant.client()
    [row] = (await client.get("/api/v1/ledger/profit")).json()["items"]
    assert (row["revenue"], row["discounts"], row["rewards"], row["share"]) == (1000, 300, 55, 700)
    assert (row["energy_cost"], row["profit"]) == (None, None)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert await list_lapsed(conn, yard.tenant_id, now, yard.clock.now()) == {"EUR": 7}
        cost = host_entries.expense(
            expense="e", kind="energy", at=now, currency="EUR", amount=401, against="bank", site_id=site
        )
        await post(conn, yard.tenant_id, cost)
    [row] = (await client.get("/api/v1/ledger/profit")).json()["items"]
    assert (row["energy_cost"], row["profit"]) == (401, 1000 - 401 - 700 - 55)


async def test_a_site_host_sees_their_own_and_neither_others_nor_the_books(yard: Yard, tenant: Tenant) -> None:
    site, station, ada = await a_place(yard, "Ada")
    _, elsewhere, bo = await a_place(yard, "Bo")
    for place in (station, elsewhere):
        await (await a_session(yard, place)).follow(settled=True)
    client = await tenant.client(Role.SITE_HOST, (site,))
    [own] = await walk(client, "/api/v1/hosts")
    assert (own["name"], own["owed"]) == ("Ada", [{"amount": 700, "currency": "EUR"}])
    [line] = await walk(client, f"/api/v1/hosts/{ada.host_id}/lines")
    assert (line["amount"]["amount"], line["net"]) == (700, 1000)
    sheet = await client.get(f"/api/v1/hosts/{ada.host_id}/statement", params=MARCH)
    carried, told, left = csv.DictReader(io.StringIO(sheet.text))
    assert [(row["kind"], row["what"]) for row in (carried, told, left)] == [
        ("carried", "Carried over"), ("host_share", "Your share"), ("left", "Left"),
    ]  # fmt: skip
    assert f"/api/v1/sessions/{line['session']}/signed-values" in sheet.text
    # Each line leads to what the host may read.
    assert (await client.get(f"/api/v1/sessions/{line['session']}")).status_code == 200
    assert (await client.get(f"/api/v1/sessions/{line['session']}/signed-values")).status_code == 200
    document = await client.get(f"/api/v1/hosts/{ada.host_id}/statement", params=MARCH | {"format": "pdf"})
    assert document.content.startswith(b"%PDF")
    for path in ("", "/lines", f"/statement?from={MARCH['from']}&to={MARCH['to']}"):
        problem(await client.get(f"/api/v1/hosts/{bo.host_id}{path}"), 404, "host-unknown")
    for path in ("ledger/journal", "ledger/accounts", "reconciliation/differences", "payout-files"):
        problem(await client.get(f"/api/v1/{path}"), 403, "forbidden")
    assert {rule["host"] for rule in await walk(client, "/api/v1/host-rules")} == {ada.host_id}
    # An operator of one of two sites sees no host with a site beyond.
    yard.rows("UPDATE hosts SET site_ids = %s WHERE host_id = %s", [site, site + 1000], ada.host_id)
    assert await walk(client, "/api/v1/hosts") == []


async def test_a_statement_is_summed_of_all_lines_however_few_are_read_at_once_or_stand_on_paper(
    yard: Yard, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, station, ada = await a_place(yard, "Ada")
    for _ in range(5):
        await (await a_session(yard, station)).follow(settled=True)
    monkeypatch.setattr(statement, "AT_ONCE", 2)
    monkeypatch.setattr(hosts_api, "MAX_ON_PAPER", 2)
    shown: list[Any] = []

    def paper(*said: Any) -> bytes:
        shown.append(said)
        return b"%PDF"

    monkeypatch.setattr(hosts_api, "statement_pdf", paper)
    client = await tenant.client()
    path = f"/api/v1/hosts/{ada.host_id}/statement"
    sheet = list(csv.DictReader(io.StringIO((await client.get(path, params=MARCH)).text)))
    assert [row["kind"] for row in sheet] == ["carried", *["host_share"] * 5, "left"]
    assert len({row["entry"] for row in sheet[1:-1]}) == 5
    assert sheet[-2]["balance"] == sheet[-1]["balance"] == "35.00"
    assert (await client.get(path, params=MARCH | {"format": "pdf"})).content == b"%PDF"
    [(made, listed, _url)] = shown
    assert (len(listed), made.sums.lines, made.sums.shares, made.closing) == (2, 5, 3500, 3500)


async def test_a_host_is_billed_by_documents_that_stay_and_what_goes_back_is_one_that_names_them(
    yard: Yard, tenant: Tenant
) -> None:
    site, station, ada = await a_place(yard, "Ada")
    await a_bank(yard)
    client = await tenant.client()
    own = f"/api/v1/hosts/{ada.host_id}"
    taxed = await client.patch(own, json={"vat_rate": 19, "vat_id": "DE811128135", "address": "Pier 1"})
    assert taxed.status_code == 200, taxed.text
    wrong = problem(await client.patch(own, json={"vat_id": "DE811128136"}), 422, "host-refused")
    assert "DE811128136" in wrong["detail"]
    payouts = Payouts(yard.tenants, yard.clock, Bank(SECRET))
    paid = [await a_session(yard, station) for _ in range(2)]
    for each in paid:
        await each.follow(settled=True)
    cost = {"key": "roof", "kind": "repair", "amount": -200, "currency": "EUR"}
    assert (await client.post(f"{own}/expenses", json=cost)).json()["new"]
    yard.clock.advance(86_400)
    assert await payouts.pay(yard.tenant_id, {}) == 1
    [first] = await walk(client, "/api/v1/host-documents")
    amounts = [first[name]["amount"] for name in ("net", "vat", "other", "total")]
    assert (first["number"], amounts, first["lines"]) == ("SB-2026-00001", [1400, 266, -200, 1466], 3)
    assert first["said"]["rates"] == [{"country": "DE", "rate": "19", "net": 1400, "vat": 266}]
    [payout] = await walk(client, "/api/v1/payouts")
    assert (first["payout"], payout["amount"]["amount"]) == (payout["id"], 1466)
    content = f"/api/v1/host-documents/{first['id']}/content"
    before = (await client.get(content)).content
    assert before.startswith(b"%PDF")
    # Whoever they are later, it stays as it was issued; and nobody can change it.
    await client.patch(own, json={"name": "Bo", "vat_id": "DE811569869", "vat_rate": 7, "address": "Pier 2"})
    assert (await client.get(content)).content == before
    for table in ("host_documents", "host_document_lines"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            yard.rows(f"UPDATE {table} SET tenant_id = tenant_id RETURNING 1")
    # Half of one goes back; another is paid.
    await paid[0].refund(595)
    for _ in range(2):
        await (await a_session(yard, station)).follow(settled=True)
    yard.clock.advance(86_400)
    assert await payouts.pay(yard.tenant_id, {}) == 1
    newest = await walk(client, "/api/v1/host-documents")
    back, second = sorted(newest[:2], key=lambda each: each["total"]["amount"])
    assert {back["number"], second["number"]} == {"SB-2026-00002", "SB-2026-00003"}
    assert (back["corrects"], second["corrects"]) == (first["id"], None)
    assert (back["said"]["corrects"], back["said"]["corrects_on"]) == ("SB-2026-00001", first["issued_on"])
    assert back["said"]["rates"] == [{"country": "DE", "rate": "19", "net": -350, "vat": -67}]
    assert second["said"]["rates"] == [{"country": "DE", "rate": "7", "net": 1400, "vat": 98}]
    assert (second["said"]["supplier"]["name"], first["said"]["supplier"]["name"]) == ("Bo", "Ada")
    paid_out = (await walk(client, "/api/v1/payouts"))[0]["amount"]["amount"]
    assert back["total"]["amount"] + second["total"]["amount"] == paid_out
    # A host reads their own, and nobody else's.
    mine = await tenant.client(Role.SITE_HOST, (site,))
    assert len(await walk(mine, "/api/v1/host-documents", limit=1)) == 3
    assert (await mine.get(content)).content == before
    elsewhere, _, _ = await a_place(yard, "Cy")
    other = await tenant.client(Role.SITE_HOST, (elsewhere,))
    assert await walk(other, "/api/v1/host-documents") == []
    problem(await other.get(content), 404, "host-document-unknown")


async def test_who_is_paid_nothing_is_billed_ten_days_after_the_month(yard: Yard, tenant: Tenant) -> None:
    _, station, ada = await a_place(yard, "Ada")
    await a_bank(yard)
    yard.rows("UPDATE hosts SET iban_sealed = NULL WHERE host_id = %s", ada.host_id)
    client = await tenant.client()
    paid = await a_session(yard, station)
    await paid.follow(settled=True)
    jobs = MoneyJobs(yard.worker, yard.tenants, yard.clock, SECRET, no_accounts)
    yard.clock.set(datetime(2026, 4, 10, 12, tzinfo=UTC))
    await jobs.night_of(yard.tenant_id)
    assert await walk(client, "/api/v1/host-documents") == []
    yard.clock.advance(86_400)
    for _ in range(2):
        await jobs.night_of(yard.tenant_id)
    [document] = await walk(client, "/api/v1/host-documents")
    assert (document["payout"], document["net"]["amount"], document["lines"]) == (None, 700, 1)
    # Paid in the end, it is billed no second time.
    sealed = Bank(SECRET).close("DE89370400440532013000")
    yard.rows("UPDATE hosts SET iban_sealed = %s WHERE host_id = %s", sealed, ada.host_id)
    yard.clock.advance(3 * 86_400)
    await jobs.night_of(yard.tenant_id)
    assert [each["amount"]["amount"] for each in await walk(client, "/api/v1/payouts")] == [700]
    assert len(await walk(client, "/api/v1/host-documents")) == 1


async def test_the_vat_of_a_span_agrees_with_the_ledger_to_the_cent(yard: Yard, tenant: Tenant) -> None:
    site, station, ada = await a_place(yard, "Ada")
    yard.rows("UPDATE sites SET country = 'DE' WHERE site_id = %s", site)
    yard.rows("UPDATE hosts SET vat_rate = 19 WHERE host_id = %s", ada.host_id)
    tariff = a_tariff(("ENERGY", "0.50", "19"), ("PARKING_TIME", "6", "7"), ("TIME", "1", None))
    chance = random.Random(7)
    # The first is of round numbers, and the others of any; of some a part goes back.
    nets = Counter[str]()
    for number in range(8):
        energy_wh, parked_s = (20_000, 1800) if not number else (chance.randrange(99_999), chance.randrange(9_999))
        session = yard.session(station, timedelta(hours=2), timedelta(hours=1), energy_wh)
        bill = billed(a_bill(tariff, energy_wh=energy_wh, parked_s=parked_s), "DE")
        paid = Paid(yard, session, f"pi-{session}", bill, bill.total)
        await paid.capture()
        if not number:
            first = await vat_of(await tenant.client())
        await paid.follow(settled=True)
        nets.update(bill.nets or {})
        if number % 3 == 1:
            back = chance.randrange(1, bill.total)
            await paid.refund(back)
            nets.subtract(bill.part(back).nets or {})
    assert first == {
        ("own", "DE", "19"): (1000, 190, 1),
        ("own", "DE", "7"): (300, 21, 1),
        ("own", "DE", None): (100, 0, 1),
    }
    found = await vat_of(await tenant.client())
    assert {key[0] for key in found} == {"own", "self_billed"}
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        balances = await ledger.list_balances(conn, yard.tenant_id)
    by_account = {row.account: row.balance for row in balances}
    for rate in ("19", "7"):
        assert found["own", "DE", rate][1] == -by_account[f"vat_payable:DE:{rate}"]
    assert found["self_billed", "DE", "19"][1] == by_account["vat_receivable:DE:19"]
    earned = -sum(amount for account, amount in by_account.items() if account.startswith("revenue:"))
    assert sum(net for (side, *_), (net, *_) in found.items() if side == "own") == earned
    assert found["self_billed", "DE", "19"][0] == by_account["host_share"] + by_account.get("platform_revenue", 0)
    # Of each rate the net is what the bills say, to the cent.
    assert {f"vat_payable:DE:{rate}": found["own", "DE", rate][0] for rate in ("19", "7")} == nets
    assert found["own", "DE", "19"][2] == 11
    # Hosts' documents are counted once they are issued.
    assert found["self_billed", "DE", "19"][2] == 0
    await a_bank(yard)
    yard.clock.advance(86_400)
    assert await Payouts(yard.tenants, yard.clock, Bank(SECRET)).pay(yard.tenant_id, {}) == 1
    assert (await vat_of(await tenant.client()))["self_billed", "DE", "19"][2] == 1


async def vat_of(client: AsyncClient) -> dict[tuple[str, str, str | None], tuple[int, int, int]]:
    """By side, country and rate: net, VAT, documents."""
    said = (await client.get("/api/v1/ledger/vat", params=MARCH)).json()["items"]
    assert all(row["gross"]["amount"] == row["net"]["amount"] + row["vat"]["amount"] for row in said)
    found = {
        (row["side"], row["country"], row["rate"]): (row["net"]["amount"], row["vat"]["amount"], row["documents"])
        for row in said
    }
    assert len(found) == len(said)
    return found


class Away:
    """A provider that doesn't answer, and then says what it says."""

    def __init__(self, fault: ProviderError) -> None:
        self.fault = fault

    async def find_transfer(self, host: str, ours: str, since: datetime) -> None:
        raise self.fault

    async def transfer(self, host: str, amount: Money, key: str, ours: str) -> Any:
        raise self.fault


async def test_a_payout_whose_account_is_gone_is_given_up_once_nothing_can_come_of_it(
    yard: Yard, tenant: Tenant
) -> None:
    _, station, ada = await a_place(yard, "Ada")
    await a_bank(yard)
    yard.rows("UPDATE hosts SET connect_account = 'acct_a', connect_by = 'acme' WHERE host_id = %s", ada.host_id)
    await (await a_session(yard, station)).follow(settled=True)
    yard.clock.advance(86_400)
    payouts = Payouts(yard.tenants, yard.clock, Bank(SECRET))
    await payouts.pay(yard.tenant_id, {"acme": Away(ProviderAway())})
    client = await tenant.client()
    [asked] = await walk(client, "/api/v1/payouts")
    path, why = f"/api/v1/payouts/{asked['id']}/give-up", {"reason": "The account is closed."}
    problem(await client.post(path, json=why), 409, "payout-under-way")
    yard.clock.advance(86_400 * 2)
    assert await payouts.pay(yard.tenant_id, {}) == 0
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        with pytest.raises(PayoutUnderWay):
            await give_up(conn, yard.tenant_id, asked["id"], "x", yard.clock.now(), {"acme"})
    over = await client.post(path, json=why)
    assert (over.json()["state"], over.json()["reason"]) == ("refused", "The account is closed.")
    assert await owed(yard, ada) == asked["amount"]["amount"] == 700
    problem(await client.post(path, json=why), 409, "payout-stands")
    assert await payouts.pay(yard.tenant_id, {}) == 1
    assert await owed(yard, ada) == 0


async def test_a_payout_is_over_where_the_provider_says_that_the_account_is_unknown(yard: Yard, tenant: Tenant) -> None:
    _, station, ada = await a_place(yard, "Ada")
    yard.rows("UPDATE hosts SET connect_account = 'acct_a', connect_by = 'acme' WHERE host_id = %s", ada.host_id)
    await (await a_session(yard, station)).follow(settled=True)
    yard.clock.advance(86_400)
    payouts, away = Payouts(yard.tenants, yard.clock, Bank(SECRET)), Away(ProviderAway())
    for fault, state in ((away.fault, "asked"), (ProviderUnknown("No such account."), "refused")):
        away.fault = fault
        await payouts.pay(yard.tenant_id, {"acme": away})
        rows = yard.rows("SELECT state FROM payouts WHERE host_id = %s", ada.host_id)
        assert [row["state"] for row in rows] == [state]
    [held] = yard.rows("SELECT held_reason FROM hosts WHERE host_id = %s", ada.host_id)
    assert held["held_reason"] == "No such account."
    assert await owed(yard, ada) == 700


async def test_what_a_night_does_is_asked_for_by_hand_and_done_once(yard: Yard, tenant: Tenant) -> None:
    _, station, ada = await a_place(yard, "Ada")
    await a_bank(yard)
    await (await a_session(yard, station)).follow(settled=True)
    yard.clock.advance(86_400)
    client = await tenant.client()
    for path in ("reconciliation/run", "payouts/run"):
        for _ in range(2):
            answer = await client.post(f"/api/v1/{path}")
            assert answer.status_code == (202 if path == "payouts/run" else 204)
    assert answer.json() == {"payouts": "/api/v1/payouts"}
    asked = yard.rows("SELECT event, subject FROM outbox WHERE tenant_id = %s ORDER BY event", yard.tenant_id)
    own = str(yard.tenant_id)
    assert [(row["event"], row["subject"]) for row in asked] == [(PAY, own), (COMPARE, own)]
    jobs = MoneyJobs(yard.tenants, yard.tenants, yard.clock, SECRET, no_accounts)
    for _ in range(2):
        await jobs.compare_now(tenant_id=yard.tenant_id, subject=own)
        await jobs.pay_now(tenant_id=yard.tenant_id, subject=own)
    rows = yard.rows("SELECT amount FROM payouts WHERE tenant_id = %s", yard.tenant_id)
    assert [row["amount"] for row in rows] == [700]
    assert await owed(yard, ada) == 0
    viewer = await tenant.client(Role.VIEWER)
    for path in ("reconciliation/run", "payouts/run", "payouts/1/give-up"):
        problem(await viewer.post(f"/api/v1/{path}", json={"reason": "x"}), 403, "forbidden")


async def make(client: AsyncClient, **values: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/hosts", json={"name": "Ada", "country": "DE", **values})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_host_is_set_up_by_the_api_and_their_iban_is_shown_by_its_ends(yard: Yard, tenant: Tenant) -> None:
    client = await tenant.client()
    site = yard.site()
    station = yard.station(site_id=site)
    [row] = yard.rows("SELECT slug FROM sites WHERE site_id = %s", site)
    host = await make(client, sites=[row["slug"]], vat_rate=19)
    path = f"/api/v1/hosts/{host['id']}"
    problem(
        await client.post("/api/v1/hosts", json={"name": "X", "country": "DE", "sites": ["no"]}), 422, "host-refused"
    )
    account = {"name": "Ada", "iban": "DE89 3704 0044 0532 0130 00"}
    shown = await client.put(f"{path}/bank", json=account)
    assert shown.json()["iban"] == "DE89 … 3000"
    assert "37040044" not in shown.text
    wrong = account | {"iban": "DE88 3704 0044 0532 0130 00"}
    problem(await client.put(f"{path}/bank", json=wrong), 422, "iban-refused")
    problem(await client.get("/api/v1/payout-bank"), 404, "payout-bank-missing")
    assert (await client.put("/api/v1/payout-bank", json=account)).json()["iban"] == "DE89 … 3000"
    rule = {"site": row["slug"], "host": host["id"], "rule": {"currency": "EUR", "energy": "70"}}
    past = (yard.clock.now() - timedelta(days=2)).isoformat()
    made = await client.post("/api/v1/host-rules", json=rule | {"valid_from": past})
    assert made.status_code == 201, made.text
    problem(await client.post("/api/v1/host-rules", json=rule | {"valid_from": past}), 422, "share-rule-refused")
    odd = rule | {"rule": {"currency": "ZZZ", "energy": "70"}}
    refused = await client.post("/api/v1/host-rules", json=odd)
    assert "Nobody pays in ZZZ" in problem(refused, 422, "share-rule-refused")["detail"]
    await (await a_session(yard, station)).follow(settled=True)
    # What was shared stays shared: no rule begins before it.
    early = (yard.clock.now() - timedelta(days=1)).isoformat()
    problem(await client.post("/api/v1/host-rules", json=rule | {"valid_from": early}), 422, "share-rule-refused")
    assert (await client.post("/api/v1/host-rules", json=rule)).status_code == 201
    rules = await walk(client, "/api/v1/host-rules", limit=1, host=host["id"])
    assert len(rules) == 2
    assert [made.json()["id"]] == [rule["id"] for rule in rules[1:]]
    cost = {"key": "roof", "kind": "repair", "amount": -200, "currency": "EUR"}
    for new in (True, False):
        assert (await client.post(f"{path}/expenses", json=cost)).json() == {"new": new}
    problem(await client.post(f"{path}/expenses", json=cost | {"amount": -201}), 409, "entry-differs")
    unpaid = await client.post(f"{path}/expenses", json=cost | {"key": "odd", "currency": "ZZZ"})
    assert "Nobody pays in ZZZ" in problem(unpaid, 422, "host-refused")["detail"]
    assert "no country XX" in problem(await client.patch(path, json={"country": "XX"}), 422, "host-refused")["detail"]
    problem(await client.post(f"{path}/expenses", json=cost | {"key": "no", "amount": 0}), 422, "host-refused")
    other = yard.rows(
        "INSERT INTO sites (tenant_id, slug, name) VALUES (%s, 'far-away', 'Far') RETURNING slug", yard.tenant_id
    )[0]["slug"]
    elsewhere = await client.post(f"{path}/expenses", json=cost | {"key": "no", "site": other})
    assert "is not this host's" in problem(elsewhere, 422, "host-refused")["detail"]
    changed = await client.patch(path, json={"payout_every": "month", "vat_rate": None})
    assert changed.json()["owed"] == [{"amount": 700 + 133 - 200, "currency": "EUR"}]
    problem(await client.post("/api/v1/payouts/9999999/bounce", json={"reason": "x"}), 404, "payout-unknown")
    assert Decimal(host["vat_rate"]) == 19
    assert datetime.fromisoformat(host["created_at"]) == yard.clock.now().astimezone(UTC)
