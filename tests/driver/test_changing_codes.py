"""Codes that a station of OCPP 2.1 shows and that change by themselves: from the display to the receipt, with a real
gateway, a simulated station on a real socket and the sandbox provider. And what is refused."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

import forecourt.app.gateway_process as gateway_process
from forecourt.app import problems
from forecourt.driver.gates import Gates
from forecourt.driver.jobs import DriverJobs
from forecourt.driver.model import BEGUN, WEB_PAYMENT_S
from forecourt.driver.pages import driver_pages
from forecourt.driver.scans import TICKET_LIFE, Scans
from forecourt.driver.service import Ways
from forecourt.driver.shell import DriverShell
from forecourt.payments.intents import events
from forecourt.payments.intents.charging import Charging
from forecourt.payments.intents.jobs import PaymentJobs
from forecourt.payments.intents.model import State
from forecourt.payments.terminals.jobs import TerminalJobs
from forecourt.payments.terminals.lanes import TOLD
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.platform.money import Money
from forecourt.sessions.costing.model import ASSESSED, PRICED
from forecourt.sessions.jobs import SessionJobs
from forecourt.sessions.remote.events import LINKED
from forecourt.sessions.told import limits
from forecourt.sessions.told.said import COMPARED, SaidJobs
from forecourt.simulator.car import MODELS, Car
from forecourt.simulator.fleet import DIALECTS
from forecourt.simulator.station import Make, Station
from forecourt.stations.commands import Commander
from forecourt.stations.desired.bring import Bringer
from forecourt.stations.desired.reconciler import Reconciler
from forecourt.stations.model import password_hash
from forecourt.stations.payment_codes import service as codes
from forecourt.stations.payment_codes.model import CodesWanted, interval_of, offset_of, totp
from forecourt.stations.payment_codes.service import CodeVault
from forecourt.ui.assets import Assets
from tests.driver.test_journey import ASSETS, stage
from tests.energy.test_loop import StepClock
from tests.ground import Ground
from tests.payments.till import SECRET, Till, a_tariff
from tests.sandbox import Sandbox, sandbox
from tests.stations.gateway.conftest import PASSWORD, Rig, a_rig
from tests.stations.gateway.conftest import SECRET as GATEWAY_SECRET
from tests.support import EPOCH, WAIT_S

HOST = "https://drive.test"
ADDRESS = f"{HOST}/scan/{{chargingstationid}}/{{evse}}/{{version}}/{{totp}}"
MAKE = Make(vendor="Cedar", model="Pay 22", power_w=22_000, bays=2, meter_interval_s=60)
CAR = next(model for model in MODELS if model.name == "hatch 52")
STALE = {
    "en": "Scan the code that is shown now",
    "de": "Scannen Sie den Code, der jetzt angezeigt wird",
    "fr": "Scannez le code affiché maintenant",
    "nl": "Scan de code die nu wordt getoond",
    "es": "Escanee el código que se muestra ahora",
}
VAULT = CodeVault(SECRET)


class Court:
    """A station of OCPP 2.1 with a display, whoever drives up to it, and all that works behind."""

    def __init__(self, till: Till, rig: Rig, bus: Bus, clock: StepClock) -> None:
        self.till, self.rig, self.clock = till, rig, clock
        commander = Commander(till.tenants, bus, clock, secret_key=GATEWAY_SECRET.encode())
        saga = till.payments.saga
        till.charging = Charging(till.tenants, commander, clock, saga, till.prices)
        payments = PaymentJobs(till.worker, clock, saga, till.charging, till.cards)
        self.reconciler = Reconciler(till.worker, Bringer(till.tenants, commander.batch, VAULT), commander.batch)
        gates = Gates(till.tenants, till.payments, clock, SECRET)
        ways = Ways(till.tenants, till.payments, till.charging, clock, gates, scans=Scans(till.tenants, clock, SECRET))
        shell = DriverShell(Assets(dict.fromkeys(ASSETS, "/static/x"), {}))
        routes = driver_pages(shell, ways, till.tenants, clock, HOST)
        app: Any = Litestar(route_handlers=routes, exception_handlers=problems.HANDLERS, openapi_config=None)
        self.browser = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST, follow_redirects=True)
        sessions = SessionJobs(till.worker, till.tenants, clock)
        drivers = DriverJobs(till.tenants, ways, till.clock, HOST, commander)
        terminals = TerminalJobs(till.tenants, clock, till.prices)
        self.jobs: dict[str, list[Any]] = {
            events.AUTHORISED: [payments.authorised],
            events.DUE: [payments.hinted],
            "session.started": [till.starts.link_session, sessions.review],
            "session.ended": [sessions.review],
            COMPARED: [sessions.review],
            ASSESSED: [till.costing.price],
            PRICED: [payments.priced, terminals.priced, SaidJobs(till.tenants, clock).compare],
            LINKED: [payments.linked],
            BEGUN: [drivers.begun],
            TOLD: [terminals.told],
        }
        self.station: Station

    async def opened(self, make: Make = MAKE) -> "Court":
        """The station is there, connected, and has said what it can."""
        till, digest = self.till, password_hash(GATEWAY_SECRET.encode(), PASSWORD.encode())
        till.rows("UPDATE stations SET password_hash = %s WHERE station_id = %s", digest, till.station_id)
        await self.rig.gateway._read_roster(everything=False)
        url = f"ws://127.0.0.1:{self.rig.port}/ocpp"
        self.station = Station(till.station, make, DIALECTS["2.1"], self.clock, url=url, password=PASSWORD)
        self.station.power_on()
        async with asyncio.timeout(WAIT_S):
            while not self.station.accepted:
                await asyncio.sleep(0.01)
        await self.station.link.drained()
        return self

    def says(self, component: str, variable: str, value: str) -> None:
        """What was read of the station's variables."""
        self.till.rows(
            "INSERT INTO station_variables (station_id, component, variable, attribute, tenant_id, value, read_only,"
            " secret, read_at) VALUES (%s, %s, %s, 'Actual', %s, %s, true, false, now())",
            self.till.station_id, component, variable, self.till.tenant_id, value,
        )  # fmt: skip

    async def show_codes(self, **how: Any) -> None:
        async with self.till.tenants.tenant(self.till.tenant_id) as conn:
            await codes.show_codes(
                conn, VAULT, self.till.actor, self.till.station, CodesWanted(**how), ADDRESS, self.clock.now()
            )
        await self.reconciler.settle()

    async def go(self, seconds: float) -> None:
        """Lets time pass at the station, and everybody do what follows."""
        for _ in range(max(1, int(seconds // 30))):
            self.clock.at += timedelta(seconds=min(seconds, 30))
            self.station.advance()
            await self.settle()

    async def settle(self) -> None:
        """Until nothing follows any more."""
        for _ in range(60):
            await asyncio.sleep(0)
            await self.station.link.drained()
            rows = self.till.rows(
                "DELETE FROM outbox WHERE tenant_id = %s RETURNING event, subject", self.till.tenant_id
            )
            for row in rows:
                for job in self.jobs.get(row["event"], []):
                    await job(tenant_id=self.till.tenant_id, subject=row["subject"])
            await self.reconciler.settle()
            if not rows:
                return

    def shown(self, number: int = 1) -> str:
        """Where the code on the display leads: its path."""
        code = self.station.paying.code(number)
        assert code is not None
        assert code.startswith(f"{HOST}/scan/{self.till.station}/{number}/v1/")
        return code.removeprefix(HOST)

    async def scan(self, path: str, **how: Any) -> httpx.Response:
        answer = await self.browser.get(path, **how)
        assert answer.headers["referrer-policy"] == "no-referrer"
        return answer

    async def pay(self, page: httpx.Response) -> httpx.Response:
        """Presses the button on the page of a scanned code."""
        [action] = re.findall(r'<form method="post" action="([^"]+)"', page.text)
        [ticket] = re.findall(r'name="ticket" value="([^"]+)"', page.text)
        return await self.browser.post(action, data={"ticket": ticket})

    async def intent(self, way: str) -> Any:
        return await self.till.payments.find(self.till.tenant_id, UUID(way.rpartition("/")[2]))

    async def at_provider(self, way: str) -> None:
        """Pays on the provider's page and comes back."""
        await asyncio.to_thread(self.till.box.pay, (await self.intent(way)).reference, "visa")
        assert (await self.browser.get(f"{way}/back")).status_code == 200
        await self.settle()

    def asked(self, action: str) -> list[dict[str, Any]]:
        """What the station was asked, as the record of calls has it."""
        rows = self.till.rows("SELECT payload FROM commands WHERE action = %s ORDER BY number", action)
        return [json.loads(row["payload"]) for row in rows]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def court(ground: Ground, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Court]:
    clock = StepClock()
    clock.at = datetime.now(EPOCH.tzinfo)
    monkeypatch.setattr(gateway_process, "SystemClock", lambda: clock)
    async with a_rig(ground) as rig:
        bus = await Bus.connect(rig.nats_url)
        # Of its own: what is pressed at once goes one after the other until a second connection is there.
        async with (
            Pool(ground.database.url, "forecourt_worker", size=2) as worker,
            Pool(ground.database.url, "forecourt_app", size=6) as tenants,
        ):
            any_clock: Any = clock
            till = await Till(ground, worker, tenants, any_clock, box.another()).opened(a_tariff())
            made = Court(till, rig, bus, clock)
            yield made
            if hasattr(made, "station"):
                made.station.power_off()
            await made.browser.aclose()
            await till.providers.close()
            till.close()
        await bus.close()


@pytest.mark.parametrize(
    ("secret", "at", "validity_s", "length", "password"),
    [
        # Reckoned by `openssl dgst -sha256 -hmac` and by hand from there.
        ("mysharedsecret", 1_700_000_000, 30, 8, "Mrc351Gu"),
        ("kV3tA0pQz8LmN5xY2wRbC7dEfGhJ9sTu1oIi4PnM", 1_772_366_400, 60, 16, "zum6BMNkELLc7Gl3"),
        ("0" * 38, 6, 6, 32, "2wgm9LbZex6VWIitonx4ChJ7pqVCE9eu"),
    ],
)
def test_passwords_are_those_of_version_1(secret: str, at: int, validity_s: int, length: int, password: str) -> None:
    assert totp(secret, at // validity_s, length) == password


def test_a_password_is_good_an_interval_around_its_own_and_by_the_stations_clock() -> None:
    def found(password: str, *clocks: datetime) -> int | None:
        return interval_of(password, ["old", "new"], 60, 16, iter(clocks))

    now = int(EPOCH.timestamp()) // 60
    assert found(totp("new", now, 16), EPOCH) == now
    for off in (-1, 1):
        assert found(totp("old", now + off, 16), EPOCH) == now + off
        assert found(totp("old", now + 2 * off, 16), EPOCH) is None
    late = EPOCH + timedelta(minutes=10)
    assert found(totp("new", now + 10, 16), EPOCH, late) == now + 10
    assert found("é" * 16, EPOCH) is None
    # What a station says comes late and never early.
    heard = [(EPOCH + timedelta(seconds=300 - late), EPOCH) for late in (0.2, 900, 4)]
    assert offset_of(heard) == timedelta(seconds=299.8)
    assert offset_of([]) is None
    assert offset_of([(EPOCH - timedelta(days=9000), EPOCH)]) is None


async def test_a_driver_gets_from_the_display_to_the_receipt(court: Court) -> None:
    await court.opened()
    court.says("TxCtrlr", "SupportedLimits", "MaxCost,MaxEnergy")
    assert court.station.paying.code(1) is None
    await court.show_codes()
    court.station.paying.chosen_wh[1] = 9_000
    page = await court.scan(court.shown())
    assert page.status_code == 200
    assert "€0.595 per kWh" in page.text
    # Time to read: the code has changed long since.
    await court.go(240)
    begun = await court.pay(page)
    way = begun.url.path
    assert stage(begun.text) == "pay"
    await court.settle()
    # The station knows that somebody pays, shows no code there meanwhile, and lets nobody else start.
    assert court.asked("NotifyWebPaymentStarted") == [{"evseId": 1, "timeout": WEB_PAYMENT_S}]
    assert court.station.paying.code(1) is None
    assert court.station.paying.code(2) is not None
    await court.at_provider(way)
    intent = await court.intent(way)
    [start] = court.asked("RequestStartTransaction")
    assert start["idToken"] == {"idToken": intent.token_uid, "type": "DirectPayment"}
    assert stage((await court.browser.get(way)).text) == "plug"
    bay = court.station.bays[0]
    bay.plug_in(Car(CAR, 0.2), court.clock.now())
    await court.go(30)
    tx = bay.tx
    assert tx is not None
    limit = court.station.paying.limits[str(tx.id)]
    assert limit == {"maxCost": intent.authorised_amount / 100, "maxEnergy": 9_000}
    # More is held now, so it may cost more: said once, with what the station says next.
    async with court.till.tenants.tenant(court.till.tenant_id) as conn:
        await limits.raise_cost(conn, court.till.tenant_id, intent.token_uid, Money(amount=12_345, currency="EUR"))
    court.station.paying.limits.clear()
    await court.go(20 * 60)
    assert court.station.paying.limits == {str(tx.id): {"maxCost": 123.45, "maxEnergy": 9_000}}
    court.station.paying.limits.clear()
    await court.go(60)
    assert court.station.paying.limits == {}
    court.station.paying.limits[str(tx.id)] = limit
    assert stage((await court.browser.get(way)).text) == "charging"
    # The station ends it where the driver wanted.
    await court.go(25 * 60)
    assert bay.tx is None
    [ended] = court.till.rows("SELECT stop_reason, token_status FROM sessions")
    assert ended == {"stop_reason": "EnergyLimitReached", "token_status": "Accepted"}
    receipt = await court.browser.get(way)
    assert stage(receipt.text) == "receipt"
    taken = (await court.intent(way)).captured_amount
    assert f"€{taken / 100:.2f}" in receipt.text
    assert 530 <= taken <= 600
    assert sum(court.till.balances().values()) == 0


async def test_a_code_that_is_not_good_any_more_leads_back_to_the_display(court: Court) -> None:
    await court.opened()
    await court.show_codes()
    old = court.shown()
    court.clock.at += timedelta(seconds=60)
    assert (await court.scan(old)).status_code == 200
    court.clock.at += timedelta(seconds=60)
    for language, words in STALE.items():
        court.browser.cookies.clear()
        stale = await court.scan(old, headers={"accept-language": language})
        assert (stale.status_code, words in stale.text) == (410, True), language
        assert "<form" not in stale.text
    forged = old[:-1] + ("a" if old[-1] != "a" else "b")
    assert (await court.scan(forged)).status_code == 410
    assert (await court.scan(old.replace("/v1/", "/v2/"))).status_code == 410
    nobody = await court.browser.get(court.shown().replace(court.till.station, "NOBODY"))
    assert (nobody.status_code, nobody.json()["code"]) == (404, "place-unknown")


async def test_a_code_is_good_once_and_its_page_for_ten_minutes(court: Court) -> None:
    await court.opened()
    await court.show_codes()
    path = court.shown()
    first, second = await court.scan(path), await court.scan(path)
    late = await court.scan(court.shown(2))
    # Pressed twice, at once and after that, it is one payment, whose page it leads to.
    pressed = [*await asyncio.gather(court.pay(first), court.pay(first)), await court.pay(first)]
    assert {stage(each.text) for each in pressed} <= {"opening", "pay"}
    assert stage(pressed[-1].text) == "pay"
    assert len({each.url for each in pressed}) == 1
    for again in (await court.pay(second), await court.scan(path)):
        assert again.status_code == 410
        assert "Scan the code again" in again.text
    court.clock.at += TICKET_LIFE + timedelta(seconds=1)
    assert (await court.pay(late)).status_code == 410
    # A ticket of one EVSE, or of a station that is another's, or forged, is none.
    fresh = await court.scan(court.shown(2))
    [ticket] = re.findall(r'name="ticket" value="([^"]+)"', fresh.text)
    for evse, said in ((1, ticket), (2, ticket[:-1] + ("0" if ticket[-1] != "0" else "1"))):
        answer = await court.browser.post(f"/scan/{court.till.station}/{evse}", data={"ticket": said})
        assert answer.status_code == 410
    assert court.till.rows("SELECT count(*) AS it FROM payment_intents") == [{"it": 1}]


async def test_the_stations_own_clock_counts(court: Court) -> None:
    """A station that is twenty minutes ahead, and says so with all that it reports."""
    await court.opened()
    await court.show_codes()
    court.station.offset = timedelta(minutes=20)
    ahead = urlsplit(court.station.paying.code(1) or "").path
    assert (await court.scan(ahead)).status_code == 410
    court.station.say_all_statuses()
    await court.settle()
    assert (await court.scan(ahead)).status_code == 200
    court.station.offset = timedelta(minutes=25)
    assert (await court.scan(urlsplit(court.station.paying.code(1) or "").path)).status_code == 410


async def test_another_secret_counts_once_the_station_has_it_and_is_kept_from_everybody(
    court: Court, capfd: pytest.CaptureFixture[str]
) -> None:
    await court.opened()
    await court.show_codes(validity_s=600, length=20)
    before, path = court.station.settings.get("code_secret"), court.shown()
    async with court.till.tenants.tenant(court.till.tenant_id) as conn:
        await codes.rotate_codes(conn, VAULT, court.till.actor, court.till.station, court.clock.now())
    assert court.station.settings.get("code_secret") == before
    # It has not heard of it yet: what it shows is still good.
    assert (await court.scan(path)).status_code == 200
    await court.reconciler.settle()
    after = court.station.settings.get("code_secret")
    assert after != before
    assert (len(before), len(after)) == (40, 40)
    assert (await court.scan(court.shown())).status_code == 200
    assert (await court.scan(path)).status_code == 200
    court.clock.at += timedelta(seconds=1_201)
    assert (await court.scan(path)).status_code == 410
    await court.rig.gateway.drain()
    for row in court.till.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        for secret in (before, after):
            held = f"SELECT 1 FROM {row['tablename']} t WHERE t::text LIKE %s OR t::text LIKE %s LIMIT 1"
            assert court.till.rows(held, f"%{secret}%", f"%{secret.encode().hex()}%") == [], row["tablename"]
    assert "[redacted]" in str(court.asked("SetVariables"))
    said = capfd.readouterr()
    assert before not in said.out + said.err


async def test_a_station_that_shows_no_codes_takes_none_and_one_that_can_not_says_so(court: Court) -> None:
    await court.opened()
    await court.show_codes()
    path = court.shown()
    async with court.till.tenants.tenant(court.till.tenant_id) as conn:
        await codes.hide_codes(conn, court.till.actor, court.till.station, court.clock.now())
    assert (await court.scan(path)).status_code == 410
    await court.reconciler.settle()
    assert court.station.paying.code(1) is None
    async with court.till.tenants.tenant(court.till.tenant_id) as conn:
        found = await codes.find_codes(conn, court.till.tenant_id, court.till.station)
        assert (found.shown, found.state) == (False, None)
        with pytest.raises(codes.CodesUnknown):
            await codes.rotate_codes(conn, VAULT, court.till.actor, court.till.station, court.clock.now())
    # One whose display has no such component says no, and the operator sees it.
    court.station.habits = type(court.station.habits)(unsupported=frozenset({"SetVariables"}))
    await court.show_codes()
    async with court.till.tenants.tenant(court.till.tenant_id) as conn:
        assert (await codes.find_codes(conn, court.till.tenant_id, court.till.station)).state == "unsupported"


async def test_each_display_that_a_station_told_of_is_set_by_itself(court: Court) -> None:
    """A station with one component for each EVSE takes none without; one of another name is nobody's display."""
    await court.opened()
    told = ("WebPaymentsCtrlr@1", "WebPaymentsCtrlr@2", "WebPaymentsCtrlrX@3", "TxCtrlr")
    with court.rig.admin.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO station_variables (station_id, tenant_id, component, variable, attribute, value, read_only,"
            " secret, read_at) SELECT station_id, tenant_id, %s, 'Enabled', 'Actual', 'false', false, false, now()"
            " FROM stations WHERE identity = %s",
            [(component, court.till.station) for component in told],
        )
    await court.show_codes()
    [asked] = court.asked("SetVariables")
    places = [(each["component"], each["variable"]["name"]) for each in asked["setVariableData"]]
    assert {component["name"] for component, _ in places} == {"WebPaymentsCtrlr"}
    shown = [component["evse"]["id"] for component, name in places if name == "Enabled"]
    assert (shown, len(places)) == ([1, 2], 14)
    assert "[redacted]" in str(asked)
    async with court.till.tenants.tenant(court.till.tenant_id) as conn:
        await codes.hide_codes(conn, court.till.actor, court.till.station, court.clock.now())
    await court.reconciler.settle()
    hidden = court.asked("SetVariables")[-1]["setVariableData"]
    assert [(each["component"]["evse"]["id"], each["attributeValue"]) for each in hidden] == [
        (1, "false"),
        (2, "false"),
    ]


async def test_what_a_stations_terminal_took_is_a_sale_with_a_receipt(court: Court) -> None:
    """C18 and C21: nobody here knows the token, the station's terminal holds the money and tells of it."""
    await court.opened()
    bay, paying = court.station.bays[0], court.station.paying
    bay.plug_in(Car(CAR, 0.2), court.clock.now())
    paying.pay_at_terminal(bay, "PSP-8835", court.clock.now())
    await court.go(60)
    assert bay.tx is not None
    transaction = str(bay.tx.id)
    await court.go(15 * 60)
    bay.stop("Local", court.clock.now())
    await court.settle()
    [session] = court.till.rows("SELECT session_id, token_type, token_status FROM sessions")
    assert (session["token_type"], session["token_status"]) == ("DirectPayment", "Accepted")
    [cost] = court.till.rows("SELECT incl_minor FROM session_costs")
    billed = cost["incl_minor"]
    paying.settle(transaction, "PSP-8835", billed / 100, vat_number="DE136695976")
    await court.settle()
    receipt = paying.receipts["PSP-8835"]
    path = urlsplit(receipt["receiptUrl"]).path
    page = await court.browser.get(path)
    assert stage(page.text) == "receipt"
    assert f"€{billed / 100:.2f}" in page.text
    assert "DE136695976" in page.text
    assert (await court.browser.get(f"{path}/receipt.pdf")).content[:5] == b"%PDF-"
    balances = court.till.balances()
    assert balances["psp_receivable:terminal"] == billed
    assert balances["vat_payable:DE:19"] < 0
    assert "unmatched" not in balances
    intent = await court.intent(path)
    assert (intent.state, intent.method, intent.captured_amount) == (State.CAPTURED, "terminal", billed)
    # Said again it is the same, and it is booked once.
    paying.settle(transaction, "PSP-8835", billed / 100)
    await court.settle()
    assert paying.receipts["PSP-8835"] == receipt
    assert court.till.balances() == balances
    with pytest.raises(Exception, match="own terminal"):
        await court.till.payments.refund(court.till.actor, intent.intent_id, None, "no")


async def test_a_terminal_that_took_more_or_nothing_is_told_apart(court: Court) -> None:
    await court.opened()
    bay, paying = court.station.bays[0], court.station.paying
    bay.plug_in(Car(CAR, 0.2), court.clock.now())
    paying.pay_at_terminal(bay, "PSP-1", court.clock.now())
    await court.go(10 * 60)
    assert bay.tx is not None
    transaction = str(bay.tx.id)
    # Before the end, with an amount of its own; a bank that said no first; and one of no session at all.
    paying.settle(transaction, "PSP-1", 99.0, status="Rejected")
    paying.settle(None, "PSP-2", 5.0)
    # What no terminal can have taken; and names that look like numbers of cards, which are taken out.
    paying.settle(transaction, "PSP-3", 99_999_999_999.0)
    paying.settle(transaction, "PSP-4", -3.0)
    for other in ("T-1", "T-2"):
        paying.settle(other, "4242424242424242", 1.0)
    await court.settle()
    assert paying.receipts["PSP-1"] == {}
    paying.settle(transaction, "PSP-1", 99.0)
    await court.settle()
    assert court.till.balances() == {}
    bay.stop("Local", court.clock.now())
    await court.settle()
    balances = court.till.balances()
    assert balances["psp_receivable:terminal"] == 9_900
    assert -9_900 < balances["unmatched"] < 0
    assert sum(balances.values()) == 0
    rows = court.till.rows("SELECT reference, status, problem FROM terminal_settlements ORDER BY number")
    assert {row["reference"]: row["problem"] for row in rows if row["status"] == "Settled"} == {
        "PSP-1": None, "PSP-2": "no-session", "PSP-3": "amount", "PSP-4": "amount",
        "[card number] T-1": "no-session", "[card number] T-2": "no-session",
    }  # fmt: skip


async def test_what_a_station_reckons_is_held_against_the_bill_and_the_total_is_told(court: Court) -> None:
    await court.opened(Make(vendor="Cedar", model="Reckons", power_w=22_000, bays=2, meter_interval_s=60, reckons=True))
    court.says("TariffCostCtrlr", "Enabled[Cost]", "true")
    ours = {"priceKwh": 0.50}
    for price, differs in ((ours, False), ({"priceKwh": 0.40}, True)):
        energy = {"prices": [price], "taxRates": [{"type": "VAT", "tax": 19}]}
        court.station.paying.tariffs[1] = {"tariffId": "T", "currency": "EUR", "energy": energy}
        court.rig.admin.execute(
            "INSERT INTO tokens (tenant_id, uid_key, uid, type, status) VALUES (%s, 'card', 'CARD', 'ISO14443',"
            " 'accepted') ON CONFLICT DO NOTHING",
            (court.till.tenant_id,),
        )
        bay = court.station.bays[0]
        bay.plug_in(Car(CAR, 0.2), court.clock.now())
        bay.present("CARD", court.clock.now())
        await court.go(10 * 60)
        tx = bay.tx
        assert tx is not None
        bay.unplug(court.clock.now())
        await court.settle()
        [row] = court.till.rows(
            "SELECT s.session_id, s.notes, c.incl_minor, d.differs, d.incl_tax FROM sessions s"
            " JOIN session_costs c USING (session_id) JOIN session_costs_said d"
            " ON d.station_id = s.station_id AND d.transaction_id = s.transaction_id WHERE s.transaction_id = %s",
            str(tx.id),
        )
        assert row["differs"] is differs
        assert ("cost-differs" in row["notes"]) is differs
        assert (abs(float(row["incl_tax"]) * 100 - row["incl_minor"]) < 1.5) is not differs
        # And the answer to its end said what is billed.
        assert court.station.paying.totals[str(tx.id)] == row["incl_minor"] / 100


async def test_the_number_of_a_company_is_checked_at_the_station(court: Court) -> None:
    await court.opened()
    heard = list[Any]()
    for number in ("DE136695976", "DE136695977", "NOTHING"):
        court.station.paying.ask_vat(number, heard.append)
    await court.settle()
    assert [each["status"] for each in heard] == ["Accepted", "Rejected", "Rejected"]
    assert [each["vatNumber"] for each in heard] == ["DE136695976", "DE136695977", "NOTHING"]
    assert "company" not in heard[0]
