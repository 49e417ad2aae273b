"""What machines ask about a web process: does it live, can it serve, what does it measure."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

CHECK_DEADLINE_S = 2.0

#: Returns when a part is there, raises when it is not.
Check = Callable[[], Awaitable[None]]


@get("/healthz", opt={"public": True}, include_in_schema=False, media_type="text/plain")
async def healthz() -> str:
    """The process lives and its loop turns."""
    return "ok\n"


@get("/metrics", opt={"public": True}, include_in_schema=False)
async def metrics() -> Response[bytes]:
    """Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def readyz_route(checks: Mapping[str, Check]) -> HTTPRouteHandler:
    """GET /readyz: 200 when every part is there, 503 naming those that are not."""

    @get("/readyz", opt={"public": True}, include_in_schema=False)
    async def readyz() -> Response[dict[str, str]]:
        words = await asyncio.gather(*(_word(check) for check in checks.values()))
        parts = dict(zip(checks, words, strict=True))
        return Response(parts, status_code=200 if set(words) <= {"ok"} else 503)

    return readyz


#: Checks that answer no more; each ends by the deadlines of the part itself.
_late: set[asyncio.Future[None]] = set()


async def _word(check: Check) -> str:
    asked = asyncio.ensure_future(check())
    # Not cancelled: a driver that is cancelled asks its server first, which may stand still.
    done, _ = await asyncio.wait({asked}, timeout=CHECK_DEADLINE_S)
    if not done:
        _late.add(asked)
        asked.add_done_callback(_ended)
        return "away"
    return "ok" if asked.exception() is None else "away"


def _ended(asked: asyncio.Future[None]) -> None:
    _late.discard(asked)
    if not asked.cancelled():
        # Taken, so that nobody is told of a fault that was reported as the part being away.
        asked.exception()
