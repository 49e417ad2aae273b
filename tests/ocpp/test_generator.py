import subprocess
import sys
from pathlib import Path

from tests.support import WAIT_S

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_messages_are_what_the_schemas_say() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "generate_ocpp.py", "--check"],
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
