"""The command, as a process of its own, and the registering that it does."""

import asyncio
import base64
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from forecourt.simulator import fleet
from forecourt.simulator.connection import Address
from forecourt.simulator.provision import Api, Refusal, Registered, Site
from tests.simulator.csms import Stub

COLUMNS = "station=plug,start=from,end=to,energy_wh=wh,id=nr,token=who,site=place"


def sessions_csv(path: Path, count: int) -> Path:
    start = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    rows = ["nr,plug,from,to,wh,who,place"]
    for n in range(count):
        begin = start + timedelta(minutes=40 * (n // 3))
        rows.append(
            f"{n},P{n % 3},{begin.isoformat()},{(begin + timedelta(minutes=35)).isoformat()},{n * 57},u{n},Nørre 1"
        )
    rows.append(f"x,P1,{start.isoformat()},NA,1,u,p")
    path.write_text("\n".join(rows))
    return path


async def simulate(*arguments: str | Path, env: dict[str, str] | None = None) -> Process:
    command = [sys.executable, "-m", "forecourt.simulator", *map(str, arguments)]
    path = str(Path(__file__).parents[2] / "src")
    return await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=PIPE, env={"PYTHONPATH": path, "COLUMNS": "200", **(env or {})}
    )


class Office:
    """The HTTP API as far as registering goes."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.stations: dict[str, str] = {}
        self.refuse = False

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer the-key":
            return web.json_response({"title": "Sign in."}, status=401)
        body: Any = await request.json() if request.can_read_body else {}
        self.asked.append((request.method, request.path, body))
        if request.method == "POST" and self.refuse:
            return web.json_response({"title": "No."}, status=422)
        if request.path == "/api/v1/stations" and request.method == "POST":
            if body["id"] in self.stations:
                return web.json_response({}, status=409)
            self.stations[body["id"]] = body.get("password")
            return web.json_response(body, status=201)
        return web.json_response({"items": [], "next": None}, status=200 if request.method == "GET" else 201)


@pytest.fixture
def office() -> Office:
    return Office()


async def opened(office: Office) -> TestServer:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", office.answer)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_a_replay_registers_plays_and_reports(tmp_path: Path, office: Office) -> None:
    server = await opened(office)
    file = sessions_csv(tmp_path / "s.csv", 12)
    async with Stub() as stub:
        stub.passwords = {f"P{n}": fleet.password("the-key", f"P{n}") for n in range(3)}
        process = await simulate(
            *("--url", stub.url, "--api", str(server.make_url("/")), "--replay", file, "--columns", COLUMNS),
            *("--json", tmp_path / "report.json", "--ledger", tmp_path / "ledger"),
            env={"FORECOURT_API_KEY": "the-key"},
        )
        _, words = await process.communicate()
        assert process.returncode == 0, words.decode()
        assert stub.faults == []
        assert sorted(stop - start for start, stop in stub.books().values()) == [n * 57 for n in range(12)]
    await server.close()
    assert office.stations == stub.passwords
    assert ("POST", "/api/v1/sites", {"slug": "n-rre-1", "name": "Nørre 1"}) in office.asked
    assert sum(path == "/api/v1/tokens" for _, path, _ in office.asked) == 12
    assert b"refused 1: no end" in words
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["sessions_done"] == 12
    assert report["energy_done_wh"] == sum(n * 57 for n in range(12))
    assert b"the-key" not in words


async def test_a_replay_stopped_by_ctrl_c_goes_on_later_and_no_session_is_told_twice(tmp_path: Path) -> None:
    file = sessions_csv(tmp_path / "s.csv", 60)
    async with Stub() as stub:
        shared = ("--url", stub.url, "--replay", file, "--columns", COLUMNS, "--state", tmp_path / "state")
        process = await simulate(*shared, "--speed", "1000")
        await stub.until(lambda: len(stub.books()) >= 6)
        process.send_signal(signal.SIGINT)
        await process.communicate()
        assert process.returncode == 130
        assert len(stub.books()) < 60
        process = await simulate(*shared)
        _, words = await process.communicate()
        assert process.returncode == 0, words.decode()
        assert sorted(stop - start for start, stop in stub.books().values()) == [n * 57 for n in range(60)]


async def test_the_demo_ends_at_sigterm_with_no_transaction_left_open() -> None:
    async with Stub() as stub:
        process = await simulate("--url", stub.url, "--demo")
        await stub.until(lambda: len(stub.connections) > 50 and len(stub.all("StartTransaction")) > 3)
        process.send_signal(signal.SIGTERM)
        _, words = await process.communicate()
        assert process.returncode == 0, words.decode()
        assert len(stub.all("StartTransaction")) == len(stub.all("StopTransaction"))
        kinds = [event["eventType"] for event in stub.all("TransactionEvent")]
        assert kinds.count("Started") == kinds.count("Ended")


async def test_idle_stations_connect_by_number(tmp_path: Path) -> None:
    async with Stub() as stub:
        process = await simulate("--url", stub.url, "--stations", "30", "--version", "2.1")
        await stub.until(lambda: len(stub.all("StatusNotification")) == 30)
        process.send_signal(signal.SIGINT)
        _, words = await process.communicate()
        assert process.returncode == 0
        assert b"30 of 30 accepted" in words


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "choose one of"),
        (("--demo", "--stations", "3"), "choose one of"),
        (("--stations", "3", "--version", "1.5"), "1.5 is none of"),
        (("--stations", "3", "--api", "http://127.0.0.1:1"), "API key"),
        (("--replay", "no-such-file"), "can't be replayed"),
        (("--replay", __file__, "--columns", "station=a"), "lacks start"),
        (("--replay", __file__), "columns mapped"),
    ],
)
async def test_a_mistake_on_the_command_line_is_explained(arguments: tuple[str, ...], complaint: str) -> None:
    process = await simulate(*arguments)
    _, words = await process.communicate()
    assert process.returncode != 0
    assert complaint in " ".join(words.decode().replace("│", " ").split())
    assert "Traceback" not in words.decode()


async def test_a_station_that_is_known_already_is_brought_up_to_date(office: Office) -> None:
    server = await opened(office)
    office.stations["CP 1"] = "old"
    async with Api(str(server.make_url("/")), "the-key") as api:
        await api.ready()
        await api.register([Site(slug="a", name="A")], [Registered(id="CP 1", site="a", password="new")], {})
    await server.close()
    method, path, body = office.asked[-1]
    assert (method, path) == ("PATCH", "/api/v1/stations/CP 1")
    assert body["password"] == "new"
    assert "id" not in body


async def test_what_the_api_refuses_is_told(office: Office) -> None:
    server = await opened(office)
    office.refuse = True
    async with Api(str(server.make_url("/")), "the-key") as api:
        with pytest.raises(Refusal, match="POST /sites was answered 422"):
            await api.register([Site(slug="a", name="A")], [], {})
    async with Api(str(server.make_url("/")), "another") as api:
        with pytest.raises(Refusal, match="401"):
            await api.ready()
    await server.close()


def test_basic_authentication_names_the_station() -> None:
    address = Address(url="ws://h/ocpp/", identity="CP 1", subprotocol="ocpp2.1", password="p:w")
    assert address.target() == "ws://h/ocpp/CP%201"
    header = dict(address.headers())["Authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"CP 1:p:w"
