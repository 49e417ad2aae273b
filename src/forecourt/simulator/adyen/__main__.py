"""`python -m forecourt.simulator.adyen`: the second sandbox provider by itself."""

from forecourt.simulator.adyen.command import app

app()
