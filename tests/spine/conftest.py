"""Deployments for the hard tests: real processes over the servers of the run, or over servers to be killed."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

# What these assert is explained as in a test.
pytest.register_assert_rewrite("tests.spine.books", "tests.spine.plant", "tests.spine.processes")

from tests.conftest import Servers  # noqa: E402
from tests.spine.processes import Deployment  # noqa: E402

ROOT = Path(__file__).parents[2]


def shared_data(name: str) -> Path:
    """A folder of real data that is kept beside the checkout; the test is skipped where it is absent."""
    folder = Path(os.environ.get("FORECOURT_TEST_DATA") or ROOT / ".." / "shared" / "data") / name
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}; set FORECOURT_TEST_DATA to the folder that holds {name}")
    return folder


@pytest_asyncio.fixture
async def deployment(servers: Servers, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A fresh database on the servers of the run, and no process yet."""
    with servers.database() as database:
        async with Deployment(
            tmp_path, database_url=database.url, admin_url=database.admin_url, nats_url=servers.nats.url
        ) as deployment:
            yield deployment
