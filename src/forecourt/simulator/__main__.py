"""`python -m forecourt.simulator`: the `simulate` command by itself."""

from forecourt.simulator.command import app

app()
