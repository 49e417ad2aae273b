"""The live socket `/live`: signed-in people on our own pages only, and nobody holds it open without answering.

The page sends `{"watch": [topics]}` whenever what is on screen changes and `{"pong": true}` when asked; it is sent
`{"snapshot": {...}}`, `{"delta": {...}}` and `{"ping": true}`.
"""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler
from msgspec import Meta, Struct

from forecourt.ui.live import MAX_WATCHED, Hub, Page, TooManyPages
from forecourt.ui.shell import Authenticate, Viewer

Socket = WebSocket[Any, Any, Any]

PING_EVERY_S: Final = 20.0
#: A page answers every ping; one that has said nothing for so long is gone.
IDLE_DEADLINE_S: Final = 60.0
SEND_DEADLINE_S: Final = 10.0
#: How long a page may stay open after its person signed out or was removed.
SIGN_IN_RECHECK_S: Final = 60.0
#: 500 topics of the longest identities, escaped.
MAX_MESSAGE_BYTES: Final = 256 * 1024
MAX_TOPIC_LENGTH: Final = 270

#: Close codes that live.js knows: don't come back before signing in; come back later; a fault in the page itself.
SIGNED_OUT: Final = 4401
FOREIGN_ORIGIN: Final = 4403
TRY_LATER: Final = 1013
NOT_UNDERSTOOD: Final = 4400
GONE: Final = 1001

_PING: Final = '{"ping":true}'


class _Said(Struct, frozen=True):
    watch: Annotated[list[Annotated[str, Meta(max_length=MAX_TOPIC_LENGTH)]], Meta(max_length=MAX_WATCHED)] | None = (
        None
    )
    pong: bool = False


_said = msgspec.json.Decoder(_Said).decode


class _Close(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def live_route(hub: Hub, authenticate: Authenticate, *, origins: frozenset[str] = frozenset()) -> WebsocketRouteHandler:
    """The handler of `/live`. `origins` are accepted besides the host's own, as `https://console.example`."""

    @websocket("/live", opt={"public": True})
    async def live(socket: WebSocket[Any, Any, Any]) -> None:
        if not _from_our_pages(socket, origins):
            await socket.close(code=FOREIGN_ORIGIN, reason="foreign origin")
            return
        viewer = await authenticate(socket)
        await socket.accept()
        if viewer is None:
            await socket.close(code=SIGNED_OUT, reason="signed out")
            return
        try:
            async with hub.open(viewer.tenant_id, viewer.sites) as page:
                await _first_to_end(
                    _hear(socket, hub, page), _tell(socket, page), _stay_signed_in(socket, authenticate, viewer)
                )
        except WebSocketDisconnect:
            return
        except TooManyPages as fault:
            await _close(socket, TRY_LATER, fault.title())
        except _Close as end:
            await _close(socket, end.code, end.reason)

    return live


def _from_our_pages(socket: Socket, origins: frozenset[str]) -> bool:
    """Browsers send cookies along with a foreign page's socket too, but tell truly where it comes from."""
    origin = socket.headers.get("origin", "")
    return bool(origin) and (origin in origins or urlsplit(origin).netloc == socket.headers.get("host"))


async def _first_to_end(*parts: Coroutine[Any, Any, None]) -> None:
    """Run the parts of a conversation until one ends, with its reason; the others are stopped."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _hear(socket: Socket, hub: Hub, page: Page) -> None:
    while True:
        try:
            async with asyncio.timeout(IDLE_DEADLINE_S):
                message = await socket.receive_data(mode="text")
        except TimeoutError:
            raise _Close(GONE, "no answer") from None
        if len(message) > MAX_MESSAGE_BYTES:
            raise _Close(NOT_UNDERSTOOD, "message too large")
        try:
            said = _said(message)
        except msgspec.DecodeError:
            raise _Close(NOT_UNDERSTOOD, "not understood") from None
        if said.watch is not None:
            await hub.watch(page, said.watch)


async def _tell(socket: Socket, page: Page) -> None:
    while True:
        try:
            async with asyncio.timeout(PING_EVERY_S):
                frame = await page.next_frame()
        except TimeoutError:
            frame = _PING
        try:
            async with asyncio.timeout(SEND_DEADLINE_S):
                await socket.send_data(frame, mode="text")
        except TimeoutError:
            raise _Close(GONE, "not reading") from None


async def _stay_signed_in(socket: Socket, authenticate: Authenticate, before: Viewer) -> None:
    while True:
        await asyncio.sleep(SIGN_IN_RECHECK_S)
        viewer = await authenticate(socket)
        if viewer is None or viewer.tenant_id != before.tenant_id:
            raise _Close(SIGNED_OUT, "signed out")
        if viewer.sites != before.sites:
            raise _Close(TRY_LATER, "limited to other sites")


async def _close(socket: Socket, code: int, reason: str) -> None:
    try:
        async with asyncio.timeout(SEND_DEADLINE_S):
            await socket.close(code=code, reason=reason)
    except (TimeoutError, RuntimeError, OSError):
        return
