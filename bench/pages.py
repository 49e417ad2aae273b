"""What people wait for: pages and the API at 10,000 stations and a million sessions, and how soon a page shows what a
station said, with 50 pages open.

The organisation is filled by SQL, the station and the pages speak to a real gateway and a real web process. There is no
ordinary way to compare with: the figures are told with their goals.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import httpx
import msgspec
from playwright.async_api import Error as BrowserError
from playwright.async_api import async_playwright
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from bench.crowd import PASSWORD
from bench.figures import Figure
from bench.servers import SECRET, Server, Stage
from forecourt.app import bootstrap
from forecourt.platform.settings import Settings
from forecourt.stations.model import password_hash

GOAL_ANSWER_MS = 100.0
GOAL_LIVE_MS = 1_000.0
OPEN_PAGES = 50
SITES = 40
SAID = 60
SAY_EVERY_S = 0.25
DEADLINE_S = 30.0
BROWSER = "/usr/bin/chromium"
SPEAKER = "BENCH-00001"
ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')

#: What an operator opens all day, and what programs ask; {session} is one in the middle of the million.
ADDRESSES = (
    "/stations",
    "/stations?q=00420",
    "/stations?state=Charging",
    "/stations?page=150",
    f"/stations/{SPEAKER}/panel",
    "/stations/points",
    "/api/v1/stations?limit=200",
    f"/api/v1/stations/{SPEAKER}",
    f"/api/v1/stations/{SPEAKER}/messages",
    "/api/v1/sessions?limit=50",
    f"/api/v1/sessions?station={SPEAKER}",
    "/api/v1/sessions/{session}",
    "/api/v1/sessions/{session}/samples",
    "/api/v1/tokens",
)


async def measure(stage: Stage) -> list[Figure]:
    """Answers, live pages, weight and first paint."""
    stations, sessions, rounds = (2_000, 100_000, 10) if stage.quick else (10_000, 1_000_000, 40)
    settings = Settings(data_dir=stage.folder, secret_key=SECRET)
    made = await bootstrap.ensure(settings, stage.postgres.admin_url, demo=True)
    async with stage.gateway() as gateway, stage.web() as web:
        session_id = await _fill(stage, made.tenant_id, stations, sessions)
        await stage.settle()
        base = f"http://127.0.0.1:{web.port}"
        async with httpx.AsyncClient(base_url=base, timeout=DEADLINE_S, headers={"origin": base}) as client:
            answer = await client.post("/sign-in", data={"email": made.email, "password": made.password})
            assert answer.status_code == 303, answer.text
            answers = await _answers(client, session_id, rounds)
            weight = await _weight(client, "/stations")
            live = await _live(gateway, client)
            paint = await _first_paint(base, client)
    at = f"at {stations:,} stations and {sessions:,} sessions"
    slowest, waits = max(answers.items(), key=lambda each: _percentile(each[1], 95))
    everything = [wait for each in answers.values() for wait in each]
    return [
        Figure(what=f"Server answer {at}: 95 %", unit="ms", ours=_percentile(everything, 95), goal_most=GOAL_ANSWER_MS),
        Figure(what=f"Slowest of {len(answers)}, {slowest}: 95 %", unit="ms", ours=_percentile(waits, 95)),
        Figure(
            what=f"From a station's message to {OPEN_PAGES} open pages: 99 %", unit="ms", ours=_percentile(live, 99),
            goal_most=GOAL_LIVE_MS,
        ),
        Figure(what="From a station's message to an open page: median", unit="ms", ours=_percentile(live, 50)),
        Figure(what="Stations page: weight with its first assets", unit="KiB", ours=weight / 1024),
        *([] if paint is None else [Figure(what="Stations page: first contentful paint", unit="ms", ours=paint)]),
    ]  # fmt: skip


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


async def _fill(stage: Stage, tenant_id: int, stations: int, sessions: int) -> str:
    """Stations at sites, half of them as if connected, their connectors, tokens and past sessions."""
    hashed = password_hash(SECRET.encode(), PASSWORD)
    async with await stage.admin() as connection:
        for statement, parameters in (
            (
                "INSERT INTO sites (tenant_id, slug, name, time_zone, latitude, longitude)"
                " SELECT %s, 'bench-' || n, 'Bench site ' || n, 'Europe/Berlin', 45 + n * 0.2, 5 + n * 0.2"
                " FROM generate_series(1, %s::int) n",
                (tenant_id, SITES),
            ),
            (
                "INSERT INTO stations (tenant_id, identity, name, password_hash, site_id, max_power_w)"
                " SELECT %s, 'BENCH-' || lpad(n::text, 5, '0'), 'Bay ' || n, %s,"
                " (SELECT site_id FROM sites WHERE slug = 'bench-' || 1 + n %% %s), 22000"
                " FROM generate_series(1, %s::int) n",
                (tenant_id, hashed, SITES, stations),
            ),
            (
                "INSERT INTO gateways VALUES ('far away', now(), now() + interval '1 day') ON CONFLICT DO NOTHING",
                (),
            ),
            (
                "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at,"
                " last_seen_at) SELECT station_id, tenant_id, 1, 'far away', 'ocpp1.6', now(), now() FROM stations"
                " WHERE tenant_id = %s AND station_id %% 2 = 0",
                (tenant_id,),
            ),
            (
                "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
                " SELECT station_id, evse, 1, tenant_id, (ARRAY['Available', 'Charging', 'Faulted', 'SuspendedEV'])"
                "[1 + (station_id + evse) %% 4], now() FROM stations, generate_series(1, 2) evse WHERE tenant_id = %s",
                (tenant_id,),
            ),
            (
                "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
                " heard_at, end_key, ended_at, place_key, evse, connector, meter_start_key, meter_start_wh,"
                " meter_stop_key, meter_stop_wh)"
                " SELECT s.tenant_id, s.station_id, 'B' || n, n, at, n + 1, at + interval '1 hour', at, n + 1,"
                " at + interval '1 hour', n, 1, 1, n, 0, n + 1, 1000 + n %% 40000"
                " FROM generate_series(1, %s::int) n"
                " CROSS JOIN LATERAL (SELECT now() - n * interval '30 s' AS at) a"
                " JOIN stations s ON s.identity = 'BENCH-' || lpad((1 + n %% %s)::text, 5, '0')",
                (sessions, stations),
            ),
        ):
            await connection.execute(statement.encode(), parameters)
        cursor = await connection.execute(
            "SELECT session_id::text FROM sessions WHERE transaction_id = %s", (f"B{sessions // 2}",)
        )
        row: Any = await cursor.fetchone()
    await stage.refresh()
    return str(row[0])


async def _answers(client: httpx.AsyncClient, session_id: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each address, asked in turn; the first round warms up."""
    waits: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for address in ADDRESSES:
            began = perf_counter()
            answer = await client.get(address.format(session=session_id))
            assert answer.status_code == 200, f"{address}: {answer.status_code} {answer.text[:200]}"
            if number:
                waits.setdefault(address, []).append((perf_counter() - began) * 1e3)
    return waits


