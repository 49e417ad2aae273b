"""Writes down a payment that is about to be asked for, in the transaction of whoever begins it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from forecourt.payments.intents import store
from forecourt.payments.intents.model import LOOK_EVERY, CallKind, State
from forecourt.payments.intents.store import Connection, story


async def open_payment(
    conn: Connection, tenant_id: int, values: dict[str, Any], return_url: str | None, language: str, now: datetime, *,
    asks: bool = True,
) -> UUID:  # fmt: skip
    """The payment and, if anything is asked of a provider, its first call: from here on it goes on by itself,
    whoever dies. `values`: its columns; in `return_url`, `{intent}` is replaced by its id."""
    intent_id = await store.insert_intent(
        conn,
        tenant_id,
        {
            **values, "state": State.HOLD_REQUESTED.value, "language": language, "created_at": now,
            "updated_at": now, "next_at": now + LOOK_EVERY,
        },
    )  # fmt: skip
    if return_url is not None:
        await store.set_return(conn, tenant_id, intent_id, return_url.replace("{intent}", str(intent_id)))
    await story.insert_step(conn, tenant_id, intent_id, "hold_requested", now, amount=values["hold_amount"])
    if asks:
        await store.insert_call(conn, tenant_id, intent_id, kind=CallKind.HOLD, amount=values["hold_amount"], at=now)
    return intent_id
