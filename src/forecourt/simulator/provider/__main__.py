"""`python -m forecourt.simulator.provider`: the sandbox provider by itself."""

from forecourt.simulator.provider.command import app

app()
