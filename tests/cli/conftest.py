"""A place where commands are run, against a web and a gateway that a module has one of."""

import asyncio
import itertools
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec import Struct

from forecourt.access import Role, store
from forecourt.access.service import key_digest
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from tests.ground import Ground
from tests.stations.gateway.conftest import SECRET, Rig
from tests.support import WAIT_S
from tests.ui.conftest import served

_numbers = itertools.count(1)


class Said(Struct, frozen=True, kw_only=True):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Forker:
    """Runs commands one after the other; see `tests.cli.forking`."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._out, self._err = folder / "out", folder / "err"
        self._turn = asyncio.Lock()

    async def run(self, arguments: tuple[str, ...], env: dict[str, str]) -> tuple[int, str, str]:
        """Exit code, and what was printed and said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        command = {"arguments": arguments, "env": env, "out": str(self._out), "err": str(self._err)}
        async with self._turn:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            code = await asyncio.wait_for(self._process.stdout.readline(), WAIT_S)
            return int(code), self._out.read_text(encoding="utf-8"), self._err.read_text(encoding="utf-8")


@pytest_asyncio.fixture(scope="module")
async def forker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Forker]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.cli.forking", stdin=PIPE, stdout=PIPE)
    yield Forker(process, tmp_path_factory.mktemp("commands"))
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait_for(process.wait(), WAIT_S)


class Shell:
    """Runs `forecourt` in an environment of its own, for an organisation that the key is an owner's of."""

    def __init__(self, url: str, key: str, folder: Path, forker: Forker) -> None:
        self.url = url
        self.key = key
        self._forker = forker
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("FORECOURT_")}
        self.env |= {"FORECOURT_PUBLIC_URL": url, "FORECOURT_API_KEY": key, "FORECOURT_DATA_DIR": str(folder)}

    async def start(self, *arguments: str) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "forecourt.cli", *arguments, env=self.env, stdout=PIPE, stderr=PIPE
        )

    async def run(self, *arguments: str) -> Said:
        code, out, err = await self._forker.run(arguments, self.env)
        return Said(code=code, out=out, err=" ".join(err.split()))


@pytest_asyncio.fixture(scope="module")
async def rig_of_module(ground: Ground) -> AsyncIterator[Rig]:
    rig = Rig(ground)
    await rig.start()
    try:
        yield rig
    finally:
        await rig.stop()


@pytest_asyncio.fixture(scope="module")
async def web(rig_of_module: Rig) -> AsyncIterator[tuple[Pool, str]]:
    """The web with its address; to put its routes together takes longer than most tests."""
    bus = await Bus.connect(rig_of_module.nats_url)
    async with (
        Pool(rig_of_module.database.url, "forecourt_app", size=2) as db,
        served(create_app(Settings(secret_key=SECRET), db, bus, SystemClock())) as url,
    ):
        yield db, url
    await bus.close()


@pytest.fixture
def rig(rig_of_module: Rig) -> Rig:
    """The gateway of the module, with an organisation that no other test has."""
    rig_of_module.organisation = f"Org {next(_numbers)}"
    return rig_of_module


@pytest_asyncio.fixture
async def shell(rig: Rig, web: tuple[Pool, str], tmp_path: Path, forker: Forker) -> Shell:
    db, url = web
    tenant_id, key = rig.tenant(), f"fc_a key of {rig.organisation}"
    async with db.tenant(tenant_id) as conn:
        await store.insert_key(conn, tenant_id, "owner", Role.OWNER, key_digest(SECRET.encode(), key))
    return Shell(url, key, tmp_path, forker)
