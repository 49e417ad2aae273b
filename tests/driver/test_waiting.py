"""The waiting list of a busy site: places, turns, holds, and what becomes of money meanwhile. Pages without a script,
real transactions side by side, stations that answer as told."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from forecourt.app import problems
from forecourt.driver.account.leaving import Leaving
from forecourt.driver.account.letters import DriverLetters
from forecourt.driver.account.pages import account_pages
from forecourt.driver.account.service import Members
from forecourt.driver.gates import Gates
from forecourt.driver.pages import driver_pages
from forecourt.driver.scans import Scans
from forecourt.driver.service import Ways
from forecourt.driver.shell import DriverShell
from forecourt.driver.waiting.jobs import WaitingJobs
from forecourt.driver.waiting.letters import TurnLetters
from forecourt.driver.waiting.model import (
    MAX_OF_ONE_ADDRESS,
    FreeSpot,
    PlaceState,
    Policy,
    Waiting,
    Who,
    position_of,
    turns,
)
from forecourt.driver.waiting.service import WaitingLists
from forecourt.driver.waiting.serving import Serving
from forecourt.driver.waiting_pages import waiting_pages
from forecourt.drivers.accounts.entry import Entry
from forecourt.ocpp.neutral import CommandAnswer, Reserve, StopCharging
from forecourt.payments.intents.model import State
from forecourt.payments.intents.outcomes import HELD
from forecourt.payments.intents.store.places import hold_connector
from forecourt.platform.database import Pool
from forecourt.sessions.reserving import service as reserving
from forecourt.sessions.reserving.events import ENDED, MADE
from forecourt.sessions.reserving.jobs import ReservationJobs
from forecourt.ui.assets import Assets
from tests.conftest import Database
from tests.ground import Ground
from tests.payments.till import SECRET, Till, a_tariff, a_till
from tests.sandbox import Sandbox, sandbox
from tests.support import EPOCH, FakeClock

HOST = "https://drive.test"
WORDS = {
    "en": "You are in the waiting list",
    "de": "Sie stehen auf der Warteliste",
    "fr": "Vous êtes sur la liste d'attente",
    "nl": "U staat op de wachtlijst",
    "es": "Está en la lista de espera",
}


class Queue:
    """A site with two connectors that are both in use, its waiting list, and browsers."""

    def __init__(self, till: Till) -> None:
        self.till = till
        files = (
            "driver.css",
            "driver.js",
            "signin.js",
            "my.css",
            "find.css",
            "find.js",
            "countries.json",
            "map-worker.js",
        )
        shell = DriverShell(Assets({name: f"/static/{name}" for name in files}, {}))
        gates = Gates(till.tenants, till.payments, till.clock, SECRET)
        self.serving = Serving(till.tenants, till.clock, TurnLetters(HOST))
        self.lists = WaitingLists(till.tenants, till.clock, SECRET, self.serving)
        ways = Ways(
            till.tenants, till.payments, till.charging, till.clock, gates, waiting=self.lists,
            scans=Scans(till.tenants, till.clock, b"-"),
        )  # fmt: skip
        entry = Entry(till.tenants, SECRET, till.clock, DriverLetters(HOST))
        self.members = Members(till.tenants, till.clock, SECRET, entry, till.payments, ways, till.cards, self.lists)
        self.leaving = Leaving(till.tenants, till.clock, self.members)
        self.jobs = WaitingJobs(till.worker, till.tenants, till.clock, self.serving)
        commander: Any = till.stations
        self.holds = ReservationJobs(till.worker, till.tenants, till.clock, commander)
        routes = [
            *driver_pages(shell, ways, till.tenants, till.clock, HOST, self.lists),
            *waiting_pages(shell, self.lists, self.members),
            *account_pages(shell, self.members, self.leaving, HOST),
        ]
        self.app: Any = Litestar(route_handlers=routes, exception_handlers=problems.HANDLERS, openapi_config=None)
        self.slug = f"queue-{till.tenant_id}"
        self.site = till.one("SELECT site_id AS it FROM sites WHERE tenant_id = %s", till.tenant_id)
        till.rows(
            "INSERT INTO driver_brands (tenant_id, slug, name, colour) VALUES (%s, %s, 'Volt', '#0a7a4b')",
            till.tenant_id, self.slug,
        )  # fmt: skip
        self.online()
        for evse in (1, 2):
            self.connector(evse, "Charging")
        self.policy()

    def online(self, yes: bool = True) -> None:
        self.till.rows(
            "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES ('g', now(), now() + interval '1 hour')"
            " ON CONFLICT (gateway_id) DO UPDATE SET lease_until = excluded.lease_until"
        )
        self.till.rows(
            "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at,"
            " disconnected_at) VALUES (%s, %s, 1, %s, 'ocpp2.0.1', now(), now(), %s) ON CONFLICT (station_id)"
            " DO UPDATE SET gateway_id = excluded.gateway_id, disconnected_at = excluded.disconnected_at",
            self.till.station_id, self.tenant, "g" if yes else None, None if yes else self.till.clock.now(),
        )  # fmt: skip

    @property
    def tenant(self) -> int:
        return self.till.tenant_id

    def connector(self, evse: int, state: str) -> None:
        self.till.rows(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " VALUES (%s, %s, 1, %s, %s, now())"
            " ON CONFLICT (station_id, evse, connector) DO UPDATE SET state = excluded.state",
            self.till.station_id, evse, self.tenant, state,
        )  # fmt: skip

    def plug(self, evse: int, kind: str) -> None:
        self.till.rows(
            "INSERT INTO evse_plugs (station_id, evse, connector, tenant_id, connector_type, evse_kind, said_at,"
            " said_by) VALUES (%s, %s, 1, %s, %s, 'DC', now(), 'x')",
            self.till.station_id, evse, self.tenant, kind,
        )  # fmt: skip

    def policy(self, kind: str = "", **more: Any) -> None:
        wanted = {"active": True, "who": "anybody", "hold_minutes": 10, "snooze_minutes": 15, "max_waiting": 20} | more
        self.till.rows(
            "INSERT INTO waiting_policies (tenant_id, site_id, connector_type, active, who, hold_minutes,"
            " snooze_minutes, max_waiting, changed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, now())"
            " ON CONFLICT (tenant_id, site_id, connector_type) DO UPDATE SET active = excluded.active,"
            " who = excluded.who, hold_minutes = excluded.hold_minutes, snooze_minutes = excluded.snooze_minutes,"
            " max_waiting = excluded.max_waiting",
            self.tenant, self.site, kind, *wanted.values(),
        )  # fmt: skip

    def browser(self, address: str = "10.8.0.1") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=HOST, follow_redirects=True)

    def wait(self, evse: int = 1) -> str:
        return f"/wait/{self.till.station}/{evse}"

    def code(self, evse: int = 1) -> str:
        return f"/charge/{self.till.station}/{evse}"

    async def join(self, browser: httpx.AsyncClient | None = None, **form: str) -> str:
        """Joins; the address of the place."""
        answer = await (browser or self.browser()).post(self.wait(), data=form)
        assert answer.status_code == 200, answer.text
        assert answer.url.path.startswith("/waiting/"), answer.text
        return answer.url.path

    async def stage(self, place: str) -> str:
        answer = await self.browser().get(place)
        assert answer.status_code == 200
        assert answer.headers["referrer-policy"] == "no-referrer"
        found = re.search(r'data-stage="(\w+)"', answer.text)
        assert found is not None
        return found[1]

    async def position(self, place: str) -> int:
        found = re.search(r"<dt>Your place</dt><dd>(\d+)</dd>", (await self.browser().get(place)).text)
        assert found is not None
        return int(found[1])

    async def stages(self, *places: str) -> list[str]:
        return [await self.stage(each) for each in places]

    async def signed_in(self, email: str) -> httpx.AsyncClient:
        browser = self.browser()
        await browser.post(f"/my/sign-in/{self.slug}", data={"email": email})
        [*_, letter] = self.till.rows("SELECT body FROM letters WHERE tenant_id = %s ORDER BY written_at", self.tenant)
        code = re.search(r"/my/enter\S*#(\w+)", letter["body"])
        assert code is not None
        await browser.post("/my/enter", data={"token": code[1]})
        return browser

    def held(self) -> list[dict[str, Any]]:
        return self.till.rows(
            "SELECT evse, token_uid, token_keys, until_at, how FROM reservations WHERE tenant_id = %s"
            " AND ended_at IS NULL ORDER BY evse",
            self.tenant,
        )

    async def work(self) -> None:
        """What the worker does about what was said, money and holds."""
        for _ in range(20):
            rows = self.till.rows(
                "DELETE FROM outbox WHERE tenant_id = %s AND event = ANY(%s) RETURNING event, subject",
                self.tenant, [MADE, ENDED],
            )  # fmt: skip
            for row in rows:
                about = {"tenant_id": self.tenant, "subject": row["subject"]}
                if row["event"] == MADE:
                    await self.holds.made(**about)
                else:
                    await self.jobs.reservation_ended(**about)
                    await self.holds.ended(**about)
            started = [
                row["subject"]
                for row in self.till.rows(
                    "SELECT subject FROM outbox WHERE tenant_id = %s AND event = 'session.started'", self.tenant
                )
            ]
            said = await self.till.work()
            for subject in started:
                await self.holds.started(tenant_id=self.tenant, subject=subject)
            if not rows and not said:
                return
        raise AssertionError("it never ends")

    async def pay(self, where: str) -> UUID:
        """Begins to pay there and pays; the payment."""
        answer = await self.browser().post(where)
        found = re.search(r"/charging/([0-9a-f-]{36})", answer.url.path)
        assert found is not None, answer.text
        intent = await self.till.payments.find(self.tenant, UUID(found[1]))
        assert intent.reference is not None
        await asyncio.to_thread(self.till.box.pay, intent.reference, "visa")
        await self.till.payments.returned(self.tenant, intent.intent_id)
        return intent.intent_id


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def queue(ground: Ground, clock: FakeClock, box: Sandbox) -> AsyncIterator[Queue]:
    async with a_till(ground, clock, box, a_tariff()) as till:
        yield Queue(till)


async def test_a_driver_waits_is_called_pays_and_charges(queue: Queue) -> None:
    price = (await queue.browser().get(queue.code())).text
    assert "Somebody charges at this connector" in price
    assert queue.wait() in price
    unread = await queue.browser().post(queue.wait(), data={"email": "ada"})
    assert (unread.status_code, "This e-mail address can't be read" in unread.text) == (409, True)
    first, second = await queue.join(email="ada@example.com"), await queue.join()
    unread = await queue.browser().post(f"{second}/email", data={"email": "ada@"})
    assert (unread.status_code, "This e-mail address can't be read" in unread.text) == (200, True)
    assert await queue.stages(first, second) == ["waiting", "waiting"]
    assert [await queue.position(each) for each in (first, second)] == [1, 2]
    queue.connector(2, "Available")
    # Whoever looks has the turn given to whom it is due.
    assert await queue.stages(second, first) == ["waiting", "held"]
    assert await queue.position(second) == 1
    [letter] = queue.till.rows("SELECT recipient, body FROM letters WHERE tenant_id = %s", queue.tenant)
    assert letter["recipient"] == "ada@example.com"
    assert f"{queue.till.station}, connector 2" in letter["body"]
    assert first in letter["body"]
    await queue.work()
    [asked] = [each for each in queue.till.stations.asked if isinstance(each, Reserve)]
    assert asked.evse == 2
    queue.connector(2, "Reserved")
    page = (await queue.browser().get(first)).text
    where = f"{queue.code(2)}?place={first.rpartition('/')[2]}"
    assert f'href="{where}"' in page
    assert "Pay and start" in (await queue.browser().get(where)).text
    intent_id = await queue.pay(where)
    await queue.work()
    # The station lets go right before it is asked to start, for it knows another token.
    kinds = [type(each).__name__ for each in queue.till.stations.asked]
    assert kinds == ["Reserve", "CancelReservation", "StartCharging"]
    intent = await queue.till.payments.find(queue.tenant, intent_id)
    assert intent.state is State.AUTHORISED
    queue.till.rows("UPDATE remote_starts SET asked_at = %s", queue.till.clock.now())
    queue.till.plug_in(intent, wh=10_000, minutes=0, over=False)
    await queue.work()
    assert await queue.stages(first, second) == ["served", "waiting"]
    assert not any(isinstance(each, StopCharging) for each in queue.till.stations.asked)


async def test_nobody_else_pays_or_starts_where_a_connector_is_held(queue: Queue) -> None:
    place = await queue.join()
    # Somebody stands on the provider's page while the connector is still anybody's.
    queue.connector(1, "Available")
    queue.till.rows("UPDATE waiting_policies SET active = false WHERE tenant_id = %s", queue.tenant)
    early = await queue.till.begin()
    queue.till.rows("UPDATE waiting_policies SET active = true WHERE tenant_id = %s", queue.tenant)
    assert await queue.stage(place) == "held"
    page = await queue.browser().get(queue.code())
    assert "held for somebody who waited" in page.text
    assert "Pay and start" not in page.text
    assert "Wait for a free connector" in page.text
    refused = await queue.browser().post(queue.code())
    assert (refused.status_code, "held for somebody who waited" in refused.text) == (409, True)
    # Nor by somebody else's place, nor by one that is made up.
    other = await queue.join()
    for key in (other.rpartition("/")[2], str(uuid4())):
        assert (await queue.browser().post(f"{queue.code()}?place={key}")).status_code == 409
    # Who pays too late on a page that was open before gets the hold back, and the station is not asked.
    assert early.reference is not None
    await asyncio.to_thread(queue.till.box.pay, early.reference, "visa")
    await queue.till.payments.returned(queue.tenant, early.intent_id)
    await queue.work()
    gone = await queue.till.find(early)
    assert (gone.state, gone.reason) == (State.RELEASED, HELD)
    assert queue.till.stations.starts == []
    answer = await queue.browser().get(f"/charging/{early.intent_id}")
    assert HELD in answer.text


async def test_two_web_processes_and_a_worker_give_one_connector_once(queue: Queue, database: Database) -> None:
    places = [await queue.join(queue.browser(f"10.8.1.{number}")) for number in range(6)]
    async with (
        Pool(database.url, "forecourt_app", size=4) as one,
        Pool(database.url, "forecourt_app", size=4) as two,
    ):
        webs = [Serving(pool, queue.till.clock, TurnLetters(HOST)) for pool in (one, two)]
        for round_ in range(3):
            queue.connector(1 + round_ % 2, "Available")
            given = await asyncio.gather(
                *(each.serve(queue.tenant, queue.site) for each in webs * 3),
                queue.jobs.serve_all(),
                queue.jobs.freed(tenant_id=queue.tenant, subject=f"{queue.till.station_id}.1"),
                *(queue.browser().get(places[-1]) for _ in range(3)),
            )
            assert sum(each for each in given if isinstance(each, int)) <= 1
            assert len(queue.held()) == min(round_ + 1, 2)
    # In the order in which they came.
    assert await queue.stages(*places) == ["held", "held", *["waiting"] * 4]
    letters = queue.till.rows("SELECT 1 FROM reservations WHERE tenant_id = %s", queue.tenant)
    assert len(letters) == 2


async def test_paying_and_calling_at_the_same_moment_give_it_to_one_of_them(queue: Queue) -> None:
    """Somebody's payment is authorised while the connector is being held for another: never both."""
    outcomes = set()
    for number in range(6):
        queue.connector(1, "Charging")
        place = await queue.join(queue.browser(f"10.8.2.{number}"))
        queue.till.rows("UPDATE waiting_policies SET active = false WHERE tenant_id = %s", queue.tenant)
        queue.connector(1, "Available")
        intent = await queue.till.begin()
        queue.till.rows("UPDATE waiting_policies SET active = true WHERE tenant_id = %s", queue.tenant)
        assert intent.reference is not None
        await asyncio.to_thread(queue.till.box.pay, intent.reference, "visa")
        calls = [
            queue.till.payments.returned(queue.tenant, intent.intent_id),
            queue.serving.serve(queue.tenant, queue.site),
        ]
        await asyncio.gather(*(calls if number % 2 else reversed(calls)))
        paid = (await queue.till.find(intent)).state is State.AUTHORISED
        held = len(queue.held()) == 1
        assert paid is not held
        outcomes.add(paid)
        await queue.browser().post(f"{place}/leave")
        if paid:
            await queue.till.payments.abandon(queue.tenant, intent.intent_id)
    assert outcomes


