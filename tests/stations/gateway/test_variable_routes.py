"""Variables of a station over HTTP and real sockets: told anew, listed with filters, set one or several at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient

from forecourt.access import Role
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.settings import Settings
from tests.http import SECRET as WEB_SECRET
from tests.http import House, Tenant, problem, walk
from tests.stations.gateway.conftest import Rig, StationClient
from tests.support import FakeClock

NO_SECRET = "8e2cf1b5c2a14f0d9a3d7b6e"


@pytest.fixture
def transport() -> str:
    """The carrier makes no difference here."""
    return "picows"


@pytest_asyncio.fixture
async def owner(rig: Rig, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    """Asks the web beside the gateway as an owner of its organisation."""
    async with AsyncExitStack() as stack:
        bus = await Bus.connect(rig.nats_url)
        stack.push_async_callback(bus.close)
        db = await rig.ground.pool("forecourt_app", 2)
        app = create_app(Settings(data_dir=tmp_path, secret_key=WEB_SECRET), db, bus, SystemClock())
        house = House(rig.ground, db, app, FakeClock())
        stack.push_async_callback(house.close)
        yield await Tenant(house, rig.tenant()).client(Role.OWNER)


async def obeyed(station: StationClient, asking: Any, *payloads: dict[str, Any]) -> tuple[list[Any], Any]:
    """Answer the calls that a request leads to; what was asked, and the answer to the request."""
    task = asyncio.create_task(asking)
    asked = []
    for payload in payloads:
        _, message_id, action, content = await station.next_ask()
        asked.append((action, content))
        await station.link.send(json.dumps([3, message_id, payload]))
    return asked, await task


def change(variable: str, value: str, component: str = "") -> dict[str, str]:
    return {"component": component, "variable": variable, "value": value}


async def test_keys_of_a_1_6_station_are_told_listed_and_set_one_after_the_other(rig: Rig, owner: AsyncClient) -> None:
    await rig.register("CP1")
    at = "/api/v1/stations/CP1/variables"
    assert (await owner.get(f"{at}/reading")).json()["state"] == "never"
    problem(await owner.post(f"{at}/read"), 409, "station-offline")
    async with rig.station("CP1") as station:
        assert "currentTime" in await station.call("Heartbeat", {})
        keys = [
            {"key": "AuthorizationKey", "readonly": False, "value": NO_SECRET},
            {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
            {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
        ]
        asked, answer = await obeyed(station, owner.post(f"{at}/read"), {"configurationKey": keys})
        assert asked == [("GetConfiguration", {})]
        assert (answer.json()["state"], answer.json()["variables"]) == ("complete", 3)

        listed = {each["variable"]: each for each in await walk(owner, at, limit=1)}
        assert list(listed) == ["AuthorizationKey", "HeartbeatInterval", "NumberOfConnectors"]
        assert (listed["AuthorizationKey"]["value"], listed["AuthorizationKey"]["secret"]) == (None, True)
        assert [each["variable"] for each in await walk(owner, at, search="heartBEAT")] == ["HeartbeatInterval"]
        assert [each["variable"] for each in await walk(owner, at, read_only=True)] == ["NumberOfConnectors"]

        wanted = [change("HeartbeatInterval", "60"), change("Locale", "de"), change("NumberOfConnectors", "9")]
        asked, answer = await obeyed(
            station,
            owner.post(at, json={"variables": wanted}),
            {"status": "Accepted"},
            {"status": "RebootRequired"},
            {"status": "Rejected"},
        )
        assert [each[1] for each in asked] == [
            {"key": "HeartbeatInterval", "value": "60"},
            {"key": "Locale", "value": "de"},
            {"key": "NumberOfConnectors", "value": "9"},
        ]
        said = answer.json()["variables"]
        assert [each["outcome"] for each in said] == ["accepted", "reboot_required", "refused"]
        [command] = await walk(owner, "/api/v1/stations/CP1/commands", action="GetConfiguration")
        assert command["outcome"] == "answered"
        shown = await owner.get(f"/api/v1/stations/CP1/commands/{said[2]['command_id']}")
        assert shown.json()["answer"] == {"status": "Rejected"}
        values = {each["variable"]: each["value"] for each in await walk(owner, at)}
        assert values == {"AuthorizationKey": None, "HeartbeatInterval": "60", "NumberOfConnectors": "2"}
        twice = {"variables": [change("A", "1"), change("A", "2")]}
        problem(await owner.post(at, json=twice), 422, "variable-changes-refused")
        placed = {"variables": [change("A", "1", "OCPPCommCtrlr")]}
        problem(await owner.post(at, json=placed), 422, "variable-changes-refused")


async def test_after_an_answer_that_never_came_the_rest_is_not_sent(rig: Rig, owner: AsyncClient) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        assert "currentTime" in await station.call("Heartbeat", {})
        wanted = [change("A", "1"), change("B", "2"), change("C", "3")]
        asking = asyncio.create_task(owner.post("/api/v1/stations/CP1/variables", json={"variables": wanted}))
        _, message_id, *_ = await station.next_ask()
        await station.link.send(json.dumps([3, message_id, {"status": "Accepted"}]))
        assert (await station.next_ask())[3] == {"key": "B", "value": "2"}
        await station.link.close()
        said = (await asking).json()["variables"]
    assert [(each["variable"], each["outcome"]) for each in said] == [
        ("A", "accepted"),
        ("B", "unknown"),
        ("C", "unsent"),
    ]
    assert said[1]["said"] == "station-lost"


async def test_a_2_x_station_is_sent_as_many_at_once_as_it_said_and_each_has_its_own_result(
    rig: Rig, owner: AsyncClient
) -> None:
    await rig.register("CP2")
    at = "/api/v1/stations/CP2/variables"
    async with rig.station("CP2", "ocpp2.0.1") as station:
        assert "currentTime" in await station.call("Heartbeat", {})
        asked, answer = await obeyed(station, owner.post(f"{at}/read"), {"status": "Accepted"})
        assert answer.json()["state"] == "reading"
        limit = {
            "component": {"name": "DeviceDataCtrlr"},
            "variable": {"name": "ItemsPerMessage", "instance": "SetVariables"},
            "variableAttribute": [{"value": "2", "mutability": "ReadOnly"}],
        }
        report = {
            "requestId": asked[0][1]["requestId"],
            "generatedAt": "2026-03-01T12:00:00Z",
            "seqNo": 0,
            "reportData": [limit],
        }
        assert await station.call("NotifyReport", report) == {}
        assert (await owner.get(f"{at}/reading")).json()["state"] == "complete"
        [row] = await walk(owner, at, component="DeviceDataCtrlr")
        assert row["variable"] == "ItemsPerMessage[SetVariables]"

        wanted = [change(name, "1", "Ctrlr@1") for name in ("A", "B", "C")]

        def result(name: str, status: str) -> dict[str, Any]:
            place = {"component": {"name": "Ctrlr", "evse": {"id": 1}}, "variable": {"name": name}}
            return {"attributeStatus": status, **place}

        asked, answer = await obeyed(
            station,
            owner.post(at, json={"variables": wanted}),
            {"setVariableResult": [result("B", "UnknownVariable"), result("A", "Accepted")]},
            {"setVariableResult": [result("C", "RebootRequired")]},
        )
        assert [[each["variable"]["name"] for each in call["setVariableData"]] for _, call in asked] == [
            ["A", "B"],
            ["C"],
        ]
        said = {each["variable"]: (each["outcome"], each["said"]) for each in answer.json()["variables"]}
        assert said == {
            "A": ("accepted", "Accepted"),
            "B": ("refused", "UnknownVariable"),
            "C": ("reboot_required", "RebootRequired"),
        }


async def test_service_and_messages_are_asked_for_in_the_words_of_each_version(rig: Rig, owner: AsyncClient) -> None:
    problem(await owner.post("/api/v1/stations/NO/trigger", json={"message": "Heartbeat"}), 404, "station-unknown")
    for identity, version in (("CP1", "ocpp1.6"), ("CP2", "ocpp2.0.1")):
        await rig.register(identity)
        at = f"/api/v1/stations/{identity}"
        problem(await owner.post(f"{at}/availability", json={"operative": False}), 409, "station-offline")
        async with rig.station(identity, version) as station:
            assert "currentTime" in await station.call("Heartbeat", {})
            asked, answer = await obeyed(
                station,
                owner.post(f"{at}/availability", json={"operative": False, "evse": 1}),
                {"status": "Scheduled"},
            )
            old = version == "ocpp1.6"
            wanted = (
                {"connectorId": 1, "type": "Inoperative"}
                if old
                else {"operationalStatus": "Inoperative", "evse": {"id": 1}}
            )
            assert asked == [("ChangeAvailability", wanted)]
            assert (answer.json()["accepted"], answer.json()["status"]) == (True, "Scheduled")
            _, answer = await obeyed(
                station, owner.post(f"{at}/trigger", json={"message": "Heartbeat"}), {"status": "NotImplemented"}
            )
            assert (answer.json()["accepted"], answer.json()["status"]) == (False, "NotImplemented")
