"""Forms that bear being sent twice: each is given a key when it is shown, and what was made under it is made once.

Who presses twice, or sends a page again, is led to what the first time made. What is written differently under the same
key, as on a page that was gone back to, is another thing.
"""

import secrets
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.access import store
from forecourt.access.idempotency import ABANDONED, KEPT, RequestInFlight
from forecourt.access.model import Actor
from forecourt.access.store.requests import Connection
from forecourt.platform.digest import DIGEST_SIZE

#: The field of a form that holds its key, and characters of it that are read.
FIELD: Final = "once"
MAX_KEY: Final = 64
_KEY_BYTES: Final = 16


class Once(Struct, frozen=True, kw_only=True):
    """A form that was sent: by whom, which, and under which digest."""

    actor: Actor
    digest: bytes


def form_key() -> str:
    """A key for a form that is shown."""
    return secrets.token_urlsafe(_KEY_BYTES)


def once(actor: Actor, form: str, key: str, said: Any) -> Once:
    """A form as it was sent, with all that was written in it. One without a key is another thing each time."""
    what = [str(actor), form, key[:MAX_KEY] or form_key(), said]
    raw = msgspec.json.encode(what, order="deterministic")
    return Once(actor=actor, digest=blake2b(raw, person=b"form once", digest_size=DIGEST_SIZE).digest())


async def made_before(conn: Connection, sent: Once, now: datetime) -> str | None:
    """What a form made when it was sent before, by the name that `remember` gave it; None: it is to be made now, in
    this transaction. Of two that are sent at once one waits for the other's. Raises RequestInFlight."""
    begun = await store.begin_request(
        conn, sent.actor.tenant_id, sent.digest, sent.digest, now=now, expired_before=now - KEPT,
        abandoned_before=now - ABANDONED,
    )  # fmt: skip
    if begun is None:
        return None
    if begun.answer is None:
        raise RequestInFlight
    return begun.answer.decode()


async def remember(conn: Connection, sent: Once, name: str) -> None:
    """Keeps what a form made, in the transaction that made it."""
    await store.finish_request(conn, sent.actor.tenant_id, sent.digest, name.encode())
