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


async def _word(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_DEADLINE_S):
            await check()
    except Exception:  # noqa: BLE001  whatever is wrong, the part is not there
        return "away"
    return "ok"
