"""The kill tests at length: a hundred rounds of kill -9 under load, and as many while money moves, each proven to hit
work in flight."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from bench.figures import Figure
from forecourt.platform.embedded.process import Guise, launch_command

ROUNDS = 100
TEST = "tests/spine/test_kill.py"
#: As many processes are killed while they hold, take, give back and pay out money.
PAYMENTS = "tests/payments/test_kills.py"
#: Beside the report of the first: what the kills of the second hit.
PAYMENTS_REPORT = "payment-kills.jsonl"
#: What the rounds may take to end everything that they started, once they are told to stop.
STOP_WAIT_S = 90.0


def run(rounds: int, report: Path) -> list[Figure]:
    """Run the rounds of both, their words going to the terminal; `report` takes what each round hit, as it is done.

    Raises RuntimeError when something was lost or doubled, or when the rounds could not be run to their end.
    """
    return under_load(rounds, report) + while_money_moves(rounds, report.with_name(PAYMENTS_REPORT))


def under_load(rounds: int, report: Path) -> list[Figure]:
    """Of the parts, while stations charge."""
    return _figures(_killed(TEST, {"FORECOURT_KILL_ROUNDS": str(rounds)}, "FORECOURT_KILL_REPORT", report))


def while_money_moves(rounds: int, report: Path) -> list[Figure]:
    """Of processes that hold, take, give back and pay out money."""
    found = _killed(PAYMENTS, {"FORECOURT_PAYMENT_KILLS": str(rounds)}, "FORECOURT_PAYMENT_KILL_REPORT", report)
    *kills, whole = found
    kinds = Counter(each["kind"] for each in kills)
    return [
        Figure(what="kill -9 while money moves", unit="", ours=len(kills)),
        *(Figure(what=f"Of them at a {kind}", unit="", ours=number) for kind, number in sorted(kinds.items())),
        # The test has failed before it comes to these if there were any.
        Figure(what="Captures, refunds or payouts that were doubled", unit="", ours=0, goal_most=0),
        Figure(what="Captures at the provider without a posting", unit="", ours=0, goal_most=0),
        Figure(what="Until every payment was final again", unit="s", ours=whole["final_after_s"], goal_most=60),
    ]


def _killed(test: str, wanted: dict[str, str], named: str, report: Path) -> list[dict[str, Any]]:
    """Runs a test; the lines of its report."""
    report.unlink(missing_ok=True)
    report.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | wanted | {named: str(report.absolute())}
    command = [sys.executable, "-m", "pytest", "-q", "-s", test]
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
    return [msgspec.json.decode(line) for line in report.read_bytes().splitlines()]


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
    ]
