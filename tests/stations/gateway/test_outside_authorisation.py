"""An outside service decides on tokens: asked at Authorize within its deadline, asked after a start, and not trusted to
answer at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from forecourt.access import Role, store
from forecourt.access.service import key_digest
from forecourt.app.web import create_app
from forecourt.drivers.outside.model import FAILURES_TO_OPEN
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.platform.outward import Outward
from forecourt.platform.settings import Settings
from tests.receiver import Receiver, receiver, signature
from tests.stations.gateway.conftest import SECRET, Rig, StationClient
from tests.stations.gateway.test_sessions_over_sockets import boot, event, start
from tests.support import WAIT_S, FakeClock
from tests.works import Jobs

__all__ = ["receiver"]

KEY = "fc_a key of the tests of outside authorisation"
#: As long as may be said: no service is waited for, unless it is to be slow.
LONG_MS = 5_000
pytestmark = pytest.mark.parametrize("transport", ["picows"], indirect=True)


class Outside:
    """A gateway, the web and a worker, and the service that decides."""

    def __init__(self, rig: Rig, client: httpx.AsyncClient, receiver: Receiver, jobs: Jobs, worker: Pool) -> None:
        self.rig = rig
        self.client = client
        self.receiver = receiver
        self.secret = ""
        self._jobs = jobs
        self._worker = worker
        receiver.status = 200

    async def hook(self, **wanted: Any) -> dict[str, Any]:
        body = {"url": self.receiver.url, "deadline_ms": LONG_MS, **wanted}
        answer = await self.client.put("/api/v1/authorization-hook", json=body)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        self.secret = made.get("secret", self.secret)
        return made

    def says(self, status: str, **more: Any) -> None:
        self.receiver.body = json.dumps({"status": status, **more}).encode()

    async def work(self) -> None:
        """What a worker does next."""
        await self._jobs.dispatch()
        await self._jobs.run()


@pytest_asyncio.fixture
async def outside(rig: Rig, receiver: Receiver) -> AsyncIterator[Outside]:
    tenant_id = rig.tenant()
    async with AsyncExitStack() as stack:
        bus = await Bus.connect(rig.nats_url)
        stack.push_async_callback(bus.close)
        url, clock = rig.database.url, FakeClock(datetime.now(UTC))
        db, worker = await rig.ground.pool("forecourt_app", 2), await rig.ground.pool("forecourt_worker", 2)
        outward = await stack.enter_async_context(Outward(private=True))
        settings = Settings(secret_key=SECRET, webhooks_private=True)
        async with db.tenant(tenant_id) as conn:
            await store.insert_key(conn, tenant_id, "owner", Role.OWNER, key_digest(SECRET.encode(), KEY))
        app: Any = create_app(settings, db, bus, clock)
        transport = httpx.ASGITransport(app)
        headers = {"authorization": f"Bearer {KEY}"}
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://forecourt.test", headers=headers)
        )
        jobs = await stack.enter_async_context(
            Jobs(url, worker, db, clock, secret=SECRET.encode(), bus=bus, outward=outward, ground=rig.ground)
        )
        yield Outside(rig, client, receiver, jobs, worker)


async def authorize(station: StationClient, tag: str) -> str:
    answer = await station.call("Authorize", {"idTag": tag})
    return str(answer["idTagInfo"]["status"])


async def test_a_token_that_only_the_outside_service_knows_is_asked_about_and_remembered(
    rig: Rig, outside: Outside
) -> None:
    await outside.hook()
    outside.says("accepted", group="FLEET", expires_at="2099-01-01T00:00:00Z")
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        answer = await station.call("Authorize", {"idTag": "Stranger"})
        assert answer["idTagInfo"]["status"] == "Accepted"
        assert answer["idTagInfo"]["parentIdTag"] == "FLEET"
        assert answer["idTagInfo"]["expiryDate"].startswith("2099-01-01")
        # The start and the next card reading are decided by what is remembered.
        assert (await station.call("StartTransaction", start("STRANGER")))["idTagInfo"]["status"] == "Accepted"
        assert await authorize(station, "stranger") == "Accepted"
    [(headers, body)] = outside.receiver.got
    assert headers["webhook-signature"] == signature(outside.secret, headers, body)
    asked = json.loads(body)
    assert asked["type"] == "token.authorize"
    assert asked["data"] == {"uid": "Stranger", "type": "ISO14443", "station": "CP1"}
    assert rig.rows("SELECT token_status FROM sessions") == [("Accepted",)]


async def test_what_the_service_refuses_is_refused_though_it_is_registered_here(rig: Rig, outside: Outside) -> None:
    await outside.hook()
    rig.token("TAG1")
    outside.says("blocked")
    await rig.register("CP1")
    async with rig.station("CP1", "ocpp2.0.1") as station:
        answer = await station.call("Authorize", {"idToken": {"idToken": "TAG1", "type": "ISO14443"}})
        assert answer["idTokenInfo"]["status"] == "Blocked"


@pytest.mark.parametrize(
    ("fallback", "known", "unknown"),
    [("local", "Accepted", "Invalid"), ("accept", "Accepted", "Accepted"), ("refuse", "Invalid", "Invalid")],
)
@pytest.mark.parametrize("trouble", ["slow", "broken", "nonsense"])
async def test_a_service_in_trouble_is_replaced_by_the_fallback(
    rig: Rig, outside: Outside, fallback: str, known: str, unknown: str, trouble: str
) -> None:
    await outside.hook(fallback=fallback, deadline_ms=200 if trouble == "slow" else LONG_MS)
    rig.token("TAG1")
    outside.says("accepted")
    if trouble == "slow":
        outside.receiver.delay_s = 30
    elif trouble == "broken":
        outside.receiver.status = 500
    else:
        outside.receiver.body = b'{"status": "perhaps"}'
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        assert await authorize(station, "TAG1") == known
        assert await authorize(station, "NOBODY") == unknown
        assert (await station.call("StartTransaction", start("NOBODY")))["idTagInfo"]["status"] == unknown
    # One that is given up may never have come so far, on a machine that is slow.
    asked = len(outside.receiver.got)
    assert asked <= 2 if trouble == "slow" else asked == 2, "a start does not wait for anybody outside"


async def test_a_service_that_keeps_failing_is_given_a_rest(rig: Rig, outside: Outside) -> None:
    await outside.hook()
    outside.receiver.status = 500
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        for number in range(FAILURES_TO_OPEN + 5):
            assert await authorize(station, f"T{number}") == "Invalid"
    assert len(outside.receiver.got) == FAILURES_TO_OPEN
    # No answer waits until what failed is kept.
    await rig.gateway.drain()
    await outside.hook(fallback="accept")
    kept = rig.rows("SELECT outcome, detail, number FROM outside_failures ORDER BY outcome")
    assert [(outcome, number) for outcome, _, number in kept] == [("failed", FAILURES_TO_OPEN), ("resting", 5)]
    assert kept[0][1] == "it answered with status 500 and not 200"


async def test_a_station_that_waits_for_the_service_holds_up_no_other_and_answers_in_order(
    rig: Rig, outside: Outside
) -> None:
    await outside.hook()
    outside.says("accepted")
    outside.receiver.delay_s = 0.7
    await rig.register("CP1")
    await rig.register("CP2")
    async with rig.station("CP1") as waiting, rig.station("CP2") as other:
        await boot(waiting)
        await boot(other)
        await waiting.link.send(json.dumps([2, "a", "Authorize", {"idTag": "X"}]))
        await waiting.link.send(json.dumps([2, "b", "Heartbeat", {}]))
        async with asyncio.timeout(WAIT_S):
            while not outside.receiver.got:
                await asyncio.sleep(0.01)
        await other.call("Heartbeat", {})
        first, second = [json.loads(await waiting.link.recv())[1] for _ in range(2)]
        assert [first, second] == ["a", "b"]


async def test_a_session_that_the_service_refuses_afterwards_is_stopped_from_afar(rig: Rig, outside: Outside) -> None:
    await outside.hook(fallback="accept")
    outside.says("no_credit")
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        started = await station.call("StartTransaction", start("ROAMER"))
        assert started["idTagInfo"]["status"] == "Accepted", "the fallback decides at once"
        working = asyncio.create_task(outside.work())
        ask = await station.next_ask()
        assert ask[2:] == ["RemoteStopTransaction", {"transactionId": started["transactionId"]}]
        await station.link.send(json.dumps([3, ask[1], {"status": "Accepted"}]))
        await working
        told = rig.rows(
            "SELECT a.actor, a.object, c.asked_by, c.outcome FROM audit a JOIN commands c"
            " ON c.command_id::text = a.detail ->> 'command' WHERE a.action = 'stop charging'"
        )
        [(session_id,)] = rig.rows("SELECT session_id FROM sessions")
        service = "authorization-hook Outside authorisation"
        assert told == [(service, f"session:{session_id}", service, "answered")]
        # What was learned counts from now on.
        assert await authorize(station, "ROAMER") == "Blocked"


async def test_a_token_that_comes_after_the_start_is_asked_about_as_well(rig: Rig, outside: Outside) -> None:
    await outside.hook(fallback="accept")
    outside.says("invalid")
    await rig.register("CP1")
    async with rig.station("CP1", "ocpp2.0.1") as station:
        await station.call("TransactionEvent", event("Started", 0, -2))
        await outside.work()
        assert outside.receiver.got == []
        await station.call("TransactionEvent", event("Updated", 1, -1, idToken={"idToken": "LATE", "type": "ISO14443"}))
        working = asyncio.create_task(outside.work())
        ask = await station.next_ask()
        assert ask[2] == "RequestStopTransaction"
        await station.link.send(json.dumps([3, ask[1], {"status": "Accepted"}]))
        await working


async def test_an_organisation_without_a_hook_decides_by_itself_again(rig: Rig, outside: Outside) -> None:
    made = await outside.hook()
    assert made["secret"].startswith("whsec_")
    assert "secret" not in (await outside.client.get("/api/v1/authorization-hook")).json()
    outside.says("accepted")
    tried = (await outside.client.post("/api/v1/authorization-hook/test", json={"uid": "X"})).json()
    assert (tried["outcome"], tried["status"]) == ("decided", "accepted")
    outside.receiver.status = 404
    tried = (await outside.client.post("/api/v1/authorization-hook/test", json={"uid": "X"})).json()
    assert (tried["outcome"], tried["status"]) == ("failed", None)
    assert "404" in tried["detail"]
    rotated = (await outside.client.post("/api/v1/authorization-hook/rotate-secret")).json()
    assert rotated["secret"] != made["secret"]
    await outside.client.post("/api/v1/authorization-hook/test", json={"uid": "X"})
    headers, body = outside.receiver.got[-1]
    both = [signature(rotated["secret"], headers, body), signature(made["secret"], headers, body)]
    assert headers["webhook-signature"].split(" ") == both
    assert (await outside.client.delete("/api/v1/authorization-hook")).status_code == 204
    assert (await outside.client.get("/api/v1/authorization-hook")).json()["code"] == "authorization-hook-missing"
    asked = len(outside.receiver.got)
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        assert await authorize(station, "X") == "Invalid"
    assert len(outside.receiver.got) == asked
