"""What gateways and workers measure, asked of the processes as they really run."""

import asyncio
import base64
import re
from pathlib import Path

import httpx
import psycopg
import pytest
import websockets
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from forecourt.app.up import check_ports, metrics_ports
from forecourt.app.works import _counted
from forecourt.platform import metrics, outbox
from forecourt.platform.commit import MAX_PATIENT, GroupCommit, Write
from forecourt.platform.database import Pool
from forecourt.platform.errors import SettingsError
from forecourt.platform.settings import Settings, load
from forecourt.simulator.fleet import password
from tests.conftest import Database
from tests.spine.processes import STATIONS_SECRET, Deployment
from tests.stations.gateway.conftest import StationClient
from tests.stations.gateway.test_sessions_over_sockets import boot, start
from tests.support import WAIT_S, free_port


def measured(text: str, name: str) -> float:
    """One value by its name with its labels."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found is not None, f"{name} is not in\n{text}"
    return float(found[1])


async def test_a_gateway_and_a_worker_tell_what_they_did(database: Database, nats_url: str, tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("ocpp", "gateway", "worker")}
    async with (
        Deployment(tmp_path, database_url=database.url, admin_url=database.admin_url, nats_url=nats_url) as deployment,
        httpx.AsyncClient(timeout=WAIT_S) as http,
    ):
        deployment.register(["M1"])
        gateway = deployment.program("gateway", ocpp_port=ports["ocpp"], metrics_port=ports["gateway"])
        worker = deployment.program("worker", metrics_port=ports["worker"])
        await asyncio.gather(gateway.start(), worker.start())

        async def asked(name: str) -> str:
            return (await http.get(f"http://127.0.0.1:{ports[name]}/metrics")).raise_for_status().text

        word = base64.b64encode(f"M1:{password(STATIONS_SECRET, 'M1')}".encode()).decode()
        async with websockets.connect(
            f"ws://127.0.0.1:{ports['ocpp']}/ocpp/M1",
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            additional_headers={"Authorization": f"Basic {word}"},
            open_timeout=WAIT_S,
        ) as link:
            station = StationClient(link)
            await boot(station)
            await station.call("StartTransaction", start())
            text = await asked("gateway")
        assert measured(text, "forecourt_connected_stations") == 1
        assert measured(text, 'forecourt_messages_total{action="StartTransaction"}') == 1
        assert measured(text, "forecourt_commits_total") >= 2
        assert measured(text, "forecourt_commit_writes_total") >= measured(text, "forecourt_commits_total")
        assert measured(text, "forecourt_database_away") == measured(text, "forecourt_commit_dropped_total") == 0
        async with asyncio.timeout(WAIT_S):
            while 'forecourt_jobs_total{end="done",job="sessions.review"} 1.0' not in (text := await asked("worker")):
                await asyncio.sleep(0.1)
        assert measured(text, "forecourt_outbox_rows") >= 0
        assert measured(text, "forecourt_outbox_lag_seconds") >= 0


def lag_s() -> float:
    lag = REGISTRY.get_sample_value("forecourt_outbox_lag_seconds")
    assert lag is not None
    return lag


async def test_the_lag_is_the_age_of_the_oldest_row_that_somebody_follows(database: Database) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        tenant = connection.execute("INSERT INTO organisations (name) VALUES ('Lag') RETURNING tenant_id").fetchone()
        assert tenant is not None
        for event, age_s in (("followed", 30), ("followed", 90), ("nobody's", 500)):
            connection.execute(
                "INSERT INTO outbox (event, subject, tenant_id, written_at)"
                " VALUES (%s, %s, %s, now() - make_interval(secs => %s))",
                (event, str(age_s), tenant[0], age_s),
            )
    followed: outbox.Routes = {"followed": None}  # type: ignore[dict-item]  # looked at by its name alone
    async with Pool(database.url, "forecourt_worker", size=1) as pool:
        await outbox.measure_once(pool, followed)
        assert REGISTRY.get_sample_value("forecourt_outbox_rows") == 2
        assert 90 <= lag_s() < 90 + WAIT_S
        await outbox.measure_once(pool, {})
        assert lag_s() == 0


async def test_a_failed_try_of_a_job_is_counted_and_still_fails() -> None:
    async def job() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await _counted("test.fails", job)()
    assert 'forecourt_jobs_total{end="failed",job="test.fails"} 1.0' in generate_latest().decode()


async def test_a_database_that_is_away_and_dropped_rows_show() -> None:
    async def nowhere() -> psycopg.AsyncConnection[object]:
        raise OSError("no database")

    async def never(*_: object) -> None:
        raise AssertionError("nothing is at fault")

    commit = GroupCommit(nowhere, (), never)
    registry = CollectorRegistry()
    registry.register(metrics.CommitMeasures(commit))
    for _ in range(MAX_PATIENT + 3):
        commit.submit_patiently(Write())
    text = generate_latest(registry).decode()
    assert measured(text, "forecourt_commit_dropped_total") == 3
    assert measured(text, "forecourt_commit_waiting") == MAX_PATIENT
    assert measured(text, "forecourt_database_away") == 0
    running = asyncio.create_task(commit.run())
    async with asyncio.timeout(WAIT_S):
        while commit.away_since is None:
            await asyncio.sleep(0.01)
    assert measured(generate_latest(registry).decode(), "forecourt_database_away") == 1
    running.cancel()


def test_nothing_listens_unless_a_port_is_set_and_a_taken_one_is_said() -> None:
    with metrics.served(Settings()):
        pass
    settings = Settings(metrics_port=free_port())
    with metrics.served(settings):
        assert httpx.get(f"http://127.0.0.1:{settings.metrics_port}/metrics", timeout=WAIT_S).status_code == 200
        with pytest.raises(SettingsError, match="FORECOURT_METRICS_PORT"), metrics.served(settings):
            pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{settings.metrics_port}/metrics")


def test_up_gives_every_process_a_port_of_its_own() -> None:
    assert metrics_ports(Settings()) == {}
    settings = Settings(metrics_port=9464, gateway_workers=2)
    assert metrics_ports(settings) == {"worker": 9464, "gateway": 9465, "gateway-2": 9466, "planner": 9467}
    with pytest.raises(SettingsError, match="no ports behind it"):
        load({"FORECOURT_METRICS_PORT": "65535"})
    with pytest.raises(SettingsError, match="FORECOURT_METRICS_HOST"):
        check_ports(
            Settings(
                host="127.0.0.1",
                web_port=free_port(),
                ocpp_port=free_port(),
                metrics_host="192.0.2.1",
                metrics_port=9464,
            )
        )
