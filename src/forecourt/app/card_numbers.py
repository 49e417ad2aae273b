"""Stands before every route and refuses a request that holds the number of a payment card: none of ours takes one, so
none gets to see it, and it is neither kept nor told back. Providers' webhooks come signed, and are left alone.
"""

import re
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from forecourt.payments.accounts.model import PREFIX
from forecourt.platform.cards import UID_LENGTH, holds_card
from forecourt.platform.errors import ForecourtError

#: Bytes of a body that are looked through; a longer one is refused by its route.
MAX_LOOKED: Final = 1024 * 1024
_WRITING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FORM: Final = b"application/x-www-form-urlencoded"
#: How JSON may write any character.
_ESCAPED: Final = re.compile(r"\\u([0-9A-Fa-f]{4})")
#: Headers of which something is kept.
_KEPT: Final = frozenset({b"idempotency-key"})


#: Where tokens are named, numbers of 14 digits are uids of RFID cards (see `platform.cards`).
_OF_TOKENS: Final = re.compile(r"/(?:tokens|start)(?:/|$)")
_UID: Final = re.compile(rf"(?<![0-9])[0-9]{{{UID_LENGTH}}}(?![0-9])")


class CardNumberRefused(ForecourtError):
    """This looks like the number of a payment card, which is taken by no page and no route here. Pay on the payment
    provider's page. Nothing of this request was kept."""

    status = 422
    code = "card-number-refused"


class CardNumbers:
    """Around the application."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(PREFIX):
            await self._inner(scope, receive, send)
            return
        asked = unquote_plus(scope["query_string"].decode("latin-1"))
        body, again = b"", receive
        if scope["method"] in _WRITING:
            body, again = await _read(receive)
        text = body.decode("utf-8", "replace")
        if dict(scope["headers"]).get(b"content-type", b"").startswith(_FORM):
            text = unquote_plus(text)
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        kept = (value.decode("latin-1") for name, value in scope["headers"] if name in _KEPT)
        said = [asked, text, scope["path"], *kept]
        if _OF_TOKENS.search(scope["path"]):
            said = [_UID.sub("", each) for each in said]
        if any(holds_card(each) for each in said):
            await _refuse(scope, send)
            return
        await self._inner(scope, again, send)


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The body as far as it is looked through, and what the route reads it from anew."""
    messages: list[Any] = []
    size, more = 0, True
    while more and size <= MAX_LOOKED:
        message: Any = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    waiting = iter(messages)

    async def again() -> Any:
        return next(waiting, None) or await receive()

    return b"".join(message.get("body", b"") for message in messages), again


async def _refuse(scope: Scope, send: Send) -> None:
    fault = CardNumberRefused()
    problem = {**fault.problem(), "request_id": scope.get("state", {}).get("request_id", "")}
    start: Message = {
        "type": "http.response.start",
        "status": fault.status,
        "headers": [(b"content-type", b"application/problem+json")],
    }
    await send(start)
    await send({"type": "http.response.body", "body": msgspec.json.encode(problem), "more_body": False})
