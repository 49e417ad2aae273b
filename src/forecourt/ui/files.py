"""Files that people take away: kept by who asks, and by nobody on the way."""

from collections.abc import AsyncIterator, Iterator
from typing import Final

from litestar import Response
from litestar.response import Stream

CSV: Final = "text/csv; charset=utf-8"


def file(content: bytes, media_type: str, name: str) -> Response[bytes]:
    """A file to take away."""
    return Response(content, media_type=media_type, headers=_headers(name))


def streamed(
    parts: AsyncIterator[bytes] | AsyncIterator[str] | Iterator[str] | list[bytes], media_type: str, name: str
) -> Stream:
    """A file to take away whose parts are made while it is sent."""
    return Stream(parts, media_type=media_type, headers=_headers(name))


def _headers(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"', "cache-control": "private, no-store"}
