"""Routes of webhooks: who wants to hear what, how deliveries went, and having them sent again."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.outward import MAX_URL, AddressRefused
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age
from forecourt.platform.preconditions import ChangedMeanwhile, etag
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.platform.text import ONE_LINE
from forecourt.webhooks import service, store
from forecourt.webhooks.model import DeliveryUnknown, Kind, TooManyWebhooks, WebhookUnknown
from forecourt.webhooks.service import Webhooks
from forecourt.webhooks.store import AttemptRow, DeliveryRow, WebhookRow

CURSORS = cursors_by_age("webhooks", first="oldest")
DELIVERY_CURSORS = cursors_by_age("webhook deliveries")
State = Literal["waiting", "held", "delivered", "failed"]
#: The verbs, wired in app with the deployment's secret key and clock.
Hooks = NamedDependency[Webhooks]

Address = Annotated[
    str,
    Meta(
        min_length=8,
        max_length=MAX_URL,
        pattern=r"^https?://[^\x00-\x20\x7f]+$",
        description="Where events are sent, by POST.",
        examples=["https://example.com/forecourt"],
    ),
]
Description = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=ONE_LINE,
        description="What it is for.",
        examples=["Parking app"],
    ),
]
Kinds = Annotated[
    list[Kind],
    Meta(
        min_length=1,
        max_length=len(Kind),
        description="What it wants to hear of.",
        examples=[["session.started", "session.ended"]],
    ),
]
WebhookId = Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="The webhook's id.")]
DeliveryId = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The delivery's id.")]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-03-01T00:00:00Z"])]


class NewWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to send what."""

    url: Address
    events: Kinds
    description: Description = ""


class WebhookChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of a webhook; what is absent stays as it is."""

    url: Address | UnsetType = UNSET
    events: Kinds | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    active: Annotated[
        bool | UnsetType,
        Meta(description="Off: nothing is sent or kept for it. On again: what was held while it was paused is sent."),
    ] = UNSET


class Webhook(Struct, frozen=True, kw_only=True):
    """One webhook, without its secret."""

    id: int
    url: str
    description: str
    events: list[Kind]
    active: bool
    paused_at: Annotated[datetime | None, Meta(description="Since when nothing is sent because nothing gets through.")]
    pause_reason: Annotated[
        Literal["gone", "failing", "backlog"] | None,
        Meta(description="`gone`: it answered 410. `failing`: for three days. `backlog`: too much waits for it."),
    ]
    former_secret_until: Annotated[
        datetime | None, Meta(description="Until then deliveries carry the signature of the former secret as well.")
    ]
    created_at: datetime


class WebhookSecret(Struct, frozen=True, kw_only=True):
    """A webhook with its secret, which is shown this once."""

    webhook: Webhook
    secret: Annotated[
        str,
        Meta(
            description="Check `webhook-signature` with it (Standard Webhooks). It can't be shown again.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ]


class Delivery(Struct, frozen=True, kw_only=True):
    """One event on its way to one webhook."""

    id: int
    event: Annotated[UUID, Meta(description="Sent as `webhook-id`; the same at every try.")]
    kind: Annotated[str, Meta(examples=["session.started"])]
    subject: Annotated[
        str, Meta(description="What it is about: the id of a session, a station or an incident, the uid of a token.")
    ]
    at: Annotated[datetime, Meta(description="When it was told.")]
    state: Annotated[State, Meta(description="`held`: the webhook is paused.")]
    test: bool
    attempts: Annotated[int, Meta(description="Tries so far.")]
    next_at: Annotated[datetime | None, Meta(description="When it is tried next, while it waits.")]
    settled_at: datetime | None
    status: Annotated[int | None, Meta(description="The HTTP status of the last try; null: no answer came.")]
    error: Annotated[str | None, Meta(description="Why no answer came.", examples=["no answer within 10 s"])]


class Attempt(Struct, frozen=True, kw_only=True):
    """One try."""

    number: int
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: Annotated[str, Meta(description="The first 1,024 bytes of what came back.")]


class DeliveryWhole(Struct, frozen=True, kw_only=True):
    """A delivery with what is sent and every try, the newest first."""

    delivery: Delivery
    body: Annotated[Any, Meta(description="What is sent, as JSON.")]
    attempts: list[Attempt]


class Replay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to send again: what was told within [since, until)."""

    since: Moment
    until: Moment
    everything: Annotated[
        bool, Meta(description="What was delivered as well, and not only what failed or is held.")
    ] = False


