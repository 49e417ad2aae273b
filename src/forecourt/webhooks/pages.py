"""The pages of webhooks: who hears what, how each delivery went, and having it sent again.

Everything works by plain forms. A secret is in the answer that made it and in no page after that.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.outward import MAX_URL, AddressRefused
from forecourt.platform.paging import NEWEST, NextCursor
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell
from forecourt.webhooks import service, store
from forecourt.webhooks.api import DELIVERY_CURSORS
from forecourt.webhooks.model import PAUSE_WORDS, Kind, TooManyWebhooks
from forecourt.webhooks.service import Webhooks

TEMPLATES_DIR: Final = Path(__file__).parent / "templates"
#: Lines of the log on one page.
PAGE_SIZE: Final = 50
MAX_ID: Final = 2**31 - 1
#: How far back one replay from the page reaches, by what the form offers.
RANGES: Final = {"1": mark("the last hour"), "24": mark("the last day"), "72": mark("the last 3 days"),
                 "720": mark("the last 30 days")}  # fmt: skip

STATES: Final = {
    "delivered": mark("Delivered"),
    "waiting": mark("Waiting"),
    "held": mark("Held"),
    "failed": mark("Failed"),
}
KIND_WORDS: Final = {
    Kind.SESSION_STARTED: mark("A session starts"),
    Kind.SESSION_UPDATED: mark("A session runs (once a minute at most)"),
    Kind.SESSION_ENDED: mark("A session ends"),
    Kind.STATION_CONNECTED: mark("A station connects"),
    Kind.STATION_DISCONNECTED: mark("A station is gone"),
    Kind.STATION_STATE: mark("A connector changes its state"),
    Kind.STATION_FAULT: mark("A connector reports a fault"),
    Kind.INCIDENT_OPENED: mark("An incident opens"),
    Kind.INCIDENT_CLOSED: mark("An incident closes"),
    Kind.TOKEN_CHANGED: mark("A token changes"),
    Kind.PAYMENT_AUTHORISED: mark("A payment is authorised: the money is held"),
    Kind.PAYMENT_CAPTURED: mark("A payment is captured: the money was taken"),
    Kind.PAYMENT_REFUNDED: mark("Money goes back to a driver"),
    Kind.PAYMENT_RELEASED: mark("A hold is given back and nothing was taken"),
    Kind.PAYMENT_FAILED: mark("A payment fails"),
    Kind.PAYMENT_DISPUTED: mark("A driver's bank disputes a payment, or has decided"),
}
GUARDED: Final[Mapping[str, Any]] = {"verb": Verb.WEBHOOKS}

WebRequest = Request[Any, Any, Any]
WebhookId = Annotated[int, PathParameter(ge=1, le=MAX_ID)]
DeliveryId = Annotated[int, PathParameter(ge=1, le=NEWEST)]


class WebhookPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock, webhooks: Webhooks) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock
        self._webhooks = webhooks

    async def show_list(
        self, request: WebRequest, *, fault: str = "", given: Mapping[str, Any] | None = None, status: int = 200
    ) -> Response[str]:
        """Every webhook, and a form for one more."""
        actor = _actor(request)
        async with self._db.tenant(actor.tenant_id) as conn:
            rows = await store.list_webhooks(conn, actor.tenant_id, limit=PAGE_SIZE)
        return self._page(
            "list",
            request,
            status=status,
            rows=rows,
            fault=fault,
            given=given or {"url": "", "description": "", "events": []},
            kinds=KIND_WORDS,
        )

    async def create(self, request: WebRequest) -> Response[Any]:
        """Makes one from the form, and shows its secret this once."""
        actor, form = _actor(request), await request.form()
        given: dict[str, Any] = {
            "url": str(form.get("url", "")).strip()[: MAX_URL + 1],
            "description": str(form.get("description", "")).strip()[:200],
            "events": _kinds(form),
        }
        if not given["events"]:
            return await self.show_list(request, fault=_("Choose at least one event."), given=given, status=422)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                row, secret = await self._webhooks.create(conn, actor, **given)
        except AddressRefused:
            fault = _(
                "This address can't be called. It must begin with https:// or http://, hold no password, and belong"
                " to the public internet."
            )
            return await self.show_list(request, fault=fault, given=given, status=422)
        except TooManyWebhooks:
            fault = _("There are as many webhooks as an organisation may have. Delete one that is not used.")
            return await self.show_list(request, fault=fault, given=given, status=409)
        return self._page("secret", request, status=201, row=row, secret=secret, rotated=False)

    async def show(
        self, request: WebRequest, webhook_id: int, *, state: str, kind: str, cursor: str | None
    ) -> Response[str]:
        """One webhook with the log of its deliveries."""
        actor = _actor(request)
        cursors = DELIVERY_CURSORS["newest"]
        place = cursors.decode(cursor)
        async with self._db.tenant(actor.tenant_id) as conn:
            row = await service.find(conn, actor.tenant_id, webhook_id)
            rows = await store.list_deliveries(
                conn, actor.tenant_id, webhook_id, state=state or None, kind=kind or None, place=place,
                limit=PAGE_SIZE + 1,
            )  # fmt: skip
        more = cursors.encode(rows[PAGE_SIZE - 1].delivery_id) if len(rows) > PAGE_SIZE else None
        return self._page(
            "webhook", request, row=row, deliveries=rows[:PAGE_SIZE], more=_href(webhook_id, state, kind, more),
            first=cursor is None, state=state, kind=kind, states=STATES, kinds=KIND_WORDS, ranges=RANGES,
            reasons=PAUSE_WORDS,
            replayed=_number(request.query_params.get("replayed")),
        )  # fmt: skip

    async def show_delivery(self, request: WebRequest, webhook_id: int, delivery_id: int) -> Response[str]:
        """One delivery: what is sent, and every try."""
        actor = _actor(request)
        async with self._db.tenant(actor.tenant_id) as conn:
            webhook = await service.find(conn, actor.tenant_id, webhook_id)
            row, body = await service.find_delivery(conn, actor.tenant_id, webhook_id, delivery_id)
            attempts = await store.list_attempts(conn, actor.tenant_id, delivery_id)
        pretty = msgspec.json.format(body.encode(), indent=2).decode()
        return self._page(
            "delivery", request, webhook=webhook, delivery=row, body=pretty, attempts=attempts, states=STATES
        )

    async def switch(self, request: WebRequest, webhook_id: int, *, on: bool) -> Response[Any]:
        """Switches a webhook off, or on with what was held for it."""
        actor = _actor(request)
        async with self._db.tenant(actor.tenant_id) as conn:
            await self._webhooks.change(conn, actor, webhook_id, {"active": on}, self._clock.now())
        return _back(webhook_id)

    async def test(self, request: WebRequest, webhook_id: int) -> Response[Any]:
        """Sends a test delivery; how it went stands in the log a moment later."""
        actor = _actor(request)
        async with self._db.tenant(actor.tenant_id) as conn:
            row = await service.test(conn, actor, webhook_id, self._clock.now())
        return Redirect(f"/webhooks/{webhook_id}/deliveries/{row.delivery_id}", status_code=303)

    async def rotate(self, request: WebRequest, webhook_id: int) -> Response[Any]:
        """Makes another secret, once the person was told what that does, and shows it this once."""
        actor = _actor(request)
        async with self._db.tenant(actor.tenant_id) as conn:
            row = await service.find(conn, actor.tenant_id, webhook_id)
            if not await _sure(request):
                return self._page("sure", request, row=row, action="rotate")
            row, secret = await self._webhooks.rotate(conn, actor, webhook_id, self._clock.now())
        return self._page("secret", request, row=row, secret=secret, rotated=True)

    async def delete(self, request: WebRequest, webhook_id: int) -> Response[Any]:
        """Forgets a webhook, once the person was told what goes with it."""
        actor = _actor(request)
        async with self._db.tenant(actor.tenant_id) as conn:
            row = await service.find(conn, actor.tenant_id, webhook_id)
            if not await _sure(request):
                return self._page("sure", request, row=row, action="delete")
            await service.delete(conn, actor, webhook_id)
        return Redirect("/webhooks", status_code=303)

    async def replay(self, request: WebRequest, webhook_id: int) -> Response[Any]:
        """Has what was told within the chosen time sent again."""
        actor, form, now = _actor(request), await request.form(), self._clock.now()
        hours = str(form.get("hours", ""))
        since = now - timedelta(hours=int(hours if hours in RANGES else "24"))
        async with self._db.tenant(actor.tenant_id) as conn:
            number = await service.replay_range(
                conn, actor, webhook_id, since=since, until=now, everything=form.get("everything") == "yes", at=now
            )
        return Redirect(f"/webhooks/{webhook_id}?replayed={number}", status_code=303)

    async def replay_delivery(self, request: WebRequest, webhook_id: int, delivery_id: int) -> Response[Any]:
        """Has one delivery sent again."""
        actor = _actor(request)
        async with self._db.tenant(actor.tenant_id) as conn:
            await service.replay_one(conn, actor, webhook_id, delivery_id, self._clock.now())
        return Redirect(f"/webhooks/{webhook_id}/deliveries/{delivery_id}", status_code=303)

    def _page(self, name: str, request: WebRequest, *, status: int = 200, **context: Any) -> Response[str]:
        return self._shell.page(
            f"webhooks/{name}.html", request, viewer=_actor(request), current="webhooks", status=status, **context
        )


def webhook_pages(shell: Shell, db: Pool, clock: Clock, webhooks: Webhooks) -> list[HTTPRouteHandler]:
    """The routes below `/webhooks`, for those who may set them up."""
    pages = WebhookPages(shell, db, clock, webhooks)

    @get("/webhooks", opt=GUARDED, include_in_schema=False)
    async def webhooks_list(request: WebRequest) -> Response[str]:
        return await pages.show_list(request)

    @post("/webhooks", opt=GUARDED, include_in_schema=False)
    async def webhooks_create(request: WebRequest) -> Response[Any]:
        return await pages.create(request)

    @get("/webhooks/{webhook_id:int}", opt=GUARDED, include_in_schema=False)
    async def webhook(
        webhook_id: WebhookId,
        request: WebRequest,
        delivery_state: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
        kind: Annotated[str, QueryParameter(max_length=40)] = "",
        cursor: NextCursor = None,
    ) -> Response[str]:
        known = delivery_state if delivery_state in STATES else ""
        return await pages.show(
            request, webhook_id, state=known, kind=kind if kind in KIND_WORDS else "", cursor=cursor
        )

    @get("/webhooks/{webhook_id:int}/deliveries/{delivery_id:int}", opt=GUARDED, include_in_schema=False)
    async def delivery(webhook_id: WebhookId, delivery_id: DeliveryId, request: WebRequest) -> Response[str]:
        return await pages.show_delivery(request, webhook_id, delivery_id)

    @post("/webhooks/{webhook_id:int}/deliveries/{delivery_id:int}/replay", opt=GUARDED, include_in_schema=False)
    async def delivery_replay(webhook_id: WebhookId, delivery_id: DeliveryId, request: WebRequest) -> Response[Any]:
        return await pages.replay_delivery(request, webhook_id, delivery_id)

    @post("/webhooks/{webhook_id:int}/on", opt=GUARDED, include_in_schema=False)
    async def switch_on(webhook_id: WebhookId, request: WebRequest) -> Response[Any]:
        return await pages.switch(request, webhook_id, on=True)

    @post("/webhooks/{webhook_id:int}/off", opt=GUARDED, include_in_schema=False)
    async def switch_off(webhook_id: WebhookId, request: WebRequest) -> Response[Any]:
        return await pages.switch(request, webhook_id, on=False)

    @post("/webhooks/{webhook_id:int}/test", opt=GUARDED, include_in_schema=False)
    async def test(webhook_id: WebhookId, request: WebRequest) -> Response[Any]:
        return await pages.test(request, webhook_id)

    @post("/webhooks/{webhook_id:int}/rotate", opt=GUARDED, include_in_schema=False, status_code=200)
    async def rotate(webhook_id: WebhookId, request: WebRequest) -> Response[Any]:
        return await pages.rotate(request, webhook_id)

    @post("/webhooks/{webhook_id:int}/delete", opt=GUARDED, include_in_schema=False, status_code=200)
    async def delete(webhook_id: WebhookId, request: WebRequest) -> Response[Any]:
        return await pages.delete(request, webhook_id)

    @post("/webhooks/{webhook_id:int}/replay", opt=GUARDED, include_in_schema=False)
    async def replay(webhook_id: WebhookId, request: WebRequest) -> Response[Any]:
        return await pages.replay(request, webhook_id)

    return [
        webhooks_list, webhooks_create, webhook, delivery, delivery_replay, switch_on, switch_off, test, rotate, delete,
        replay,
    ]  # fmt: skip


def _actor(request: WebRequest) -> Actor:
    actor = request.scope["user"]
    assert isinstance(actor, Actor), "the guard lets nobody else through"
    return actor


def _kinds(form: Any) -> list[str]:
    return [kind for kind in form.getall("events", []) if kind in KIND_WORDS]


async def _sure(request: WebRequest) -> bool:
    return bool((await request.form()).get("sure") == "yes")


def _back(webhook_id: int) -> Redirect:
    return Redirect(f"/webhooks/{webhook_id}", status_code=303)


def _href(webhook_id: int, state: str, kind: str, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    return f"/webhooks/{webhook_id}?" + urlencode(
        {name: value for name, value in (("state", state), ("kind", kind), ("cursor", cursor)) if value}
    )


def _number(said: str | None) -> int | None:
    """How many a replay put in line, as the address says."""
    return int(said) if said is not None and said.isdecimal() and said.isascii() and len(said) <= 6 else None