async def _weight(client: httpx.AsyncClient, address: str) -> float:
    """Bytes on the wire of a page and of what its head names."""
    headers = {"accept-encoding": "gzip"}
    total = 0
    async with client.stream("GET", address, headers=headers) as answer:
        page = b"".join([part async for part in answer.aiter_raw()])
        total += len(page)
    text = (await client.get(address)).text
    for asset in sorted(set(ASSET.findall(text))):
        async with client.stream("GET", asset, headers=headers) as answer:
            total += sum([len(part) async for part in answer.aiter_raw()])
    return total


@asynccontextmanager
async def _station(gateway: Server) -> AsyncIterator[ClientConnection]:
    headers = {"Authorization": f"Basic {_basic(SPEAKER, PASSWORD)}"}
    address = f"ws://127.0.0.1:{gateway.port}/ocpp/{SPEAKER}"
    async with connect(address, subprotocols=[Subprotocol("ocpp1.6")], additional_headers=headers) as socket:
        yield socket


def _basic(user: str, password: str) -> str:
    return httpx.BasicAuth(user, password)._auth_header.removeprefix("Basic ")


async def _call(socket: ClientConnection, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    await socket.send(msgspec.json.encode([2, action, action, payload]).decode())
    answer = msgspec.json.decode(await socket.recv())
    assert answer[0] == 3, answer
    return dict(answer[2])


async def _live(gateway: Server, client: httpx.AsyncClient) -> list[float]:
    """Milliseconds from a MeterValues' sending to each page's showing its energy."""
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    base = str(client.base_url).rstrip("/")
    address = base.replace("http", "ws", 1) + "/live"
    waits: list[float] = []
    sent: dict[int, float] = {}
    done = asyncio.Event()

    async def page() -> None:
        async with connect(address, origin=Origin(base), additional_headers={"cookie": cookie}) as socket:
            await socket.send(msgspec.json.encode({"watch": [f"station.{SPEAKER}", "totals"]}).decode())
            seen = 0
            async for text in socket:
                frame = msgspec.json.decode(text)
                if "ping" in frame:
                    await socket.send('{"pong":true}')
                energy = (frame.get("delta") or frame.get("snapshot") or {}).get(f"station.{SPEAKER}.energy_wh")
                if energy in sent and energy > seen:
                    seen = energy
                    waits.append((perf_counter() - sent[energy]) * 1e3)
                if len(waits) == SAID * OPEN_PAGES:
                    done.set()

    pages = [asyncio.create_task(page()) for _ in range(OPEN_PAGES)]
    try:
        async with _station(gateway) as socket:
            started = await _start(socket)
            await asyncio.sleep(2.0)
            for number in range(1, SAID + 1):
                sent[number * 10] = perf_counter()
                await _call(socket, "MeterValues", _values(started, number * 10))
                await asyncio.sleep(SAY_EVERY_S)
            async with asyncio.timeout(DEADLINE_S):
                await done.wait()
    finally:
        for task in pages:
            task.cancel()
        await asyncio.gather(*pages, return_exceptions=True)
    return waits


async def _start(socket: ClientConnection) -> int:
    await _call(socket, "BootNotification", {"chargePointVendor": "Bench", "chargePointModel": "One"})
    now = datetime.now(UTC).isoformat()
    answer = await _call(
        socket, "StartTransaction", {"connectorId": 1, "idTag": "BENCH", "meterStart": 0, "timestamp": now}
    )
    return int(answer["transactionId"])


def _values(transaction_id: int, register_wh: int) -> dict[str, Any]:
    # A second apart each, so that each is the latest; in the past, so that none is ahead.
    at = datetime.now(UTC) - timedelta(seconds=SAID - register_wh // 10)
    value = {"timestamp": at.isoformat(), "sampledValue": [{"value": str(register_wh)}]}
    return {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}


async def _first_paint(base: str, client: httpx.AsyncClient) -> float | None:
    """Milliseconds to the first contentful paint in a real browser; None where there is none."""
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
            context = await browser.new_context()
            cookies: Any = [{"name": name, "value": value, "url": base} for name, value in client.cookies.items()]
            await context.add_cookies(cookies)
            page = await context.new_page()
            await page.goto(f"{base}/stations")
            await page.wait_for_timeout(1_000)
            entry = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
            painted = await page.evaluate(entry)
            await browser.close()
    except BrowserError:
        return None
    return None if painted is None else float(painted)