@pytest.mark.parametrize("ends", ["lapses", "is left"])
async def test_a_turn_that_ends_as_its_driver_begins_to_pay_locks_nobody_up(queue: Queue, ends: str) -> None:
    """Whoever pays has the connector and comes for its hold; whoever ends the turn wants both, for the next."""
    first, second = await queue.join(queue.browser("10.8.3.1")), await queue.join(queue.browser("10.8.3.2"))
    queue.connector(1, "Available")
    assert await queue.stages(first, second) == ["held", "waiting"]
    [row] = queue.till.rows("SELECT reservation_id FROM reservations WHERE tenant_id = %s", queue.tenant)
    queue.till.clock.advance(60 * 60 if ends == "lapses" else 1)
    async with queue.till.tenants.tenant(queue.tenant) as paying:
        await hold_connector(paying, queue.till.station_id, 1)
        ending: asyncio.Task[Any] = asyncio.create_task(
            queue.serving.serve(queue.tenant, queue.site)
            if ends == "lapses"
            else queue.lists.leave(UUID(first.rpartition("/")[2]))
        )
        waits = (
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        while not queue.till.rows(waits):
            assert not ending.done(), "nobody waits for who pays"
            await asyncio.sleep(0)
        until = queue.till.clock.now() + timedelta(minutes=15)
        assert await reserving.admit(paying, queue.tenant, row["reservation_id"], "PAYS", until)
    await ending
    [kept] = queue.till.rows("SELECT ended_at FROM reservations WHERE reservation_id = %s", row["reservation_id"])
    if ends == "lapses":
        # They began to pay before it was over: it is theirs a while longer.
        assert kept["ended_at"] is None
        assert await queue.stages(first, second) == ["held", "waiting"]
    else:
        assert kept["ended_at"] is not None
        assert await queue.stages(first, second) == ["left", "held"]


async def test_a_turn_that_nobody_takes_goes_on_and_one_may_snooze_once(queue: Queue) -> None:
    first, second, third = [await queue.join() for _ in range(3)]
    queue.connector(1, "Available")
    assert await queue.stages(first, second, third) == ["held", "waiting", "waiting"]
    # Others go first for a quarter of an hour; the place stays.
    page = await queue.browser().post(f"{first}/snooze")
    assert "Your place stays" in page.text
    assert await queue.stages(first, second) == ["waiting", "held"]
    assert await queue.position(first) == 1
    assert "only once" in (await queue.browser().post(f"{first}/snooze")).text
    # The second doesn't come; the first still lets others go first.
    queue.till.clock.advance(11 * 60)
    assert await queue.stages(second, third, first) == ["expired", "held", "waiting"]
    queue.till.clock.advance(5 * 60)
    assert await queue.stages(third, first) == ["held", "waiting"]
    await queue.browser().post(f"{third}/leave")
    await queue.browser().post(f"{third}/leave")
    assert await queue.stages(third, first) == ["left", "held"]
    await queue.work()
    asked = queue.till.stations.asked
    assert sum(isinstance(each, Reserve) for each in asked) <= 4
    left = queue.till.rows(
        "SELECT count(*) AS n FROM waiting_places WHERE tenant_id = %s AND ended_at IS NOT NULL"
        " AND (email IS NOT NULL OR address IS NOT NULL)",
        queue.tenant,
    )
    assert left == [{"n": 0}], "what is over knows nothing of anybody"


async def test_a_station_that_fails_or_says_it_is_occupied_costs_nobody_their_turn(queue: Queue) -> None:
    first, second = await queue.join(), await queue.join()
    queue.connector(1, "Available")
    queue.till.stations.answer = CommandAnswer(accepted=False, status="Occupied")
    assert await queue.stage(first) == "held"
    queue.connector(1, "Occupied")
    await queue.work()
    page = (await queue.browser().get(first)).text
    assert "does not work" in page
    assert await queue.stages(first, second) == ["waiting", "waiting"]
    queue.till.stations.answer = CommandAnswer(accepted=True, status="Accepted")
    queue.connector(2, "Available")
    assert await queue.stages(second, first) == ["waiting", "held"]
    # Its connector fails while it is held.
    queue.connector(2, "Faulted")
    assert await queue.stages(first, second) == ["waiting", "waiting"]
    queue.connector(2, "Available")
    assert await queue.stage(first) == "held"
    # A connection that is lost for seconds is no reason; for minutes it is.
    queue.online(False)
    queue.till.clock.advance(30)
    assert await queue.stage(first) == "held"
    queue.till.clock.advance(60)
    assert await queue.stages(first, second) == ["waiting", "waiting"]
    queue.connector(1, "Available")
    assert await queue.stages(first, second) == ["waiting", "waiting"], "what is out of reach is given to nobody"
    queue.online()
    assert await queue.stages(first, second) == ["held", "held"]


async def test_a_driver_with_an_account_has_one_place_pays_by_it_and_their_card_is_let_in(queue: Queue) -> None:
    queue.policy(who="account")
    assert "Sign in to wait" in (await queue.browser().get(queue.wait())).text
    refused = await queue.browser().post(queue.wait())
    assert "Only drivers with an account" in refused.text
    ada = await queue.signed_in("ada@example.com")
    driver = queue.till.one("SELECT driver_id AS it FROM driver_accounts WHERE tenant_id = %s", queue.tenant)
    queue.till.rows(
        "INSERT INTO tokens (tenant_id, uid_key, uid, type, status)"
        " VALUES (%s, 'ab12', 'AB12', 'ISO14443', 'accepted')",
        queue.tenant,
    )
    queue.till.rows("INSERT INTO driver_tokens VALUES (%s, 'ab12', %s, now(), 'operator')", queue.tenant, driver)
    place = await queue.join(ada)
    assert await queue.join(ada) == place
    assert "place 1" in (await ada.get("/my")).text
    queue.connector(1, "Available")
    page = await ada.get(place)
    there = f"/my/charge/{queue.till.station}/1"
    assert f'href="{there}"' in page.text
    assert "It is your turn" in (await ada.get("/my")).text
    await queue.work()
    [asked] = [each for each in queue.till.stations.asked if isinstance(each, Reserve)]
    assert (asked.token.uid, asked.token.type) == ("AB12", "ISO14443")
    assert queue.held()[0]["token_keys"] == ["ab12"]
    # Somebody else with an account is told; she herself pays.
    bea = await queue.signed_in("bea@example.com")
    assert "held for somebody who waited" in (await bea.get(there)).text
    assert "held for somebody who waited" in (await bea.post(there, data={"by": "page"})).text
    answer = await ada.post(there, data={"by": "page"})
    assert answer.url.path.startswith("/charging/"), answer.text
    assert len(queue.held()[0]["token_keys"]) == 2
    exported = (await ada.get("/my/export.json")).json()["waiting"]
    assert [each["state"] for each in exported] == ["held"]
    queue.till.rows("UPDATE payment_intents SET next_at = NULL, state = 'abandoned' WHERE tenant_id = %s", queue.tenant)
    await ada.post("/my/erase")
    assert queue.held() == []
    rows = queue.till.rows("SELECT driver_id, state FROM waiting_places WHERE tenant_id = %s", queue.tenant)
    assert rows == [{"driver_id": None, "state": "left"}]


async def test_lists_are_bounded_and_closed_where_the_operator_says_so(queue: Queue) -> None:
    queue.policy(max_waiting=2)
    await queue.join()
    await queue.join()
    assert "is full" in (await queue.browser().post(queue.wait())).text
    queue.policy(max_waiting=200)
    for _ in range(MAX_OF_ONE_ADDRESS - 2):
        await queue.join()
    assert "is full" in (await queue.browser().post(queue.wait())).text
    await queue.join(queue.browser("10.8.0.2"))
    queue.policy(active=False)
    assert "no waiting list here" in (await queue.browser().post(queue.wait())).text
    assert queue.wait() not in (await queue.browser().get(queue.code())).text
    queue.policy()
    queue.till.rows("UPDATE waiting_places SET state = 'left', ended_at = now(), email = NULL, address = NULL")
    queue.connector(2, "Available")
    assert "A connector is free" in (await queue.browser().post(queue.wait())).text
    assert "Free now" in (await queue.browser().get(queue.code())).text
    assert (await queue.browser().get(f"/waiting/{uuid4()}")).status_code == 404
    assert (await queue.browser().get("/wait/nowhere/1")).status_code == 404


async def test_who_needs_a_plug_waits_for_that_one(queue: Queue) -> None:
    queue.plug(1, "IEC_62196_T2_COMBO")
    queue.plug(2, "CHADEMO")
    queue.policy("CHADEMO", hold_minutes=3)
    page = (await queue.browser().get(queue.wait())).text
    assert re.findall(r'<option value="(\w*)"', page) == ["", "CHADEMO", "IEC_62196_T2_COMBO"]
    ccs, chademo = await queue.join(connector_type="IEC_62196_T2_COMBO"), await queue.join(connector_type="CHADEMO")
    assert [await queue.position(each) for each in (ccs, chademo)] == [1, 1]
    assert "no such connector" in (await queue.browser().post(queue.wait(), data={"connector_type": "MCS"})).text
    queue.connector(2, "Available")
    assert await queue.stages(ccs, chademo) == ["waiting", "held"]
    [held] = queue.held()
    assert held["until_at"] == queue.till.clock.now() + timedelta(minutes=3)


@pytest.mark.parametrize("language", WORDS)
async def test_a_place_is_told_in_the_drivers_language(queue: Queue, language: str) -> None:
    place = await queue.join()
    answer = await queue.browser().get(place, params={"lang": language})
    assert WORDS[language] in answer.text
    assert f'<html lang="{language}">' in answer.text
    part = await queue.browser().get(f"{place}/part")
    assert part.text.lstrip().startswith("<div")
    assert '<noscript><meta http-equiv="refresh"' in answer.text


def a_place(rank: int, kind: str | None = None, **more: Any) -> Waiting:
    known: dict[str, Any] = {
        "place_id": UUID(int=rank), "number": rank, "site_id": 1, "connector_type": kind, "rank": rank,
        "state": PlaceState.WAITING, "driver_id": None, "email": None, "language": "en", "joined_at": EPOCH,
        "not_before": None, "snoozed_at": None, "reservation_id": None, "said": None, "ended_at": None,
    }  # fmt: skip
    return Waiting(**known | more)


def test_turns_go_by_the_wait_and_whoever_takes_any_leaves_what_others_need() -> None:
    ccs = FreeSpot(station_id=1, station="A", evse=1, types=["CCS"])
    type2 = FreeSpot(station_id=1, station="B", evse=1, types=["T2"])
    anyone, needs_ccs = a_place(1), a_place(2, "CCS")
    policies = {"": Policy(), "T2": Policy(hold_minutes=3)}
    given = turns([anyone, needs_ccs], [ccs, type2], policies, EPOCH)
    assert [(place.rank, spot.station, policy.hold_minutes) for place, spot, policy in given] == [
        (1, "B", 3), (2, "A", 10),
    ]  # fmt: skip
    # Alone, the one who waits longest has it.
    assert [place.rank for place, *_ in turns([anyone, needs_ccs], [ccs], policies, EPOCH)] == [1]
    later = EPOCH + timedelta(minutes=5)
    assert [place.rank for place, *_ in turns([a_place(1, not_before=later), needs_ccs], [ccs], policies, EPOCH)] == [2]
    assert turns([needs_ccs], [ccs], {"CCS": Policy(active=False), "": Policy()}, EPOCH) == []
    assert turns([needs_ccs], [ccs], {}, EPOCH) == []
    line = [a_place(1, "T2"), anyone, needs_ccs, a_place(3, "CCS", state=PlaceState.HELD), a_place(4, "CCS")]
    assert position_of(line[-1], line) == 3
    assert Who("account") is Who.ACCOUNT
