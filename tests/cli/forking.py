"""Runs `forecourt` commands in processes of their own that need not load it anew: most of a short command is that.

`python -m tests.cli.forking` reads commands as JSON, one a line: arguments, environment and where output goes. A child,
forked with everything loaded, is that command to its end; its exit code is answered, one a line.
"""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from typer.main import get_command

from forecourt.cli import app
from forecourt.platform.collector import loading

#: What commands load once they run.
USUAL = ("forecourt.cli.client", "httpcore", "httpx", "idna", "pydantic.main", "rich.table", "typer._coercion")


def main() -> None:
    with loading():
        for name in USUAL:
            import_module(name)
        command = get_command(app)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            be(command, json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def be(command: Callable[[], object], how: dict[str, Any]) -> None:
    """Is this command; it ends the process."""
    os.environ.clear()
    os.environ.update(how["env"])
    for file, name in ((sys.stdin, os.devnull), (sys.stdout, how["out"]), (sys.stderr, how["err"])):
        path = Path(name)
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), file.fileno())
    sys.argv = ["forecourt", *how["arguments"]]
    command()


if __name__ == "__main__":
    main()
