"""Runs one process of Forecourt by its name: `python -m forecourt.app.entry gateway`.

`forecourt up` starts its processes here and not by the command line, whose libraries take longer to load than some of
the processes themselves.
"""

import os
import sys
from importlib import import_module

from forecourt.platform import log
from forecourt.platform.collector import loading
from forecourt.platform.errors import ForecourtError
from forecourt.platform.settings import load

#: The module of each process; its `main(settings)` runs until it is told to stop.
PROCESSES = {
    "gateway": "forecourt.app.gateway_process",
    "web": "forecourt.app.web_process",
    "worker": "forecourt.app.worker_process",
    "planner": "forecourt.app.planner_process",
}


def run(name: str) -> None:
    """Loads the settings, sets up logging, and runs the process to its end."""
    settings = load(os.environ)
    log.set_up(settings.log_level, settings.log_format)
    with loading():
        process = import_module(PROCESSES[name])
    process.main(settings)


def main() -> None:
    """Runs the process that the command line names."""
    try:
        run(sys.argv[1])
    except ForecourtError as fault:
        sys.exit(fault.detail)


if __name__ == "__main__":
    main()
