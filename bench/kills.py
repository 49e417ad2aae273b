"""The kill test at length: a hundred rounds of kill -9 under load, each proven to hit work in flight."""

import os
import subprocess
import sys

ROUNDS = 100
TEST = "tests/spine/test_kill.py"


def run(rounds: int = ROUNDS) -> bool:
    """Run the rounds, their words going to the terminal; whether nothing was lost or doubled."""
    environment = os.environ | {"FORECOURT_KILL_ROUNDS": str(rounds)}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", TEST]
    return subprocess.run(command, env=environment, check=False).returncode == 0