class Replayed(Struct, frozen=True, kw_only=True):
    """What a replay put in line."""

    deliveries: Annotated[int, Meta(description="10,000 at the most, the oldest first; ask again for the rest.")]


@post(
    "/webhooks",
    opt={"verb": Verb.WEBHOOKS, "problems": [AddressRefused, TooManyWebhooks]},
    summary="Make a webhook",
    tags=["webhooks"],
)
async def create_webhook(data: JSONBody[NewWebhook], actor: Asker, db: Database, webhooks: Hooks) -> WebhookSecret:
    async with db.tenant(actor.tenant_id) as conn:
        row, secret = await webhooks.create(
            conn, actor, url=data.url, description=data.description, events=[kind.value for kind in data.events]
        )
    return WebhookSecret(webhook=_webhook(row), secret=secret)


@get(
    "/webhooks",
    opt={"verb": Verb.WEBHOOKS, "problems": [CursorRefused]},
    summary="List webhooks",
    tags=["webhooks"],
)
async def list_webhooks(
    actor: Asker,
    db: Database,
    sort: ByAge = "oldest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Webhook]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_webhooks(conn, actor.tenant_id, order=sort, place=place, limit=limit + 1)
    return CURSORS[sort].page(rows, limit, lambda row: (row.webhook_id,), _webhook)


@get(
    "/webhooks/{webhook_id:int}",
    opt={"verb": Verb.WEBHOOKS, "etag": True, "problems": [WebhookUnknown]},
    summary="Show a webhook",
    tags=["webhooks"],
)
async def find_webhook(webhook_id: WebhookId, actor: Asker, db: Database) -> Response[Webhook]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find(conn, actor.tenant_id, webhook_id)
    return tagged(_webhook(row), etag(row))


@patch(
    "/webhooks/{webhook_id:int}",
    opt={"verb": Verb.WEBHOOKS, "etag": True, "problems": [WebhookUnknown, AddressRefused, ChangedMeanwhile]},
    summary="Change a webhook, switch it off or on",
    tags=["webhooks"],
)
async def change_webhook(
    webhook_id: WebhookId,
    data: JSONBody[WebhookChange],
    actor: Asker,
    db: Database,
    webhooks: Hooks,
    if_match: IfMatch = None,
) -> Response[Webhook]:
    changes = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    if "events" in changes:
        changes["events"] = [kind.value for kind in changes["events"]]
    async with db.tenant(actor.tenant_id) as conn:
        row = await webhooks.change(conn, actor, webhook_id, changes, webhooks.now(), if_match)
    return tagged(_webhook(row), etag(row))


@delete(
    "/webhooks/{webhook_id:int}",
    opt={"verb": Verb.WEBHOOKS, "problems": [WebhookUnknown]},
    summary="Forget a webhook and the log of its deliveries",
    tags=["webhooks"],
)
async def delete_webhook(webhook_id: WebhookId, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.delete(conn, actor, webhook_id)


@post(
    "/webhooks/{webhook_id:int}/rotate-secret",
    opt={"verb": Verb.WEBHOOKS, "problems": [WebhookUnknown]},
    status_code=200,
    summary="Make another secret",
    description="For 24 hours deliveries carry two signatures, by the new secret and by the former one.",
    tags=["webhooks"],
)
async def rotate_secret(webhook_id: WebhookId, actor: Asker, db: Database, webhooks: Hooks) -> WebhookSecret:
    async with db.tenant(actor.tenant_id) as conn:
        row, secret = await webhooks.rotate(conn, actor, webhook_id, webhooks.now())
    return WebhookSecret(webhook=_webhook(row), secret=secret)


@post(
    "/webhooks/{webhook_id:int}/test",
    opt={"verb": Verb.WEBHOOKS, "problems": [WebhookUnknown]},
    status_code=202,
    summary="Send a test delivery",
    description="An event `webhook.test`, tried once, even while the webhook is paused. How it went stands in the log.",
    tags=["webhooks"],
)
async def test_webhook(webhook_id: WebhookId, actor: Asker, db: Database, webhooks: Hooks) -> Delivery:
    async with db.tenant(actor.tenant_id) as conn:
        return _delivery(await service.test(conn, actor, webhook_id, webhooks.now()))


@get(
    "/webhooks/{webhook_id:int}/deliveries",
    opt={"verb": Verb.WEBHOOKS, "problems": [WebhookUnknown, CursorRefused]},
    summary="List a webhook's deliveries",
    tags=["webhooks"],
)
async def list_deliveries(
    webhook_id: WebhookId,
    actor: Asker,
    db: Database,
    delivery_state: Annotated[
        State | None, QueryParameter(name="state", description="Only those in this state.")
    ] = None,
    kind: Annotated[Kind | None, QueryParameter(description="Only events of this kind.")] = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Delivery]:
    place = DELIVERY_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        await service.find(conn, actor.tenant_id, webhook_id)
        rows = await store.list_deliveries(
            conn,
            actor.tenant_id,
            webhook_id,
            state=delivery_state,
            kind=kind,
            order=sort,
            place=place,
            limit=limit + 1,
        )
    return DELIVERY_CURSORS[sort].page(rows, limit, lambda row: (row.delivery_id,), _delivery)


@get(
    "/webhooks/{webhook_id:int}/deliveries/{delivery_id:int}",
    opt={"verb": Verb.WEBHOOKS, "problems": [WebhookUnknown, DeliveryUnknown]},
    summary="Show a delivery with what is sent and every try",
    tags=["webhooks"],
)
async def find_delivery(webhook_id: WebhookId, delivery_id: DeliveryId, actor: Asker, db: Database) -> DeliveryWhole:
    async with db.tenant(actor.tenant_id) as conn:
        row, body = await service.find_delivery(conn, actor.tenant_id, webhook_id, delivery_id)
        attempts = await store.list_attempts(conn, actor.tenant_id, delivery_id)
    return DeliveryWhole(
        delivery=_delivery(row), body=msgspec.json.decode(body), attempts=[_attempt(each) for each in attempts]
    )


@post(
    "/webhooks/{webhook_id:int}/deliveries/{delivery_id:int}/replay",
    opt={"verb": Verb.WEBHOOKS, "problems": [WebhookUnknown, DeliveryUnknown]},
    status_code=202,
    summary="Send a delivery again",
    tags=["webhooks"],
)
async def replay_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, actor: Asker, db: Database, webhooks: Hooks
) -> Delivery:
    async with db.tenant(actor.tenant_id) as conn:
        return _delivery(await service.replay_one(conn, actor, webhook_id, delivery_id, webhooks.now()))


@post(
    "/webhooks/{webhook_id:int}/replay",
    opt={"verb": Verb.WEBHOOKS, "problems": [WebhookUnknown]},
    status_code=202,
    summary="Send again what was told within a time",
    tags=["webhooks"],
)
async def replay_deliveries(
    webhook_id: WebhookId, data: JSONBody[Replay], actor: Asker, db: Database, webhooks: Hooks
) -> Replayed:
    async with db.tenant(actor.tenant_id) as conn:
        number = await service.replay_range(
            conn,
            actor,
            webhook_id,
            since=data.since,
            until=data.until,
            everything=data.everything,
            at=webhooks.now(),
        )
    return Replayed(deliveries=number)


def _webhook(row: WebhookRow) -> Webhook:
    return Webhook(
        id=row.webhook_id,
        url=row.url,
        description=row.description,
        events=[Kind(event) for event in row.events],
        active=row.active,
        paused_at=row.paused_at,
        pause_reason=row.pause_reason,  # type: ignore[arg-type]  # the table's own check
        former_secret_until=row.former_until,
        created_at=row.created_at,
    )


def _delivery(row: DeliveryRow) -> Delivery:
    apart = ("delivery_id", "event_id", "state")
    return Delivery(
        id=row.delivery_id,
        event=row.event_id,
        state=row.state,  # type: ignore[arg-type]  # the table's own check
        **{name: getattr(row, name) for name in row.__struct_fields__ if name not in apart},
    )


def _attempt(row: AttemptRow) -> Attempt:
    return Attempt(**{name: getattr(row, name) for name in row.__struct_fields__})


routes = Router(
    "/",
    route_handlers=[
        create_webhook,
        list_webhooks,
        find_webhook,
        change_webhook,
        delete_webhook,
        rotate_secret,
        test_webhook,
        list_deliveries,
        find_delivery,
        replay_delivery,
        replay_deliveries,
    ],
)
