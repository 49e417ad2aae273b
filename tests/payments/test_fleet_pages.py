"""Fleets and hosts on the console and by the API, as the application serves them: forms keep what was typed."""

import asyncio
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest_asyncio
from httpx import AsyncClient

from forecourt.access import Role
from forecourt.payments.fleets import billing
from forecourt.payments.fleets.jobs import FleetJobs
from forecourt.payments.ledger.billed import Billed, Line
from forecourt.platform.database import Pool
from tests.ground import Ground
from tests.http import SECRET, House, Tenant, problem
from tests.payments.depot import OURS, THEIRS, a_statement, booked
from tests.payments.test_bank_reports import a_part, a_payment, a_report

SELLER: dict[str, Any] = {
    "name": "Volt & Söhne GmbH", "street": "Hafen 1", "postcode": "20457", "city": "Hamburg", "country": "DE",
    "vat_id": "DE136695976", "creditor_id": "DE98ZZZ09999999999", "prefix": "FC-",
}  # fmt: skip
TERMS: dict[str, Any] = {
    "name": "City Vans Ltd", "street": "Kai 2", "postcode": "20457", "city": "Hamburg", "country": "DE",
    "days": 14, "language": "de",
}  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest_asyncio.fixture
async def jobs(ground: Ground, house: House) -> FleetJobs:
    return FleetJobs(await ground.pool("forecourt_worker", 1), house.db, house.clock, SECRET.encode())


