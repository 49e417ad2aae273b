"""One provider for all tests here, an account of its own for each."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox import Sandbox, sandbox

Json = dict[str, Any]


@pytest.fixture(scope="session")
def server() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest.fixture
def box(server: Sandbox) -> Iterator[Sandbox]:
    """A fresh account; what goes wrong for it goes wrong no longer afterwards."""
    yield server.another()
    server.faults()
    server.control("webhooks", {})
    server.control("settings", {"increments_declined": False, "settle_days": 2})
