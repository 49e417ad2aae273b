"""What dies is started again, told in one line; what is stopped stays stopped, in order, within its time."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis.strategies import integers

from forecourt.app.supervisor import ProcessFailed, Service, Supervisor
from forecourt.platform.embedded.process import Child, alive, polling
from tests.conftest import CHANCE
from tests.support import WAIT_S

STEADY = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
#: Writes its name to a file when it is told to stop.
LAST_WORDS = """
import pathlib, signal, sys, time
def stop(number, frame):
    with pathlib.Path(sys.argv[1]).open("a") as file:
        file.write(sys.argv[2] + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(600)
"""


def service(folder: Path, name: str, code: str, *arguments: str, stop_wait_s: float = WAIT_S) -> Service:
    child = Child([sys.executable, "-c", code, *arguments], log=folder / f"{name}.log")
    return Service(name=name, child=child, stop_wait_s=stop_wait_s)


async def until_said(one: Service, word: str) -> None:
    async for _ in polling(WAIT_S):
        if word in one.child.tail():
            return
    raise AssertionError(f"{one.name} never said {word}")


async def test_a_process_that_is_killed_is_started_again_and_the_person_is_told_where_its_log_is(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    supervisor = Supervisor(told.append)
    web = service(tmp_path, "web", STEADY)
    await supervisor.start(web)
    supervisor.settle()
    first = web.child.pid
    os.kill(first, signal.SIGKILL)
    async for _ in polling(WAIT_S):
        if web.child.pid != first and web.child.running:
            break
    assert web.child.pid != first
    await supervisor.stop((("web",),))
    assert not web.child.running
    assert len(told) == 1
    assert "web ended (killed by SIGKILL)" in told[0]
    assert str(tmp_path / "web.log") in told[0]


async def test_a_process_that_ends_while_starting_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(pytest.fail)
    await supervisor.start(service(tmp_path, "web", "raise SystemExit('no such thing as a web')"))
    with pytest.raises(ProcessFailed, match="no such thing as a web"):
        await asyncio.wait_for(supervisor.failed, WAIT_S)
    await supervisor.stop((("web",),))


async def test_processes_stop_in_order(tmp_path: Path) -> None:
    supervisor = Supervisor(pytest.fail)
    words = tmp_path / "words"
    services = [service(tmp_path, name, LAST_WORDS, str(words), name) for name in ("web", "gateway", "gateway-2")]
    for one in services:
        await supervisor.start(one)
        await until_said(one, "ready")
    supervisor.settle()
    await supervisor.stop((("gateway",), ("web",)))
    assert sorted(words.read_text().split()[:2]) == ["gateway", "gateway-2"]
    assert words.read_text().split()[2:] == ["web"]


async def test_one_that_will_not_stop_is_killed_at_its_deadline(tmp_path: Path) -> None:
    supervisor = Supervisor(pytest.fail)
    deaf = service(tmp_path, "worker", STUBBORN, stop_wait_s=0.1)
    await supervisor.start(deaf)
    await until_said(deaf, "deaf")
    await supervisor.stop((("worker",),))
    assert deaf.child.returncode == -signal.SIGKILL
    assert not alive(deaf.child.pid)


async def test_tests_run_on_the_loop_of_the_processes() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)


@pytest.mark.skipif(CHANCE in os.environ, reason=f"{CHANCE} asks for other examples")
def test_properties_are_tried_on_the_same_examples_in_every_run() -> None:
    def tried() -> list[int]:
        found = list[int]()

        # Whatever else a test says of its examples.
        @settings(max_examples=20)
        @given(number=integers())
        def keep(number: int) -> None:
            found.append(number)

        keep()
        return found

    assert tried() == tried()
