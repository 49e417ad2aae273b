"""Every process is a command."""

import pytest
from typer.testing import CliRunner

from forecourt.app import entry
from forecourt.cli import app


@pytest.mark.parametrize("name", entry.PROCESSES)
def test_each_process_can_be_run_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    ran: list[str] = []
    monkeypatch.setattr(entry, "run", ran.append)
    assert CliRunner().invoke(app, [name]).exit_code == 0
    assert ran == [name]