async def text(client: AsyncClient, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text
    return answer.text


async def sent(client: AsyncClient, path: str, status: int = 303, **form: str) -> str:
    """What a form's answer says, or leads to."""
    answer = await client.post(path, data=form, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text
    return str(answer.headers["location"]) if status == 303 else answer.text


async def owes(house: House, tenant: Tenant, fleet_id: int, driver_id: int, at: datetime, number: int) -> None:
    """A session of a fleet's driver, as it is posted."""
    legs = (Line(account="revenue:energy", amount=1000), Line(account="vat_payable:DE:19", amount=190))
    session = f"00000000-0000-0000-0000-{tenant.tenant_id:06}{number:06}"
    house.clock.set(at)
    async with house.db.tenant(tenant.tenant_id) as conn:
        await billing.owe_session(
            conn, tenant.tenant_id, fleet_id, intent=session, session_id=UUID(session), driver_id=driver_id,
            billed=Billed(currency="EUR", lines=legs), rates={Decimal(19): 1190}, at=at,
        )  # fmt: skip


async def test_a_fleet_is_made_billed_and_credited_on_the_console(
    house: House, tenant: Tenant, jobs: FleetJobs
) -> None:
    owner = await tenant.client(Role.OWNER)
    assert "A fleet pays for several drivers" in await text(owner, "/fleets")
    # What was typed is kept, and what is wrong is said beside it.
    again = await sent(owner, "/fleets/new", 422, name="Vans <b>", currency="eur", month_limit="lots", email="x")
    assert 'value="Vans &lt;b&gt;"' in again
    assert 'value="lots"' in again
    assert again.count("aria-invalid") == 2
    where = await sent(owner, "/fleets/new", name="Vans", currency="eur", month_limit="5000", email="a@vans.test")
    fleet_id = int(where.split("/")[2].partition("?")[0])
    again = await sent(owner, "/fleets/new", 422, name="Vans", currency="EUR")
    assert "is another fleet's already" in again
    page = await text(owner, where)
    assert "5,000.00\N{NO-BREAK SPACE}EUR" in page
    changed = await sent(owner, f"/fleets/{fleet_id}/edit", name="City vans", email="a@vans.test", month_limit="70,5",
                         active="yes")  # fmt: skip
    assert "70.50\N{NO-BREAK SPACE}EUR" in await text(owner, changed)
    assert 'value="70.50"' in await text(owner, f"/fleets/{fleet_id}/edit")
    driver = (await owner.post("/api/v1/drivers", json={"email": "ada@vans.test", "name": "Ada"})).json()["driver_id"]
    again = await sent(owner, f"/fleets/{fleet_id}/members", 422, driver="nobody@vans.test", cost_centre="4711")
    assert 'value="nobody@vans.test"' in again
    assert 'value="4711"' in again
    await sent(owner, f"/fleets/{fleet_id}/members", driver="Ada@vans.test", cost_centre="4711", month_limit="")
    assert "4711" in await text(owner, f"/fleets/{fleet_id}")
    march = datetime(2026, 3, 10, 12, tzinfo=UTC)
    for number in range(3):
        await owes(house, tenant, fleet_id, driver, march + timedelta(days=number), number)
    page = await text(owner, f"/fleets/{fleet_id}")
    assert "35.70\N{NO-BREAK SPACE}EUR" in page, "what is on no invoice yet"
    account = (await owner.get(f"/api/v1/fleets/{fleet_id}/account")).json()
    assert account == {
        "open": [], "unbilled": [{"total": {"amount": 3570, "currency": "EUR"}, "lines": 3}], "over_limit": [],
        "left_over": [],
    }  # fmt: skip
    assert (await owner.get("/api/v1/fleets/999999/account")).status_code == 404
    assert "It was not said yet whom its invoices are for" in page
    wrong = await sent(
        owner, "/settings/invoicing", 422, **SELLER | {"vat_id": "", "levels": "7, 3", "holds_from": "9"}
    )
    assert wrong.count("aria-invalid") == 2
    assert 'value="7, 3"' in wrong
    wrong = await sent(owner, "/settings/invoicing", 422, **SELLER | {"vat_id": "", "levels": "7", "holds_from": "2"})
    assert "an invoice needs one of both" in wrong
    digit = await sent(owner, "/settings/invoicing", 422, **SELLER | {"vat_id": "DE136695977"})
    assert "no digit may be wrong" in digit
    await sent(owner, "/settings/invoicing", **SELLER | {"levels": "7, 21:5", "holds_from": "2"})
    said = (await owner.get("/api/v1/invoicing")).json()
    assert said["dunning"] == {"levels": [{"days": 7, "fee": 0}, {"days": 21, "fee": 500}], "holds_from": 2}
    assert 'value="7, 21:5.00"' in await text(owner, "/settings/invoicing")
    wrong = await sent(
        owner, f"/fleets/{fleet_id}/terms", 422, **TERMS | {"days": "soon", "country": "Germany", "pays_by": "debit"}
    )
    assert wrong.count("aria-invalid") == 2
    await sent(owner, f"/fleets/{fleet_id}/terms", **TERMS | {"days": "14", "dunned": "yes", "pays_by": "transfer"})
    house.clock.set(datetime(2026, 4, 1, 9, tzinfo=UTC))
    await jobs.bill_of(tenant.tenant_id)
    [invoice] = (await owner.get("/api/v1/fleet-invoices", params={"fleet": fleet_id})).json()["items"]
    assert (invoice["number"], invoice["total"]["amount"], invoice["state"]) == ("FC-2026-00001", 3570, "open")
    page = await text(owner, f"/fleets/{fleet_id}")
    assert f'href="/fleets/invoices/{invoice["id"]}"' in page
    page = await text(owner, f"/fleets/invoices/{invoice['id']}")
    assert "35.70\N{NO-BREAK SPACE}EUR" in page
    assert invoice["reference"] in page
    for form, kind in (("pdf", "application/pdf"), ("xml", "application/xml"), ("csv", "text/csv")):
        taken = await owner.get(f"/api/v1/fleet-invoices/{invoice['id']}/document", params={"format": form})
        assert taken.status_code == 200
        assert taken.headers["content-type"].startswith(kind)
    assert taken.text.count("\n") == 4
    whole = (await owner.get(f"/api/v1/fleet-invoices/{invoice['id']}")).json()
    line = whole["lines"][0]
    credit = f"/api/v1/fleet-invoices/{invoice['id']}/credit"
    twice = {"why": "Twice", "lines": [{"line": line["id"], "amount": 1}] * 2}
    problem(await owner.post(credit, json=twice), 422, "fleet-credit-refused")
    made = await owner.post(credit, json={"why": "Too dear", "lines": [{"line": line["id"], "amount": 119}]})
    assert made.json()["invoice"]["total"]["amount"] == -119
    assert "Say why" in await sent(owner, f"/fleets/invoices/{invoice['id']}/credit", 422, why=" ")
    note = await sent(owner, f"/fleets/invoices/{invoice['id']}/credit", why="All of it")
    page = await text(owner, note)
    assert "-34.51\N{NO-BREAK SPACE}EUR" in page
    assert f'href="/fleets/invoices/{invoice["id"]}"' in page
    again = await sent(owner, f"/fleets/invoices/{invoice['id']}/credit", 422, why="Once more")
    assert "Nothing is left of this invoice" in again
    problem(await owner.post(f"/api/v1/fleet-invoices/{invoice['id']}/write-off", json={"why": "x"}), 409,
            "fleet-invoice-settled")  # fmt: skip
    viewer = await tenant.client(Role.VIEWER)
    problem(await viewer.get("/api/v1/fleet-invoices"), 403, "forbidden")
    stranger = await (await house.tenant()).client()
    problem(await stranger.get(f"/api/v1/fleet-invoices/{invoice['id']}"), 404, "fleet-invoice-unknown")
    await text(stranger, f"/fleets/invoices/{invoice['id']}", 404)


async def test_a_fleet_is_debited_and_held_as_its_page_says(house: House, tenant: Tenant, jobs: FleetJobs) -> None:
    owner = await tenant.client(Role.OWNER)
    fleet_id = (await owner.post("/api/v1/fleets", json={"name": "Trucks", "currency": "EUR"})).json()["fleet_id"]
    driver = (await owner.post("/api/v1/drivers", json={"email": "bo@vans.test"})).json()["driver_id"]
    seller = {"seller": SELLER, "dunning": {"levels": [{"days": 7, "fee": 500}], "holds_from": 1}}
    assert (await owner.put("/api/v1/invoicing", json=seller)).status_code == 200
    problem(await owner.get(f"/api/v1/fleets/{fleet_id}/terms"), 404, "fleet-terms-missing")
    nowhere = await owner.put(f"/api/v1/fleets/{fleet_id}/terms", json=TERMS | {"country": "XX"})
    assert "There is no country XX" in problem(nowhere, 422, "invoicing-refused")["detail"]
    assert (await owner.put(f"/api/v1/fleets/{fleet_id}/terms", json=TERMS | {"pays_by": "debit"})).status_code == 200
    bank = {"name": "Volt", "iban": OURS}
    assert (await owner.put("/api/v1/payout-bank", json=bank)).status_code == 200
    path = f"/fleets/{fleet_id}/mandate"
    mandate: dict[str, Any] = {
        "reference": "M-1",
        "signed_on": "2026-01-02",
        "holder": "City Vans",
        "iban": THEIRS,
        "scheme": "CORE",
    }
    wrong = await sent(owner, path, 422, **mandate | {"iban": THEIRS[:-1] + "8", "signed_on": "2099-01-01"})
    assert f'value="{THEIRS[:-1]}8"' in wrong
    wrong = await sent(owner, path, 422, **mandate | {"signed_on": "2099-01-01"})
    assert "still to come" in wrong
    await sent(owner, path, **mandate)
    page = await text(owner, f"/fleets/{fleet_id}")
    assert "DE75 … 6199" in page
    assert THEIRS not in page
    assert (await owner.get(f"/api/v1/fleets/{fleet_id}/mandate")).json()["used"] is False
    await owes(house, tenant, fleet_id, driver, datetime(2026, 3, 10, 12, tzinfo=UTC), 7)
    for day in (1, 13):
        house.clock.set(datetime(2026, 4, day, 9, tzinfo=UTC))
        await jobs.bill_of(tenant.tenant_id)
    [file] = (await owner.get("/api/v1/debit-files")).json()["items"]
    content = await owner.get(f"/api/v1/debit-files/{file['id']}/content")
    assert THEIRS in content.text
    assert file["message"] in await text(owner, "/fleets")
    [invoice] = (await owner.get("/api/v1/fleet-invoices", params={"standing": True})).json()["items"]
    assert invoice["state"] == "collecting"
    page = await text(owner, f"/fleets/invoices/{invoice['id']}")
    assert "Being drawn" in page
    # What the bank says of the file, on the page and by the API: of one that is none of it nothing comes.
    report = a_report(file["message"], a_part(a_payment("DEBIT-99999999", "RJCT", "AM04", "no &lt;b&gt;funds")))
    for _ in range(2):
        sent_in = await owner.post("/reconciliation/bank/reports", files={"file": ("r.xml", report)})
        assert sent_in.status_code == 303
    page = await text(owner, sent_in.headers["location"])
    assert "The report was read" in page
    assert "There is not enough money in the account." in page
    assert "no &lt;b&gt;funds" in page
    refused = await owner.post(
        "/reconciliation/bank/reports", files={"file": ("r.xml", b"<a/>")}, headers={"accept": "text/html"}
    )
    assert (refused.status_code, "Ask the bank for pain.002" in refused.text) == (422, True)
    read = (await owner.post("/api/v1/bank-reports/import", json={"pain": report.decode()})).json()
    assert (read["file"], read["kind"], read["refused"], read["unknown"]) == (file["message"], "debits", 0, 1)
    problem(await owner.post("/api/v1/bank-reports/import", json={"pain": "<a/>"}), 422, "bank-report-unreadable")
    [kept] = (await owner.get("/api/v1/bank-reports")).json()["items"]
    assert (kept["message"], kept["lines"]) == ("R1", read["lines"])
    assert read["lines"][0]["meaning"] == "There is not enough money in the account."
    # The bank refused it, as no statement tells; drawn again it is refused once more, by the API.
    said = f"/fleets/invoices/{invoice['id']}/debit-failed"
    assert said in await text(owner, f"/fleets/invoices/{invoice['id']}")
    assert "Say why" in await sent(owner, said, 422, why=" ")
    assert (await sent(owner, said, why="MS03 no reason")).endswith("done=debit_failed")
    assert "No direct debit of it" in await sent(owner, said, 422, why="again")
    page = await text(owner, f"/fleets/invoices/{invoice['id']}")
    assert "MS03 no reason" in page
    again = f"/fleets/invoices/{invoice['id']}/draw-again"
    assert again in page
    assert (await sent(owner, again)).endswith("done=drawn")
    assert "be drawn now. That takes" in await sent(owner, again, 422)
    assert (await sent(owner, f"{path}/end")).endswith("done=ended")
    problem(await owner.get(f"/api/v1/fleets/{fleet_id}/mandate"), 404, "fleet-mandate-missing")
    failed = await owner.post(f"/api/v1/fleet-invoices/{invoice['id']}/debit-failed", json={"why": "not given in"})
    assert [each["state"] for each in failed.json()["debits"]] == ["returned", "returned"]
    problem(await owner.post(f"/api/v1/fleet-invoices/{invoice['id']}/draw-again"), 404, "fleet-mandate-missing")
    house.clock.set(datetime(2026, 4, 25, 9, tzinfo=UTC))
    await jobs.bill_of(tenant.tenant_id)
    page = await text(owner, f"/fleets/{fleet_id}")
    assert "Its drivers start nothing until" in page
    assert "16.90\N{NO-BREAK SPACE}EUR" in page
    assert "Trucks" in await text(owner, "/ledger/receivables")
    done = await sent(owner, f"/fleets/invoices/{invoice['id']}/write-off", why="Insolvent")
    assert "Written off" in await text(owner, done)
    assert "Its drivers start nothing" not in await text(owner, f"/fleets/{fleet_id}")
    # What a bank booked and names nothing is said to be the fleet's.
    statement = a_statement([booked("5.00", date(2026, 4, 24), text="Danke")]).decode()
    assert (await owner.post("/api/v1/bank-lines/import", json={"camt": statement})).json()["unmatched"] == 1
    [way] = re.findall('action="(/reconciliation/bank/[0-9]+/assign)"', await text(owner, "/reconciliation/bank"))
    assert "Choose the fleet." in await sent(owner, way, 404, fleet="")
    assert (await sent(owner, way, fleet=str(fleet_id))).endswith("done=assigned")
    assert "accounted for already" in await sent(owner, way, 409, fleet=str(fleet_id))
    listed = await text(owner, "/reconciliation/bank")
    assert "Every line that was read belongs to something" in listed
    # It was not: it is taken back in two steps, with a reason, and asked about again.
    [asks] = re.findall(r'href="(/reconciliation/bank\?undo=[0-9]+)', listed)
    assert "/unmatch" not in listed
    [back] = re.findall('action="(/reconciliation/bank/[0-9]+/unmatch)"', await text(owner, asks))
    assert "Say why." in await sent(owner, back, 422, why=" ")
    assert (await sent(owner, back, why="not theirs")).endswith("done=unmatched")
    assert "belongs to nothing already" in await sent(owner, back, 409, why="again")
    assert way in await text(owner, "/reconciliation/bank?done=unmatched")
    line = re.findall("[0-9]+", way)[0]
    refused = await owner.post(f"/api/v1/bank-lines/{line}/unmatch", json={"why": "again"})
    problem(refused, 409, "bank-line-open")
    await sent(owner, way, fleet=str(fleet_id))
    undone = await owner.post(f"/api/v1/bank-lines/{line}/unmatch", json={"why": "by an app"})
    assert (undone.status_code, undone.json()["matched_by"]) == (200, None)


def _admin(house: House) -> psycopg.Connection[Any]:
    return psycopg.connect(house.database.admin_url, autocommit=True)


async def test_a_driver_is_erased_on_the_console(house: House, tenant: Tenant) -> None:
    owner = await tenant.client(Role.OWNER)
    made = await owner.post("/api/v1/drivers", json={"email": "cy@vans.test", "name": "Cy Young"})
    number = made.json()["driver_id"]
    page = await text(owner, f"/drivers/{number}")
    assert f'action="/drivers/{number}/erase"' in page
    assert f'href="/payments?q=driver%3A{number}"' in page
    viewer = await tenant.client(Role.VIEWER)
    assert (await viewer.post(f"/drivers/{number}/erase", headers={"accept": "text/html"})).status_code == 403
    page = await text(owner, await sent(owner, f"/drivers/{number}/erase"))
    assert "Erased. What books must keep" in page
    assert "Cy Young" not in page
    assert f'action="/drivers/{number}/erase"' not in page


async def test_a_host_is_made_and_given_a_share_on_the_console_and_sees_only_his_own(
    house: House, tenant: Tenant
) -> None:
    owner = await tenant.client(Role.OWNER)
    for slug in ("north", "south"):
        assert (await owner.post("/api/v1/sites", json={"name": slug.title(), "slug": slug})).status_code == 201
    wrong = await sent(
        owner, "/hosts/new", 422, name="Ada", country="Germany", sites="north, nowhere", vat_rate="99",
        payout_every="day",
    )  # fmt: skip
    assert 'value="north, nowhere"' in wrong
    assert wrong.count("aria-invalid") == 2
    wrong = await sent(owner, "/hosts/new", 422, name="Ada", country="DE", sites="north, nowhere", payout_every="day")
    assert "must be names in addresses of sites" in wrong
    asked: dict[str, Any] = {
        "name": "Ada & Sons",
        "country": "de",
        "sites": "north",
        "payout_every": "week",
        "payout_minimum": "25",
    }
    [key] = re.findall('name="once" value="([^"]+)"', (await owner.get("/hosts/new")).text)
    # Who presses twice, at once or later, makes one host; who writes something else makes another.
    twice = await asyncio.gather(*(sent(owner, "/hosts/new", **asked, once=key) for _ in range(3)))
    where = await sent(owner, "/hosts/new", **asked, once=key)
    assert {*twice} == {where}
    assert await sent(owner, "/hosts/new", **asked | {"name": "Ada's other"}, once=key) != where
    assert len((await owner.get("/api/v1/hosts")).json()["items"]) == 2
    for code in ("XX", "EU"):
        refused = await owner.post("/api/v1/hosts", json={"name": "Nobody", "country": code})
        assert (refused.status_code, refused.json()["code"]) == (422, "host-refused")
        await sent(owner, "/hosts/new", 422, **asked | {"country": code})
    host = where.partition("?")[0]
    number = int(host.rpartition("/")[2])
    assert (await owner.get(f"/api/v1{host}")).json()["payout_minimum"] == 2500
    assert 'value="north"' in await text(owner, f"{host}/edit")
    await sent(owner, f"{host}/edit", **asked | {"name": "Ada", "vat_id": "de136695976", "vat_rate": "19"})
    wrong = await sent(owner, f"{host}/bank", 422, name="Ada", iban="DE89370400440532013001", bic="")
    assert 'value="DE89370400440532013001"' in wrong
    await sent(owner, f"{host}/bank", name="Ada", iban=OURS, bic="cobadeffxxx")
    wrong = await sent(owner, f"{host}/rule", 422, site="nowhere", currency="EUR", energy="70")
    assert "There is no site nowhere" in wrong
    wrong = await sent(owner, f"{host}/rule", 422, site="north", currency="EUR", energy="170", per_kwh="x")
    assert wrong.count("aria-invalid") == 2
    wrong = await sent(owner, f"{host}/rule", 422, site="north", currency="EUR", energy="70", valid_from="soon")
    assert 'value="soon"' in wrong
    await sent(owner, f"{host}/rule", site="north", currency="eur", energy="70", monthly_fee="9.90",
               valid_from="2026-01-01 00:00")  # fmt: skip
    [rule] = (await owner.get("/api/v1/host-rules", params={"host": number})).json()["items"]
    assert (rule["rule"]["energy"], rule["rule"]["monthly_fee"]) == ("70", 990)
    wrong = await sent(owner, f"{host}/expense", 422, key="power 3", kind="energy", amount="0", currency="EUR")
    assert 'value="power 3"' in wrong
    power: dict[str, Any] = {"key": "power-3", "kind": "energy", "amount": "125.00", "currency": "EUR", "site": "north"}
    await sent(owner, f"{host}/expense", **power)
    await sent(owner, f"{host}/expense", **power)
    wrong = await sent(owner, f"{host}/expense", 422, **power | {"amount": "126.00"})
    assert "not stand for something else already" in wrong
    page = await text(owner, host)
    assert "125.00\N{NO-BREAK SPACE}EUR" in page
    assert "Percent of energy" in page
    other = (await sent(owner, "/hosts/new", name="Bo", country="DE", sites="south", payout_every="day")).partition(
        "?"
    )[0]
    site = (await owner.get("/api/v1/sites/north")).json()["id"]
    limited = await tenant.client(Role.SITE_HOST, (site,))
    listed = await text(limited, "/hosts")
    assert "Ada" in listed
    assert other not in listed
    own = await text(limited, host)
    assert "/edit" not in own
    await text(limited, other, 404)
    for path in ("/edit", "/bank", "/rule", "/expense"):
        await text(limited, f"{host}{path}", 403)
        assert (await limited.post(f"{host}{path}", data=power)).status_code == 403
    for path in ("/fleets", "/ledger/profit", "/ledger/receivables", "/hosts/new", "/settings/invoicing"):
        await text(limited, path, 403)


async def test_what_sites_earned_is_shown_connector_by_connector(house: House, tenant: Tenant) -> None:
    owner = await tenant.client(Role.OWNER)
    assert "Nothing was earned in these days." in await text(owner, "/ledger/profit")
    for span in ("from=2026-02-30", "from=2026-03-02&to=2026-03-01", "from=2020-01-01&to=2026-01-01"):
        assert "The days must be such as" in await text(owner, f"/ledger/profit?{span}", 422)
    await owner.post("/api/v1/sites", json={"name": "North yard", "slug": "north-yard"})
    station = f"P-{tenant.tenant_id}"
    await owner.post("/api/v1/stations", json={"id": station, "site": "north-yard"})
    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    with _admin(house) as admin:
        row = admin.execute(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, ended_at, evse, connector, meter_start_wh, meter_stop_wh) SELECT tenant_id, station_id, 't', 0,"
            " %(at)s, 0, %(at)s, %(at)s, %(at)s, 1, 2, 0, 20000 FROM stations WHERE tenant_id = %(tenant)s"
            " AND identity = %(station)s RETURNING session_id",
            {"at": at, "tenant": tenant.tenant_id, "station": station},
        ).fetchone()
    assert row is not None
    session = row[0]
    fleet = (await owner.post("/api/v1/fleets", json={"name": "Vans", "currency": "EUR"})).json()["fleet_id"]
    host = (await owner.post("/api/v1/hosts", json={"name": "Ada", "country": "DE", "sites": ["north-yard"]})).json()[
        "id"
    ]
    house.clock.set(at)
    legs = (Line(account="revenue:energy", amount=1000), Line(account="vat_payable:DE:19", amount=190))
    async with house.db.tenant(tenant.tenant_id) as conn:
        await billing.owe_session(
            conn, tenant.tenant_id, fleet, intent=str(session), session_id=session, driver_id=None,
            billed=Billed(currency="EUR", lines=legs), rates={Decimal(19): 1190}, at=at,
        )  # fmt: skip
    power = {"key": "p", "kind": "energy", "amount": 300, "currency": "EUR", "site": "north-yard"}
    assert (await owner.post(f"/api/v1/hosts/{host}/expenses", json=power)).status_code == 200
    rent = power | {"key": "r", "kind": "rent", "amount": 50}
    await owner.post(f"/api/v1/hosts/{host}/expenses", json=rent)
    page = await text(owner, "/ledger/profit?from=2026-03-01&to=2026-03-10")
    for said in ("North yard", station, "10.00", "-3.00", "7.00", "6.50", "-0.50"):
        assert said in page, said
