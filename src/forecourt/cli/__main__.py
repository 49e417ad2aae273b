"""`python -m forecourt.cli` is `forecourt`."""

from forecourt.cli import app

app()
