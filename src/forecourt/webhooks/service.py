"""The verbs of webhooks. Each runs in the caller's transaction, in which it also writes the audit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from forecourt.access import Actor, audit
from forecourt.access.store import list_owner_addresses
from forecourt.platform.clock import Clock
from forecourt.platform.mail import Letter, write
from forecourt.platform.outward import check_address, new_secret
from forecourt.platform.preconditions import check_match, etag
from forecourt.platform.sealing import Seal
from forecourt.ui.i18n import gettext as _
from forecourt.webhooks import store
from forecourt.webhooks.model import (
    MAX_REPLAYED,
    MAX_WEBHOOKS,
    OVERLAP,
    PAUSE_WORDS,
    TEST,
    DeliveryUnknown,
    TooManyWebhooks,
    WebhookUnknown,
    event_id,
)
from forecourt.webhooks.store import Connection, DeliveryRow, WebhookRow

SEAL_PURPOSE = "webhook"


class Webhooks:
    """What the verbs share: how secrets are sealed, whether private addresses may be called, and the time."""

    def __init__(self, secret_key: bytes, clock: Clock, *, private: bool) -> None:
        self._seal = Seal(secret_key, SEAL_PURPOSE)
        self._clock = clock
        self._private = private

    def now(self) -> datetime:
        """The time of the deployment."""
        return self._clock.now()

    async def create(
        self, conn: Connection, actor: Actor, *, url: str, description: str, events: Sequence[str]
    ) -> tuple[WebhookRow, str]:
        """Makes a webhook; returns it with its secret, which is not shown again.

        Raises AddressRefused, TooManyWebhooks.
        """
        check_address(url, private=self._private)
        if await store.count_webhooks(conn, actor.tenant_id) >= MAX_WEBHOOKS:
            raise TooManyWebhooks
        secret = new_secret()
        row = await store.insert_webhook(
            conn,
            actor.tenant_id,
            url=url,
            description=description,
            events=sorted(set(events)),
            secret=self._seal.close(secret),
        )
        await audit(conn, actor, "create webhook", f"webhook:{row.webhook_id}", {"url": url, "events": row.events})
        return row, secret

    async def change(
        self,
        conn: Connection,
        actor: Actor,
        webhook_id: int,
        changes: Mapping[str, Any],
        at: datetime,
        if_match: str | None = None,
    ) -> WebhookRow:
        """Changes url, description, events or `active`. Switching one on that is paused lets it go on, with what was
        held meanwhile. Raises WebhookUnknown, AddressRefused, ChangedMeanwhile."""
        held = await find(conn, actor.tenant_id, webhook_id, lock=True)
        check_match(if_match, etag(held))
        columns = dict(changes)
        if "url" in columns:
            check_address(columns["url"], private=self._private)
        if "events" in columns:
            columns["events"] = sorted(set(columns["events"]))
        if columns.get("active"):
            columns |= {"paused_at": None, "pause_reason": None}
        if not columns:
            return held
        row = await store.update_webhook(conn, actor.tenant_id, webhook_id, columns)
        if row is None:
            raise WebhookUnknown
        if columns.get("active"):
            await store.release(conn, actor.tenant_id, webhook_id, at)
        await audit(conn, actor, "change webhook", f"webhook:{webhook_id}", dict(changes))
        return row

    async def rotate(self, conn: Connection, actor: Actor, webhook_id: int, at: datetime) -> tuple[WebhookRow, str]:
        """Makes another secret; the present one signs as well for OVERLAP. Raises WebhookUnknown."""
        secret = new_secret()
        row = await store.rotate_secret(conn, actor.tenant_id, webhook_id, self._seal.close(secret), at + OVERLAP)
        if row is None:
            raise WebhookUnknown
        await audit(conn, actor, "rotate webhook secret", f"webhook:{webhook_id}")
        return row, secret


async def find(conn: Connection, tenant_id: int, webhook_id: int, *, lock: bool = False) -> WebhookRow:
    """The webhook of this id. Raises WebhookUnknown."""
    row = await store.find_webhook(conn, tenant_id, webhook_id, lock=lock)
    if row is None:
        raise WebhookUnknown
    return row


async def delete(conn: Connection, actor: Actor, webhook_id: int) -> None:
    """Forgets a webhook and the log of its deliveries. Raises WebhookUnknown."""
    row = await find(conn, actor.tenant_id, webhook_id)
    await store.delete_webhook(conn, actor.tenant_id, webhook_id)
    await audit(conn, actor, "delete webhook", f"webhook:{webhook_id}", {"url": row.url})


async def find_delivery(conn: Connection, tenant_id: int, webhook_id: int, delivery_id: int) -> tuple[DeliveryRow, str]:
    """A delivery and the body that is sent. Raises WebhookUnknown, DeliveryUnknown."""
    await find(conn, tenant_id, webhook_id)
    found = await store.find_delivery(conn, tenant_id, webhook_id, delivery_id)
    if found is None:
        raise DeliveryUnknown
    return found


async def test(conn: Connection, actor: Actor, webhook_id: int, at: datetime) -> DeliveryRow:
    """Puts one delivery in line that is tried once, even while the webhook is paused. Raises WebhookUnknown."""
    row = await find(conn, actor.tenant_id, webhook_id)
    data = {"webhook": row.webhook_id, "asked_by": actor.name, "at": at}
    body = envelope(TEST, at, data)
    name = event_id(TEST, str(webhook_id), body)
    await store.insert_event(
        conn, actor.tenant_id, event_id=name, kind=TEST, subject=str(webhook_id), at=at, body=body.decode()
    )
    delivery_id = await store.insert_delivery(conn, actor.tenant_id, webhook_id, name, "waiting", at, test=True)
    await audit(conn, actor, "test webhook", f"webhook:{webhook_id}")
    found = await store.find_delivery(conn, actor.tenant_id, webhook_id, delivery_id)
    assert found is not None
    return found[0]


async def replay_one(conn: Connection, actor: Actor, webhook_id: int, delivery_id: int, at: datetime) -> DeliveryRow:
    """Puts a delivery in line again, whatever became of it. Raises WebhookUnknown, DeliveryUnknown."""
    await find_delivery(conn, actor.tenant_id, webhook_id, delivery_id)
    await store.replay_one(conn, actor.tenant_id, webhook_id, delivery_id, at)
    await audit(conn, actor, "replay delivery", f"webhook:{webhook_id}", {"delivery": delivery_id})
    found = await store.find_delivery(conn, actor.tenant_id, webhook_id, delivery_id)
    assert found is not None
    return found[0]


async def replay_range(
    conn: Connection,
    actor: Actor,
    webhook_id: int,
    *,
    since: datetime,
    until: datetime,
    everything: bool,
    at: datetime,
) -> int:
    """Puts in line again what happened within [since, until): what failed, or with `everything` what was delivered as
    well; MAX_REPLAYED at the most, the oldest first. Returns how many. Raises WebhookUnknown."""
    await find(conn, actor.tenant_id, webhook_id)
    states = ["failed", "held", "delivered"] if everything else ["failed", "held"]
    number = await store.replay_range(
        conn, actor.tenant_id, webhook_id, since=since, until=until, states=states, at=at, limit=MAX_REPLAYED
    )
    detail = {"since": since.isoformat(), "until": until.isoformat(), "everything": everything, "deliveries": number}
    await audit(conn, actor, "replay deliveries", f"webhook:{webhook_id}", detail)
    return number


async def pause(conn: Connection, tenant_id: int, webhook_id: int, reason: str, at: datetime, console_url: str) -> None:
    """Pauses a webhook and writes to the owners, once until somebody lets it go on."""
    row = await store.pause(conn, tenant_id, webhook_id, reason, at)
    if row is None:
        return
    body = _(
        "Deliveries to this webhook are paused:\n\n  %(url)s\n\nWhy: %(reason)s\n\n"
        "What happens from now on is kept and sent once you let it go on. See what came back, mend the receiver and"
        " switch the webhook on here:\n\n  %(link)s\n"
    ) % {"url": row.url, "reason": _(PAUSE_WORDS[reason]), "link": f"{console_url}/webhooks/{webhook_id}"}
    for address in await list_owner_addresses(conn, tenant_id):
        await write(conn, tenant_id, Letter(recipient=address, subject=_("A webhook of yours is paused"), body=body))


def envelope(kind: str, at: datetime, data: Any) -> bytes:
    """The body of a delivery, in the shape that Standard Webhooks recommends."""
    return msgspec.json.encode({"type": kind, "timestamp": at, "data": data})
