"""What every request passes, whoever answers it: an id, security headers, one log line, two measures."""

import re
import time
from secrets import token_hex
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from forecourt.access import Actor
from forecourt.app import slashes
from forecourt.platform.cards import holds_card, masked
from forecourt.ui.security import SECURITY_HEADERS

log = structlog.get_logger("forecourt.access_log")

REQUEST_ID_HEADER = b"x-request-id"
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
#: Half a year, only ever said over TLS.
STRICT_TRANSPORT = b"max-age=15552000"
#: Asked every few seconds by machines: counted, but not worth a line.
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})

REQUESTS = Counter("forecourt_http_requests_total", "Requests answered.", ["method", "route", "status"])
DURATION_S = Histogram(
    "forecourt_http_request_seconds",
    "Time from a request to the end of its answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


class Edge:
    """The outermost ASGI application."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._inner(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        slashes.hide(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began, status = time.perf_counter(), 500

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _dressed(scope, list(message.get("headers", ())), request_id)
            await send(message)

        try:
            await self._inner(scope, receive, send_dressed)
        finally:
            _note(scope, status, time.perf_counter() - began)


def _request_id(scope: Scope) -> str:
    """The id that a proxy gave the request, or a new one: an id that is the number of a card would be logged."""
    given = next((value for name, value in scope["headers"] if name == REQUEST_ID_HEADER), b"")
    usable = REQUEST_ID.fullmatch(given) is not None and not holds_card(given.decode())
    return given.decode() if usable else token_hex(8)


def _dressed(scope: Scope, headers: list[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers with those that every answer has; a route's own word about one of them stands."""
    present = {name.lower() for name, _ in headers}
    every = [*_HEADERS, (b"cache-control", b"no-store"), (REQUEST_ID_HEADER, request_id.encode())]
    if scope["scheme"] == "https":
        every.append((b"strict-transport-security", STRICT_TRANSPORT))
    return headers + [(name, value) for name, value in every if name not in present]


def _note(scope: Any, status: int, duration_s: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"
    route = scope.get("path_template") or "unknown"
    REQUESTS.labels(method, route, str(status)).inc()
    DURATION_S.labels(method, route).observe(duration_s)
    if scope["path"] in QUIET:
        return
    actor = scope.get("user")
    who = {"actor": str(actor), "tenant_id": actor.tenant_id} if isinstance(actor, Actor) else {}
    log.info(
        "request",
        method=method,
        path=masked(slashes.shown(scope["path"])),
        status=status,
        duration_ms=round(duration_s * 1000, 1),
        **who,
    )
