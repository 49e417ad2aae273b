"""The screen of connector health, and what a station's own page says of it."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access.guard import Asker
from forecourt.access.model import Verb
from forecourt.insight.health import service, words
from forecourt.insight.health.api import Site
from forecourt.insight.health.drift import MOVED, MOVED_MUCH
from forecourt.insight.health.found import MAX_NOTE, AlertSettled
from forecourt.insight.health.service import Found
from forecourt.insight.pages import tabs_of
from forecourt.insight.replacement.words import href_to_say
from forecourt.insight.tries import troubles
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations.pages.station import IdentityPath
from forecourt.stations.service import site_names
from forecourt.ui.i18n import mark, number
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]
#: Connectors without an alert that the page has; the API has more.
MAX_SHOWN: Final = 50
#: So many of these and of alerts are seen at once; the rest is behind a fold.
FEW: Final = 10
#: Of one that is down, how that came.
KINDS: Final = {"gradual": mark("was foreseen"), "sudden": mark("broke without a sign")}


class FoundForm(Struct, kw_only=True):
    """What somebody found at a connector."""

    found: Found
    note: Annotated[str, Meta(max_length=MAX_NOTE)] = ""


def health_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/insight/health`, and `/insight/health/at/{station}` as a part of another page."""

    async def page(request: WebRequest, actor: Asker, site: str, fault: str = "", status: int = 200) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            health = await service.health_of(
                conn, actor.tenant_id, clock.now(), site or None, limited=actor.sites is not None
            )
            trouble = (await troubles(conn, actor.tenant_id, clock.now())).get("looked")
            names = {each.slug: each.name for each in await site_names(conn, actor.tenant_id)}
        with_alert = [each for each in health.standings if each.alert is not None]
        others = [each for each in health.standings if each.alert is None]
        return shell.page(
            "insight/health.html", request, viewer=actor, current="insight", status=status, fault=fault,
            tabs=tabs_of(actor), trouble=trouble, plain=lambda path: path, site=site, health=health, names=names,
            with_alert=with_alert, others=others[:MAX_SHOWN], few=FEW, more=len(others) - MAX_SHOWN, words=words,
            kinds=KINDS, number=number, may_review=actor.may(Verb.REVIEW), moved=MOVED, moved_much=MOVED_MUCH,
            href_to_say=href_to_say,
        )  # fmt: skip

    @get("/insight/health", include_in_schema=False)
    async def show(request: WebRequest, actor: Asker, site: Site = "") -> Response[str]:
        return await page(request, actor, site)

    @post(
        "/insight/health/alerts/{alert_id:uuid}/found",
        include_in_schema=False, status_code=303, opt={"verb": Verb.REVIEW},
    )  # fmt: skip
    async def say(
        request: WebRequest, actor: Asker, alert_id: FromPath[UUID], data: URLEncodedBody[FoundForm]
    ) -> Response[Any]:
        try:
            async with db.tenant(actor.tenant_id) as conn:
                await service.say_found(conn, actor, alert_id, data.found, data.note, clock.now())
        except AlertSettled as refused:
            return await page(request, actor, "", refused.detail, refused.status)
        return Redirect("/insight/health", status_code=303)

    @get("/insight/health/at/{identity:str}", include_in_schema=False)
    async def at_station(request: WebRequest, actor: Asker, identity: IdentityPath) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            standings = await service.standings_of(conn, actor.tenant_id, station=identity)
        if not standings:
            return Response("", media_type="text/html", headers={"cache-control": "private, no-store"})
        return shell.page(
            "insight/health_at_station.html", request, viewer=actor, standings=standings, words=words, kinds=KINDS
        )

    return [show, say, at_station]
