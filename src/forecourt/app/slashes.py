"""Names that hold a slash, in addresses: `%2F` belongs to a name and must not part it.

A server hands on the path decoded, in which such a slash can't be told from one between two parts. So it is hidden
before the routes are looked at, and put back in what they found. Contract ids and other tokens may have one.
"""

import re
from urllib.parse import unquote

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

#: Stands in for it meanwhile. No name that is addressed may hold a control character.
HIDDEN = "\x1f"
_ENCODED = re.compile(rb"(?i)%2f")
_MARK = "slashes"


def hide(scope: Scope) -> None:
    """Hides the encoded slashes of a request's path from the router."""
    raw = scope.get("raw_path") or b""
    if _ENCODED.search(raw) is None:
        return
    scope["path"] = unquote(_ENCODED.sub(HIDDEN.encode(), raw).decode("latin-1"))
    scope.setdefault("state", {})[_MARK] = True


def shown(path: str) -> str:
    """A path as a person reads it in the log."""
    return path.replace(HIDDEN, "%2F")


class Slashes(ASGIMiddleware):
    """Puts hidden slashes back into the names that the router took from the path."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if _MARK in scope.get("state", {}):
            # The router keeps what it found for the next request to the same path: it must not be changed.
            scope["path_params"] = {
                name: value.replace(HIDDEN, "/") if isinstance(value, str) else value
                for name, value in scope["path_params"].items()
            }
        await next_app(scope, receive, send)
