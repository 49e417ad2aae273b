"""From registering a station by the API to calling it, over the real gateway, web and worker."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
import websockets

from forecourt.app.bootstrap import ensure
from forecourt.platform.settings import Settings
from tests.conftest import Servers
from tests.spine.processes import SECRET, Deployment, Program
from tests.stations.gateway.conftest import StationClient
from tests.stations.gateway.test_sessions_over_sockets import at, boot, meter_values, start
from tests.support import WAIT_S, free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "fc_a-key-for-the-tests-of-the-spine"


class House:
    """A running deployment as those outside see it: two ports and a key."""

    def __init__(self, deployment: Deployment, web_port: int, ocpp_port: int) -> None:
        self.deployment = deployment
        self.web_port = web_port
        self.ocpp_port = ocpp_port
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{web_port}/api/v1",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=WAIT_S,
        )

    async def open(self) -> Program:
        """A web process on the house's port, ready to answer."""
        web = self.deployment.program("web", web_port=self.web_port)
        await web.start()
        async with asyncio.timeout(WAIT_S):
            while not await _ready(self):
                await asyncio.sleep(0.05)
        return web

    async def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """The answer to a request of which the status is known."""
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    @asynccontextmanager
    async def station(self, identity: str, password: str, protocol: str = "ocpp1.6") -> AsyncIterator[StationClient]:
        """A connected station."""
        credentials = base64.b64encode(f"{identity}:{password}".encode()).decode()
        async with websockets.connect(
            f"ws://127.0.0.1:{self.ocpp_port}/ocpp/{quote(identity)}",
            subprotocols=[websockets.Subprotocol(protocol)],
            additional_headers={"Authorization": f"Basic {credentials}"},
            open_timeout=WAIT_S,
            ping_interval=None,
        ) as link:
            yield StationClient(link)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One for all tests of this module, each of which has stations of its own: it takes longest to start."""
    web_port, ocpp_port = free_port(), free_port()
    with servers.database() as database:
        settings = Settings(database_url=database.url, secret_key=SECRET, bootstrap_api_key=KEY)
        await ensure(settings, database.admin_url, False)
        async with Deployment(
            tmp_path_factory.mktemp("house"),
            database_url=database.url,
            admin_url=database.admin_url,
            nats_url=servers.nats.url,
        ) as deployment:
            house = House(deployment, web_port, ocpp_port)
            await asyncio.gather(deployment.gateway(ocpp_port), deployment.program("worker").start(), house.open())
            yield house
            await house.http.aclose()


async def _ready(house: House) -> bool:
    try:
        answer = await house.http.get(str(house.http.base_url).removesuffix("/api/v1/") + "/readyz")
    except httpx.TransportError:
        return False
    return answer.status_code == 200


async def test_a_station_registered_a_moment_ago_charges_and_is_read_and_called(house: House) -> None:
    await house.ask("POST", "/sites", {"name": "Yard"}, status=201)
    await house.ask("POST", "/tokens", {"uid": "TAG1", "type": "ISO14443", "status": "accepted"}, status=201)
    made = await house.ask(
        "POST",
        "/stations",
        {"id": "CP 1", "site": "yard", "security_profile": 1, "registration": "accepted"},
        status=201,
    )
    async with house.station("CP 1", made["password"]) as station:
        assert (await boot(station))["status"] == "Accepted"
        number = (await station.call("StartTransaction", start()))["transactionId"]
        await station.call("MeterValues", meter_values(number, 4000, -30))
        [session] = (await house.ask("GET", "/sessions?station=CP%201"))["items"]
        assert (session["status"], session["energy_wh"], session["token"]) == ("active", 3000, "TAG1")

        stopping = asyncio.create_task(house.ask("POST", f"/sessions/{session['id']}/stop"))
        asked = await station.next_ask()
        assert asked[2:] == ["RemoteStopTransaction", {"transactionId": number}]
        await station.link.send(json.dumps([3, asked[1], {"status": "Accepted"}]))
        assert (await stopping)["accepted"] is True

        stop = {"transactionId": number, "meterStop": 9000, "timestamp": at(-1), "reason": "Remote"}
        await station.call("StopTransaction", stop)
        ended = await house.ask("GET", f"/sessions/{session['id']}")
        assert (ended["status"], ended["energy_wh"], ended["meter_stop_wh"]) == ("completed", 8000, 9000)
        assert ended["stop_reason"] == "Remote"

        calling = asyncio.create_task(
            house.ask("POST", "/stations/CP%201/calls", {"action": "GetConfiguration", "payload": {}})
        )
        asked = await station.next_ask()
        await station.link.send(json.dumps([4, asked[1], "NotSupported", "not today", {}]))
        error = (await calling)["error"]
        assert (error["code"], error["description"]) == ("NotSupported", "not today")

    samples = (await house.ask("GET", f"/sessions/{session['id']}/samples"))["items"]
    assert [(s["measurand"], s["value"], s["unit"]) for s in samples] == [
        ("Energy.Active.Import.Register", 4000, "Wh"),
        ("Power.Active.Import", 7200, "W"),
    ]
    async with asyncio.timeout(WAIT_S):
        while True:
            messages = (await house.ask("GET", "/stations/CP%201/messages?limit=200"))["items"]
            said = {(message["direction"], message["kind"], message["action"]) for message in messages}
            if ("in", "error", "GetConfiguration") in said:
                break
            await asyncio.sleep(0.05)
    assert {("in", "call", "StartTransaction"), ("out", "result", "StartTransaction")} <= said
    assert {("out", "call", "RemoteStopTransaction"), ("in", "result", "RemoteStopTransaction")} <= said


async def test_a_session_over_a_socket_is_priced_by_the_tariff_of_its_site_to_the_cent(house: House) -> None:
    await house.ask("POST", "/sites", {"name": "Shop", "time_zone": "Europe/Berlin"}, status=201)
    prices = [{"type": of, "price": price, "vat": "20"} for of, price in (("FLAT", "1.00"), ("ENERGY", "0.50"))]
    tariff = {"id": "", "currency": "EUR", "elements": [{"price_components": prices}]}
    sold = await house.ask("POST", "/tariffs", {"name": "Day", "tariff": tariff}, status=201)
    await house.ask("POST", "/tariff-assignments", {"tariff_id": sold["id"], "site": "shop"}, status=201)
    made = await house.ask("POST", "/stations", {"id": "SELLS", "site": "shop"}, status=201)
    began = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)

    def stamp(minutes: float) -> str:
        return (began + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")

    async with house.station("SELLS", made["password"]) as station:
        await boot(station)
        number = (await station.call("StartTransaction", start() | {"timestamp": stamp(0)}))["transactionId"]
        values = meter_values(number, 4000, 0)
        values["meterValue"][0]["timestamp"] = stamp(2)
        await station.call("MeterValues", values)
        [session] = (await house.ask("GET", "/sessions?station=SELLS"))["items"]
        path = f"/sessions/{session['id']}"
        so_far = await house.ask("GET", f"{path}/cost")
        # 3 kWh by now.
        assert (so_far["final"], so_far["incl_vat"]) == (False, {"amount": 300, "currency": "EUR"})
        # A minute after it began all is dearer, for who begins then.
        dearer = {**tariff, "elements": [{"price_components": [{**prices[0], "price": "99"}]}]}
        await house.ask("PUT", f"/tariffs/{sold['id']}", {"tariff": dearer, "valid_from": stamp(1)})
        stop = {"transactionId": number, "meterStop": 9000, "timestamp": stamp(4), "reason": "Local"}
        await station.call("StopTransaction", stop)
    async with asyncio.timeout(WAIT_S):
        while not (cost := await house.ask("GET", f"{path}/cost"))["final"]:
            await asyncio.sleep(0.05)
    assert cost["incl_vat"] == {"amount": 600, "currency": "EUR"}
    assert (await house.ask("GET", path))["cost"]["excl_vat"] == {"amount": 500, "currency": "EUR"}
    cdr = await house.ask("GET", f"{path}/cdr")
    assert (cdr["currency"], cdr["total_cost"]["before_taxes"], cdr["total_cost"]["incl_vat"]) == ("EUR", 5, 6)
    assert cdr["total_cost"]["taxes"] == [{"name": "VAT", "amount": 1, "percentage": 20}]
    assert (cdr["total_energy_cost"]["excl_vat"], cdr["total_fixed_cost"]["incl_vat"]) == (4, 1.2)
    assert sum(each["volume"] for period in cdr["charging_periods"] for each in period["dimensions"][:1]) == 8
    segments = [
        {"seconds": each["seconds"], "kind": each["kind"], "energy_kwh": f"{each['energy_wh']}000"}
        for each in cost["bill"]["periods"]
    ]
    asked = {"tariff": cdr["tariffs"][0], "time_zone": "Europe/Berlin", "start": stamp(0), "segments": segments}
    quote = await house.ask("POST", "/pricing/quote", asked)
    assert quote["rounded"]["incl_vat"] == cost["incl_vat"]


async def test_a_call_to_a_station_that_is_away_is_a_conflict_at_once(house: House) -> None:
    made = await house.ask(
        "POST", "/stations", {"id": "AWAY", "security_profile": 1, "registration": "accepted"}, status=201
    )
    call = {"action": "ClearCache", "payload": {}}
    assert (await house.ask("POST", "/stations/AWAY/calls", call, status=409))["code"] == "station-offline"
    async with house.station("AWAY", made["password"]) as station:
        await boot(station)
        wrong = {"action": "Reset", "payload": {"type": "Sideways"}}
        problem = await house.ask("POST", "/stations/AWAY/calls", wrong, status=422)
        assert problem["error_code"] == "PropertyConstraintViolation"
        await house.ask("POST", "/stations/NOBODY/calls", call, status=404)
    async with asyncio.timeout(WAIT_S):
        while (await house.ask("GET", "/stations/AWAY"))["connected"]:
            await asyncio.sleep(0.05)
    await house.ask("POST", "/stations/AWAY/calls", call, status=409)


async def test_a_pending_station_is_accepted_by_the_api_and_a_new_password_counts_at_once(house: House) -> None:
    body: dict[str, Any] = {
        "id": "WAITS",
        "password": "first-password-0001",
        "security_profile": 1,
        "registration": "pending",
    }
    await house.ask("POST", "/stations", body, status=201)
    async with house.station("WAITS", body["password"], "ocpp2.0.1") as station:
        what = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
        assert (await station.call("BootNotification", what))["status"] == "Pending"
        assert (await station.call("Heartbeat", {}))[2] == "SecurityError"
        await house.ask("PATCH", "/stations/WAITS", {"registration": "accepted"})
        assert (await station.call("BootNotification", what))["status"] == "Accepted"
        await house.ask("PATCH", "/stations/WAITS", {"password": "second-password-0002"})
        await asyncio.wait_for(station.link.wait_closed(), WAIT_S)
    async with house.station("WAITS", "second-password-0002") as station:
        assert (await boot(station))["status"] == "Accepted"


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_password_given_by_a_call_counts_at_once_and_is_found_nowhere(house: House, protocol: str) -> None:
    identity, secret = f"GIVEN-{protocol}", "5ecre7" * 6
    made = await house.ask("POST", "/stations", {"id": identity, "security_profile": 1}, status=201)
    call: dict[str, Any] = {"action": "ChangeConfiguration", "payload": {"key": "AuthorizationKey", "value": secret}}
    result: dict[str, Any] = {"status": "Accepted"}
    if protocol != "ocpp1.6":
        variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
        call = {"action": "SetVariables", "payload": {"setVariableData": [variable | {"attributeValue": secret}]}}
        result = {"setVariableResult": [variable | {"attributeStatus": "Accepted"}]}
    answers = []
    async with house.station(identity, made["password"], protocol) as station:
        await station.call("Heartbeat", {})
        calling = asyncio.create_task(house.ask("POST", f"/stations/{identity}/calls", call))
        asked = await station.next_ask()
        assert secret in json.dumps(asked)
        await station.link.send(json.dumps([3, asked[1], result]))
        answers.append(await calling)
        assert answers[0]["result"] == result
        assert "currentTime" in await station.call("Heartbeat", {})
        wrong = call | {"payload": call["payload"] | {"surplus": secret}}
        answers.append(await house.ask("POST", f"/stations/{identity}/calls", wrong, status=422))
        with pytest.raises(websockets.InvalidStatus):
            async with house.station(identity, made["password"], protocol):
                pass
    async with house.station(identity, secret, protocol) as station:
        assert "currentTime" in await station.call("Heartbeat", {})
    async with asyncio.timeout(WAIT_S):
        while len(messages := (await house.ask("GET", f"/stations/{identity}/messages"))["items"]) < 5:
            await asyncio.sleep(0.05)
    answers += [
        messages,
        await house.ask("GET", f"/stations/{identity}/commands"),
        await house.ask("GET", f"/stations/{identity}"),
    ]
    assert "[redacted]" in str(answers)
    assert secret not in str(answers)
    assert house.deployment.places_of("[redacted]") >= {"messages", "commands", "audit"}
    assert house.deployment.places_of(secret) == set()


async def test_a_station_that_took_a_password_from_a_web_process_that_was_killed_is_not_locked_out(
    house: House,
) -> None:
    made = await house.ask("POST", "/stations", {"id": "TAKER", "security_profile": 1}, status=201)
    given = "given-by-one-that-died"
    call = {"action": "ChangeConfiguration", "payload": {"key": "AuthorizationKey", "value": given}}
    other = House(house.deployment, free_port(), house.ocpp_port)
    web = await other.open()
    async with house.station("TAKER", made["password"]) as station:
        await station.call("Heartbeat", {})
        calling = asyncio.create_task(other.ask("POST", "/stations/TAKER/calls", call))
        asked = await station.next_ask()
        await web.kill()
        await station.link.send(json.dumps([3, asked[1], {"status": "Accepted"}]))
        with pytest.raises(httpx.TransportError):
            await calling
        await other.http.aclose()
        assert "currentTime" in await station.call("Heartbeat", {})
    async with house.station("TAKER", given) as station:
        assert "currentTime" in await station.call("Heartbeat", {})
    async with asyncio.timeout(WAIT_S):
        while await is_let_in(house, "TAKER", made["password"]):
            await asyncio.sleep(0.05)
    assert await is_let_in(house, "TAKER", given)


async def is_let_in(house: House, identity: str, password: str) -> bool:
    try:
        async with house.station(identity, password):
            return True
    except websockets.InvalidStatus as refused:
        return refused.response.status_code != 401


async def test_a_station_retired_by_the_api_is_gone_at_once_and_its_id_serves_the_next(house: House) -> None:
    made = await house.ask("POST", "/stations", {"id": "CP9"}, status=201)
    async with house.station("CP9", made["password"]) as station:
        await boot(station)
        await station.call("StartTransaction", start())
        await house.ask("DELETE", "/stations/CP9")
        await asyncio.wait_for(station.link.wait_closed(), WAIT_S)
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with house.station("CP9", made["password"]):
            pass
    assert refused.value.response.status_code == 404
    assert (await house.ask("GET", "/sessions?station=CP9"))["items"] == []
    [session] = (await house.ask("GET", "/sessions?station=CP9&retired=true"))["items"]
    assert session["station"] == "CP9"
    again = await house.ask("POST", "/stations", {"id": "CP9"}, status=201)
    async with house.station("CP9", again["password"]) as station:
        assert (await boot(station))["status"] == "Accepted"
        shown = await house.ask("GET", "/stations/CP9")
        assert (shown["connected"], shown["retired_at"]) == (True, None)
