"""Writes that bear being asked twice: the header `Idempotency-Key` of every POST of the API.

Who did not hear the answer asks again with the same key and hears the answer of the first time; nothing is done anew.
An answer by which nothing was done is not kept, so that asking again is a new try.
"""

import os
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct

from forecourt.access import store
from forecourt.access.model import Actor
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest
from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
#: How long an answer is kept.
KEPT = timedelta(hours=24)
#: A request that is still at work after this long died with its process; its key may be used again.
ABANDONED = timedelta(minutes=2)
#: The longest answer that is kept, in bytes.
MAX_ANSWER_BYTES = 2 * 1024 * 1024
#: Kept besides answers of success: the station may have obeyed, and must not be asked a second time unseen.
OUTCOME_UNKNOWN = (502, 504)
_KEPT_HEADERS = (b"content-type", b"etag", b"location")
_NONCE_BYTES = 12


class IdempotencyKeyInvalid(ForecourtError):
    """The Idempotency-Key can't be used. Send 1 to 255 printable ASCII characters, such as a UUID."""

    status = 400
    code = "idempotency-key-invalid"


class IdempotencyKeyReused(ForecourtError):
    """This Idempotency-Key was used for another request. Choose a new key for each thing that you want done."""

    status = 422
    code = "idempotency-key-reused"


class RequestInFlight(ForecourtError):
    """A request with this Idempotency-Key is still at work. Ask again in a few seconds to hear its answer."""

    status = 409
    code = "request-in-flight"


class Answer(Struct, frozen=True, array_like=True):
    """What was answered, without the headers that every answer has."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Idempotent(ASGIMiddleware):
    """Stands before the routes, behind the one that finds out who asks."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, db: Pool, secret: bytes, clock: Clock, *, under: str, max_body_bytes: int) -> None:
        """`under` is what the paths of the API begin with; a longer body than `max_body_bytes` is left to the route."""
        self._under = under
        self._db = db
        self._secret = secret
        self._clock = clock
        self._max_body_bytes = max_body_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        actor = scope.get("user")
        key = ASGIConnection[Any, Any, Any, Any](scope).headers.get(HEADER)
        of_api = scope.get("method") == "POST" and scope["path"].startswith(self._under)
        if not of_api or key is None or not isinstance(actor, Actor):
            await next_app(scope, receive, send)
            return
        if not 0 < len(key) <= MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
            raise IdempotencyKeyInvalid
        body, again = await _read(receive, self._max_body_bytes)
        if body is None:
            await next_app(scope, again, send)
            return
        answer = await self._begin(actor, key, scope, body)
        if answer is None:
            answer = await self._do(actor, key, scope, again, next_app)
            replayed = []
        else:
            replayed = [(b"idempotency-replayed", b"true")]
        await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, *replayed]})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})

    async def _begin(self, actor: Actor, key: str, scope: Scope, body: bytes) -> Answer | None:
        """The answer of the first time, or None where this is it. Raises IdempotencyKeyReused, RequestInFlight."""
        now, request = self._clock.now(), self._request_digest(actor, scope, body)
        async with self._db.tenant(actor.tenant_id) as conn:
            begun = await store.begin_request(
                conn,
                actor.tenant_id,
                self._key_digest(actor, key),
                request,
                now=now,
                expired_before=now - KEPT,
                abandoned_before=now - ABANDONED,
            )
        if begun is None:
            return None
        if begun.request_digest != request:
            raise IdempotencyKeyReused
        if begun.answer is None:
            raise RequestInFlight
        return self._opened(actor, key, begun.answer)

    async def _do(self, actor: Actor, key: str, scope: Scope, receive: Receive, next_app: ASGIApp) -> Answer:
        """Lets the route do it, and keeps what it answers before anybody hears it."""
        status, headers, parts = 500, list[tuple[bytes, bytes]](), list[bytes]()

        async def collect(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", ()))
            elif message["type"] == "http.response.body":
                parts.append(message["body"])

        try:
            await next_app(scope, receive, collect)
        except Exception:
            await self._keep(actor, key, None)
            raise
        # One that is cancelled, as when the process is told to stop, leaves its key in flight: it may have been done.
        answer = Answer(status, headers, b"".join(parts))
        done = status < 400 or status in OUTCOME_UNKNOWN
        await self._keep(actor, key, answer if done and len(answer.body) <= MAX_ANSWER_BYTES else None)
        return answer

    async def _keep(self, actor: Actor, key: str, answer: Answer | None) -> None:
        """Keeps the answer, or with None forgets the key. What was done stands, even if this fails: it is told."""
        sealed = None if answer is None else self._sealed(actor, key, answer)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await store.finish_request(conn, actor.tenant_id, self._key_digest(actor, key), sealed)
        except ForecourtError as fault:
            log.warning("an answer could not be kept for those who ask again", code=fault.code)

    def _key_digest(self, actor: Actor, key: str) -> bytes:
        return keyed_digest(self._secret, "idempotency key", f"{actor.tenant_id}:{key}")

    def _request_digest(self, actor: Actor, scope: Scope, body: bytes) -> bytes:
        """Of who asks for what: somebody else's answer is nobody's business."""
        what = [str(actor), scope["path"], scope["query_string"], blake2b(body).digest()]
        return keyed_digest(self._secret, "idempotent req", msgspec.msgpack.encode(what))

    def _cipher(self, actor: Actor, key: str) -> AESGCM:
        return AESGCM(keyed_digest(self._secret, "idempotent seal", f"{actor.tenant_id}:{key}"))

    def _sealed(self, actor: Actor, key: str, answer: Answer) -> bytes:
        kept = Answer(answer.status, [each for each in answer.headers if each[0].lower() in _KEPT_HEADERS], answer.body)
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher(actor, key).encrypt(nonce, msgspec.msgpack.encode(kept), None)

    def _opened(self, actor: Actor, key: str, sealed: bytes) -> Answer:
        try:
            plain = self._cipher(actor, key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except InvalidTag as fault:
            raise ForecourtError("The answer that was kept can't be read. Use a new Idempotency-Key.") from fault
        return msgspec.msgpack.decode(plain, type=Answer)


async def _read(receive: Receive, most: int) -> tuple[bytes | None, Receive]:
    """The whole body, or None where it is longer or its sender is gone; and what the route reads it from anew."""
    messages: list[Any] = []
    size, more = 0, True
    while more and size <= most:
        message: Any = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    waiting = iter(messages)

    async def again() -> Any:
        return next(waiting, None) or await receive()

    whole = size <= most and messages[-1]["type"] == "http.request"
    return b"".join(message.get("body", b"") for message in messages) if whole else None, again
