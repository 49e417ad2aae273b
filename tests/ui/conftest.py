"""The page of `harness` behind a real server, for a browser or a socket to meet."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import uvicorn

from forecourt.ui.errors import AssetsMissing
from tests.support import WAIT_S
from tests.ui.harness import Fleet, application

#: How long pages that are still open may hold up the end of a test.
SHUTDOWN_S = 2

Serve = Callable[..., AbstractAsyncContextManager[str]]


@asynccontextmanager
async def served(app: Any, port: int = 0) -> AsyncIterator[str]:
    """The address of an ASGI application, on a port of its own unless one is named."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(
        app, log_level="warning", lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=SHUTDOWN_S
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(WAIT_S):
            while not server.started:
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await running


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """`async with serve(fleet, signed_in=True, port=0) as address`."""

    @asynccontextmanager
    async def serve_fleet(fleet: Fleet, *, signed_in: bool = True, port: int = 0) -> AsyncIterator[str]:
        try:
            app, _ = application(fleet, monkeypatch.setattr, signed_in=signed_in)
        except AssetsMissing as fault:
            pytest.skip(fault.detail)
        async with served(app, port) as address:
            yield address

    return serve_fleet
