"""The kill test at length: a hundred rounds of kill -9 under load, each proven to hit work in flight."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from bench.figures import Figure
from forecourt.platform.embedded.process import Guise, launch_command

ROUNDS = 100
TEST = "tests/spine/test_kill.py"
#: As many processes are killed while they hold, take and give back money.
PAYMENTS = "tests/payments/test_kills.py"
#: What the rounds may take to end everything that they started, once they are told to stop.
STOP_WAIT_S = 90.0


def run(rounds: int, report: Path) -> list[Figure]:
    """Run the rounds, their words going to the terminal; `report` takes what each round hit, as it is done.

    Raises RuntimeError when something was lost or doubled, or when the rounds could not be run to their end.
    """
    report.unlink(missing_ok=True)
    report.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"FORECOURT_KILL_ROUNDS": str(rounds), "FORECOURT_KILL_REPORT": str(report.absolute())}
    environment["FORECOURT_PAYMENT_KILLS"] = str(rounds)
    command = [sys.executable, "-m", "pytest", "-q", "-s", TEST, PAYMENTS]
    # A session of its own: a Ctrl-C reaches it once and through us. Whatever ends us tells it to stop.
    launch = launch_command(command, guise=Guise(), death_signal=signal.SIGINT)
    process = subprocess.Popen(launch, env=environment, start_new_session=True)
    try:
        code = process.wait()
    except BaseException:
        _stop(process)
        raise
    if code:
        raise RuntimeError(f"The kill test failed (exit code {code}); its words stand above.")
    return _figures([msgspec.json.decode(line) for line in report.read_bytes().splitlines()])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        process.wait(STOP_WAIT_S)
    process.kill()
    process.wait()


def _figures(lines: list[dict[str, Any]]) -> list[Figure]:
    *rounds, whole = lines
    return [
        Figure(what="kill -9 under load: rounds", unit="", ours=len(rounds)),
        Figure(what="Calls in flight at the kills", unit="", ours=sum(each["unanswered"] for each in rounds)),
        Figure(what="Of them stored and not yet answered", unit="", ours=sum(each["stored"] for each in rounds)),
        Figure(what="Messages acknowledged", unit="", ours=whole["messages"]),
        # The test has failed before it comes to this if there were any.
        Figure(what="Of them lost, or sessions doubled", unit="", ours=0, goal_most=0),
        Figure(what="Sessions charged beside it", unit="", ours=whole["sessions"]),
        Figure(what="kill -9 while money moves", unit="", ours=len(rounds)),
        Figure(what="Of them captured twice, or captured and not posted", unit="", ours=0, goal_most=0),
    ]
