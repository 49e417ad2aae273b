"""`forecourt up` as a person uses it: one command, and afterwards nothing is left behind."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from forecourt.app.up import check_ports
from forecourt.platform.embedded.process import alive
from forecourt.platform.errors import SettingsError
from forecourt.platform.settings import Settings
from tests.support import WAIT_S, free_port, port_in_use


class Deployment:
    """A `forecourt up` in a folder of its own, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.web_port, self.ocpp_port = free_port(), free_port()
        self.output = folder.with_suffix(".output")
        self._process: subprocess.Popen[bytes] | None = None
        # One for all questions: to make one takes longer than an answer.
        self.http = httpx.Client(timeout=5)

    def command(self, **settings: object) -> tuple[list[str], dict[str, str]]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("FORECOURT_")}
        own = {"DATA_DIR": self.folder, "HOST": "127.0.0.1", "WEB_PORT": self.web_port, "OCPP_PORT": self.ocpp_port}
        own |= {"DEMO_PAST": "false"}
        env |= {f"FORECOURT_{name}": str(value) for name, value in (own | settings).items()}
        return [sys.executable, "-m", "forecourt.cli", "up", "--demo"], env | {"COLUMNS": "200"}

    def start(self) -> None:
        command, env = self.command()
        with self.output.open("wb") as out:
            self._process = subprocess.Popen(command, env=env, stdout=out, stderr=out)
        until(lambda: "Forecourt is up" in self.said() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def said(self) -> str:
        return self.output.read_text()

    def family(self) -> list[int]:
        """Every process that it started, and theirs."""
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def member(self, word: str) -> int:
        """The child whose command has a part that ends like this."""
        (found,) = [pid for pid, command in self.children() if any(part.endswith(word) for part in command)]
        return found

    def children(self) -> Iterator[tuple[int, list[str]]]:
        """Each child that runs, with its command."""
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # or a zombie, which has no command
                yield child.pid, child.cmdline()

    def answers(self) -> bool:
        """Whether the web is ready: it serves, and reaches its database and its bus."""
        try:
            return self.http.get(f"http://127.0.0.1:{self.web_port}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def takes_stations(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ocpp_port)) == 0


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One that runs; the last test of this module stops it."""
    one = Deployment(tmp_path_factory.mktemp("up") / "var")
    one.start()
    yield one
    one.http.close()
    if one.process.poll() is None:
        one.process.kill()


def test_it_says_where_to_look_and_how_to_sign_in(deployment: Deployment) -> None:
    assert f"http://127.0.0.1:{deployment.web_port}" in deployment.said()
    assert f"ws://127.0.0.1:{deployment.ocpp_port}/ocpp/" in deployment.said()
    assert "Sign in" in deployment.said()
    assert str(deployment.folder) in deployment.said()
    until(deployment.answers)


def test_the_demo_has_a_payment_provider_and_writes_down_where_and_by_which_key(deployment: Deployment) -> None:
    kept = json.loads((deployment.folder / "demo.json").read_text())
    told = kept["provider"]
    answer = deployment.http.get(f"{told['address']}/v1/balance", auth=(told["key"], ""), timeout=WAIT_S)
    assert (answer.status_code, answer.json()["object"]) == (200, "balance")
    assert {"email", "password", "api_key"} < kept.keys()


def test_a_second_one_in_the_same_folder_is_told_who_holds_it(deployment: Deployment) -> None:
    command, env = deployment.command(WEB_PORT=free_port(), OCPP_PORT=free_port())
    second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert second.returncode == 1
    assert f"process {deployment.process.pid}" in second.stderr


def test_a_taken_port_is_named_with_its_variable_before_anything_starts(deployment: Deployment, tmp_path: Path) -> None:
    command, env = deployment.command(DATA_DIR=tmp_path / "other", WEB_PORT=free_port())
    second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert second.returncode == 1
    assert f"Port {deployment.ocpp_port} is taken" in second.stderr
    assert "FORECOURT_OCPP_PORT" in second.stderr
    assert not (tmp_path / "other" / "postgres").exists()


@pytest.mark.parametrize("name", ["gateway", "web", "bin/postgres", "nats-server"])
def test_whatever_is_killed_comes_back(deployment: Deployment, name: str) -> None:
    victim = deployment.member(name)
    told = deployment.said().count("starting it again")
    os.kill(victim, signal.SIGKILL)
    until(lambda: not alive(victim))
    until(lambda: deployment.said().count("starting it again") > told)
    until(lambda: deployment.answers() and deployment.takes_stations())


def test_a_ctrl_c_stops_everything_and_a_new_start_finds_its_data(deployment: Deployment) -> None:
    family = deployment.family()
    assert len(family) > 5
    deployment.process.send_signal(signal.SIGINT)
    assert deployment.process.wait(WAIT_S) == 0
    assert [pid for pid in family if alive(pid)] == []
    signs = [line for line in deployment.said().splitlines() if "Sign in" in line]
    deployment.start()
    assert [line for line in deployment.said().splitlines() if "Sign in" in line] == signs
    until(deployment.answers)


def test_killing_it_outright_leaves_no_process_either(deployment: Deployment) -> None:
    family = deployment.family()
    assert len(family) > 5
    deployment.process.kill()
    deployment.process.wait(WAIT_S)
    until(lambda: [pid for pid in family if alive(pid)] == [])
    shutil.rmtree(deployment.folder, ignore_errors=True)


def test_two_of_our_own_that_ask_for_one_port_are_told_so_in_one_sentence() -> None:
    web, metrics = "FORECOURT_WEB_PORT", "FORECOURT_METRICS_PORT"
    port = free_port()
    while port_in_use(port - 1):
        port = free_port()
    with pytest.raises(SettingsError, match=f"{web} and {metrics} .* ask for the same port {port}: change one"):
        check_ports(Settings(host="127.0.0.1", web_port=port, ocpp_port=free_port(), metrics_port=port - 1))
