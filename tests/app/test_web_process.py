"""The web as a process of its own: real sockets, real signals."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from httpx import Client

from forecourt.app.web_process import serve
from forecourt.platform.database import DatabaseUnsafe
from forecourt.platform.settings import Settings
from forecourt.ui.assets import STATIC_DIR
from tests.conftest import Database
from tests.http import SECRET
from tests.support import WAIT_S, free_port

pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)


@contextmanager
def web(settings: Settings, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process; killed at the end if it still runs."""
    program = "import os; from forecourt.platform.settings import load; from forecourt.app.web_process import main"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", f"{program}; main(load(os.environ))"],
            env=settings.environment() | {"PATH": ""},
            stdout=out,
            stderr=out,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def until_ready(client: Client, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, output.read_text()
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(output.read_text())


def test_it_serves_on_its_port_and_ends_in_order_when_told(database: Database, nats_url: str, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        host="127.0.0.1",
        web_port=free_port(),
        database_url=database.url,
        nats_url=nats_url,
        secret_key=SECRET,
    )
    output = tmp_path / "web.log"
    with (
        web(settings, output) as process,
        Client(base_url=f"http://127.0.0.1:{settings.web_port}", timeout=WAIT_S) as client,
    ):
        until_ready(client, process, output)
        page = client.get("/sign-in")
        assert page.status_code == 200
        assert "server" not in page.headers
        asset = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
        assert client.get(asset).status_code == 200
        assert client.get("/", headers={"accept": "text/html"}).status_code in (303, 404)
        assert client.get("/stations", headers={"accept": "text/html"}).headers["location"].startswith("/sign-in?next=")
        assert client.get("/api/v1/openapi.json").json()["openapi"].startswith("3.1")
        assert client.get("/api/v1/stations").status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
    assert SECRET not in output.read_text()


async def test_it_refuses_a_role_that_row_level_security_does_not_hold(
    database: Database, nats_url: str, tmp_path: Path
) -> None:
    settings = Settings(
        data_dir=tmp_path,
        host="127.0.0.1",
        web_port=free_port(),
        database_url=database.admin_url,
        nats_url=nats_url,
        secret_key=SECRET,
    )
    with pytest.raises(DatabaseUnsafe, match="row-level security"):
        await asyncio.wait_for(serve(settings), WAIT_S)
