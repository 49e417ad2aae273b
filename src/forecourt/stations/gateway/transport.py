"""WebSockets: the one place that knows a library. Two carriers that pass the same tests: picows, fast, and aiohttp.

A carrier upgrades, authenticates by asking `door`, reassembles fragments up to a total size, and hands whole text
messages to a `Connection`. Pings find peers that are gone without saying so.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Protocol

import aiohttp
import structlog
from aiohttp import web
from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from forecourt.stations.gateway.connection import Connection
from forecourt.stations.gateway.roster import Admission, Refusal
from forecourt.stations.gateway.server import REFUSALS, Gateway

log = structlog.get_logger(__name__)

# A member is looked up in its enum slowly, and this is asked for every frame.
_TEXT = WSMsgType.TEXT
_CONTINUATION = WSMsgType.CONTINUATION
#: Kinds of alternative names by which a certificate may name a station. An address is none: it says where one is.
_NAMING = frozenset(("DNS", "URI", "email"))

#: Bytes of one message, fragments together. Firmware and certificates travel elsewhere; reports come in pages.
MAX_MESSAGE = 1 << 20
HANDSHAKE_DEADLINE_S = 20.0
#: Every socket is looked at this often: one that was silent since the last look is pinged, one that was silent since
#: its ping is given up.
LOOK_EVERY_S = 30.0
#: A look at all sockets is spread over so many steps, so that thousands of pings don't hold up what is in work.
LOOK_STEPS = 30
BACKLOG = 4096
READ_BUFFER = 1024
#: Bytes that may wait to be sent to one station before its socket is given up as dead.
MAX_UNSENT = 4 << 20
CLOSE_DEADLINE_S = 2.0


class Server(Protocol):
    """A listening socket."""

    async def stop(self) -> None:
        """Accept no more."""


def knock(
    gateway: Gateway,
    path: str,
    headers: Mapping[str, str],
    *,
    tls: bool,
    peer: str,
    certificate_names: Collection[str] = (),
) -> Admission | Refusal:
    """Decide an upgrade, and have it kept who is refused."""
    if not gateway.accepting:
        return Refusal(503, "Not taking connections at the moment: try again shortly.")
    answer = gateway.roster.admit(path, headers, tls=tls, certificate_names=certificate_names)
    if isinstance(answer, Refusal):
        REFUSALS.labels(str(answer.status)).inc()
        log.info("upgrade refused", path=path.partition("?")[0][-80:], status=answer.status, reason=answer.reason)
        roster = gateway.roster
        by_tls, address = roster.by_tls(headers, tls=tls), roster.address_of(headers, peer)
        gateway.knocks.heard(path, headers, answer, tls=by_tls, address=address)
    return answer


def names_in(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """What a verified certificate, as `ssl` gives it, names: common names of its subject, and alternative names of it.

    2.0.1 A00.FR.405 puts the station's own number into the common name; authorities that follow RFC 6125 put names into
    the extension. Alternative names that are more than a text (a directory's) are left out.
    """
    certificate = certificate or {}
    subject = (pair for part in certificate.get("subject", ()) for pair in part)
    common = (value for name, value in subject if name == "commonName")
    alternative = (value for kind, value in certificate.get("subjectAltName", ()) if kind in _NAMING)
    return frozenset(value for value in (*common, *alternative) if isinstance(value, str))


class _WatchedHandshake(ssl.SSLObject):
    """TLS on a listening socket, which says why a handshake fails: event loops only close the connection, so that to a
    CSMS a station which does not trust its certificate looks like one that never came."""

    #: Of each listening socket, in a subclass of its own.
    failed: ClassVar[Callable[[str], None]]

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise
        except ssl.SSLError as fault:
            type(self).failed(fault.reason or type(fault).__name__)
            raise


def watch_handshakes(tls: ssl.SSLContext, failed: Callable[[str], None]) -> None:
    """Have the reason of every handshake that fails told, in OpenSSL's words; a peer that only hangs up has none."""
    tls.sslobject_class = type("_Handshake", (_WatchedHandshake,), {"failed": staticmethod(failed)})


class _PicowsSocket(WSListener):
    __slots__ = (
        "_admission",
        "_connection",
        "_gateway",
        "_heard",
        "_parts",
        "_pinged",
        "_size",
        "_sockets",
        "_transport",
    )

    def __init__(self, gateway: Gateway, admission: Admission, sockets: "set[_PicowsSocket]") -> None:
        super().__init__()
        self._gateway = gateway
        self._sockets = sockets
        self._heard = True
        self._pinged = False
        self._admission: Admission | None = admission
        self._connection: Connection | None = None
        self._transport: WSTransport | None = None
        self._parts: list[bytes] | None = None
        self._size = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._sockets.add(self)
        admission, self._admission = self._admission, None
        if admission is not None:
            peer = transport.underlying_transport.get_extra_info("peername")
            self._connection = self._gateway.accept(admission, self, str(peer[0]) if peer else "")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._connection is not None:
            self._connection.lost()
        self._sockets.discard(self)
        self._connection = self._transport = None

    def look(self) -> None:
        """Ping a peer that was silent since the last look; give up one that was silent since its ping."""
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        if self._heard:
            self._heard = self._pinged = False
        elif self._pinged:
            transport.disconnect(graceful=False)
        else:
            self._pinged = True
            transport.send_ping()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._heard = True
        kind = frame.msg_type
        if kind == _TEXT and frame.fin and self._parts is None:
            if self._connection is not None:
                self._connection.received(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif kind in (_TEXT, _CONTINUATION):
            self._fragment(frame)
        elif kind == WSMsgType.BINARY:
            self.close(WSCloseCode.UNSUPPORTED_DATA.value, "OCPP-J speaks text")

    def _fragment(self, frame: WSFrame) -> None:
        part = frame.get_payload_as_bytes()
        if (self._parts is None) == (frame.msg_type == _CONTINUATION):
            self.close(WSCloseCode.PROTOCOL_ERROR.value, "fragments out of order")
            return
        if self._parts is None:
            self._parts, self._size = [], 0
        self._parts.append(part)
        self._size += len(part)
        if self._size > MAX_MESSAGE:
            self._parts = None
            self.close(WSCloseCode.MESSAGE_TOO_BIG.value, f"over {MAX_MESSAGE} bytes")
        elif frame.fin:
            whole, self._parts = b"".join(self._parts), None
            if self._connection is not None:
                self._connection.received(whole)

    def send(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        transport.send(_TEXT, data)
        if transport.underlying_transport.get_write_buffer_size() > MAX_UNSENT:
            transport.disconnect(graceful=False)

    def close(self, code: int, reason: str) -> None:
        transport = self._transport
        if transport is not None and not transport.is_disconnected:
            transport.send_close(code, reason.encode())  # type: ignore[arg-type]
            transport.disconnect()

    def pause(self) -> None:
        if self._transport is not None:
            self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None:
            self._transport.underlying_transport.resume_reading()


class PicowsServer:
    """The carrier of choice."""

    def __init__(self, gateway: Gateway, tls: ssl.SSLContext | None) -> None:
        self._gateway = gateway
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._sockets: set[_PicowsSocket] = set()
        self._looking: asyncio.Task[None] | None = None
        # Given an adapter, the library makes no logger of its own for each socket.
        self._log = logging.LoggerAdapter(logging.getLogger("picows"))

    async def start(self, host: str, port: int) -> None:
        """Listen. Several processes may share the port (SO_REUSEPORT). Raises OSError when it is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._protocol, host, port, ssl=self._tls, backlog=BACKLOG, reuse_port=True
        )
        self._looking = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """Accept no more."""
        if self._server is not None:
            self._server.close()
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        """Find peers that are gone without saying so."""
        while True:
            sockets = list(self._sockets)
            for step in range(LOOK_STEPS):
                for socket in sockets[step::LOOK_STEPS]:
                    socket.look()
                await asyncio.sleep(LOOK_EVERY_S / LOOK_STEPS)

    def _protocol(self) -> WSProtocol:
        """The library's own protocol, made here and not by its `ws_create_server`, which does not tell the upgrade who
        the peer is. Positional arguments are all that it takes."""
        auto_ping, idle_s, reply_s, auto_pong = False, 0, 0, True  # its own pings cost a task for each socket

        def upgrade(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
            peer = made.transport.underlying_transport.get_extra_info("peername")
            return self._upgrade(request, str(peer[0]) if peer else "")

        made = WSProtocol(
            None, None, False, upgrade, self._log, True, HANDSHAKE_DEADLINE_S,
            auto_ping, idle_s, reply_s, WSAutoPingStrategy.PING_WHEN_IDLE, auto_pong, MAX_MESSAGE, None, READ_BUFFER,
        )  # fmt: skip
        return made

    def _upgrade(self, request: WSUpgradeRequest, peer: str) -> WSUpgradeResponseWithListener:
        # Its upgrade does not show client certificates: `carrier` gives sockets that ask for them to the twin.
        path = request.path.decode(errors="replace")
        answer = knock(self._gateway, path, request.headers, tls=self._tls is not None, peer=peer)
        if isinstance(answer, Refusal):
            extra = {"Content-Type": "text/plain; charset=utf-8"}
            if answer.status == 401:
                extra["WWW-Authenticate"] = 'Basic realm="OCPP"'
            response = WSUpgradeResponse.create_error_response(answer.status, answer.reason.encode(), extra)
            return WSUpgradeResponseWithListener(response, None)
        response = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": answer.version.value})
        return WSUpgradeResponseWithListener(response, _PicowsSocket(self._gateway, answer, self._sockets))


class _AiohttpSocket:
    """`send` and `close` only queue: one task a socket writes, so that callers never wait."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._unsent: asyncio.Queue[bytes | tuple[int, str]] = asyncio.Queue(maxsize=1024)
        self._readable = asyncio.Event()
        self._readable.set()

    def send(self, data: bytes) -> None:
        try:
            self._unsent.put_nowait(data)
        except asyncio.QueueFull:
            # Nobody reads at the other end: pings will find out.
            log.warning("an answer was dropped, the station does not read")

    def close(self, code: int, reason: str) -> None:
        try:
            self._unsent.put_nowait((code, reason))
        except asyncio.QueueFull:
            log.info("a socket was dropped with its answers unsent")

    def pause(self) -> None:
        self._readable.clear()

    def resume(self) -> None:
        self._readable.set()

    async def readable(self) -> None:
        await self._readable.wait()

    async def write(self) -> None:
        while True:
            item = await self._unsent.get()
            if isinstance(item, tuple):
                await self._socket.close(code=item[0], message=item[1].encode())
                return
            await self._socket.send_str(item.decode())


class AiohttpServer:
    """The twin: slower, for platforms without the fast one."""

    def __init__(self, gateway: Gateway, tls: ssl.SSLContext | None) -> None:
        self._gateway = gateway
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen, as PicowsServer does."""
        application = web.Application()
        application.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSE_DEADLINE_S)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, host, port, ssl_context=self._tls, backlog=BACKLOG, reuse_port=True)
        await self._site.start()

    async def stop(self) -> None:
        """Accept no more."""
        if self._site is not None:
            await self._site.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        certificate = request.transport.get_extra_info("peercert") if request.transport is not None else None
        answer = knock(
            self._gateway,
            request.rel_url.raw_path,
            request.headers,
            tls=self._tls is not None,
            peer=request.remote or "",
            certificate_names=names_in(certificate),
        )
        if isinstance(answer, Refusal):
            headers = {"WWW-Authenticate": 'Basic realm="OCPP"'} if answer.status == 401 else None
            return web.Response(status=answer.status, text=answer.reason, headers=headers)
        socket = web.WebSocketResponse(
            protocols=(answer.version.value,), max_msg_size=MAX_MESSAGE, heartbeat=LOOK_EVERY_S, compress=False
        )
        await socket.prepare(request)
        carrier = _AiohttpSocket(socket)
        connection = self._gateway.accept(answer, carrier, request.remote or "")
        writing = asyncio.create_task(carrier.write())
        try:
            await self._read(socket, carrier, connection)
        finally:
            connection.lost()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return socket

    async def _read(self, socket: web.WebSocketResponse, carrier: _AiohttpSocket, connection: Connection) -> None:
        while True:
            await carrier.readable()
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                connection.received(message.data.encode())
            elif message.type is aiohttp.WSMsgType.BINARY:
                carrier.close(aiohttp.WSCloseCode.UNSUPPORTED_DATA, "OCPP-J speaks text")
            else:
                return


def carrier(gateway: Gateway, transport: str, tls: ssl.SSLContext | None) -> PicowsServer | AiohttpServer:
    """The carrier for a listening socket: the one asked for, or the twin where client certificates are verified."""
    if tls is not None:
        watch_handshakes(tls, gateway.knocks.handshake_failed)
    if transport == "aiohttp" or (tls is not None and tls.verify_mode is not ssl.CERT_NONE):
        return AiohttpServer(gateway, tls)
    return PicowsServer(gateway, tls)


def server_tls(certificate: str, key: str, client_authorities: str | None) -> ssl.SSLContext:
    """A TLS 1.2+ context (2.0.1 A00.FR.313); with authorities, client certificates are verified where shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_authorities is not None:
        context.load_verify_locations(client_authorities)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
