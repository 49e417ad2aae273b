"""One WebSocket connection of a station, as far as OCPP cares: text frames, three ways to end, and dialling."""

import asyncio
import base64
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from forecourt.simulator import wire
from forecourt.simulator.faults import Cut

HANDSHAKE_DEADLINE_S = 15
READ_BUFFER = 512
#: A half-open socket is let go after so long.
GHOST_S = 5.0


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where and as whom to dial. `url` without the identity; `local` binds the near end."""

    url: str
    identity: str
    subprotocol: str
    password: str | None = None
    local: str | None = None

    def target(self) -> str:
        return f"{self.url.rstrip('/')}/{quote(self.identity, safe='')}"

    def headers(self) -> list[tuple[str, str]]:
        headers = [("Sec-WebSocket-Protocol", self.subprotocol)]
        if self.password is not None:
            pair = base64.b64encode(f"{self.identity}:{self.password}".encode()).decode()
            headers.append(("Authorization", f"Basic {pair}"))
        return headers


class Line(Protocol):
    """What a connection belongs to."""

    def up(self, connection: "Connection") -> None: ...
    def down(self, connection: "Connection") -> None: ...
    def frame(self, raw: bytes) -> None: ...


class Connection(WSListener):
    """A connection that tells its line of every frame, and says nothing more once it was ended."""

    def __init__(self, link: Line) -> None:
        self._link = link
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []
        self._muted = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._link.up(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._muted:
            return
        if frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION, WSMsgType.BINARY):
            if frame.fin and not self._parts:
                self._link.frame(frame.get_payload_as_bytes())
                return
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                raw, self._parts = b"".join(self._parts), []
                self._link.frame(raw)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        self._link.down(self)

    def send(self, frame: list[Any]) -> None:
        if self._transport is not None and not self._muted:
            self._transport.send(WSMsgType.TEXT, wire.encode(frame))

    def end(self, cut: Cut) -> None:
        transport = self._transport
        if transport is None:
            return
        self._muted = True
        if cut is Cut.HALF_OPEN:
            # Nothing is read or said any more, and the other side is not told.
            asyncio.get_running_loop().call_later(GHOST_S, transport.disconnect, False)
        elif cut is Cut.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        else:
            transport.disconnect(False)
        self._link.down(self)


async def dial(address: Address, line: Line) -> None:
    """Connects; the line hears `up` before this returns. Raises OSError, TimeoutError or WSError."""
    extra: dict[str, Any] = {"local_addr": (address.local, 0)} if address.local else {}
    await ws_connect(
        lambda: Connection(line),
        address.target(),
        extra_headers=address.headers(),
        websocket_handshake_timeout=HANDSHAKE_DEADLINE_S,
        read_buffer_init_size=READ_BUFFER,
        use_aiofastnet=False,
        **extra,
    )
