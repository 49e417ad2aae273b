"""A place where commands are run."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support import WAIT_S


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
