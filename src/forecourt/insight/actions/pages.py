"""`/insight/actions`: what could be done next and what came of what was done."""

from collections.abc import Sequence
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.insight.actions import service, store, words
from forecourt.insight.actions.api import MAX_LISTED, ActionId
from forecourt.insight.actions.model import Action, Kind, State
from forecourt.insight.health.service import Standing, standings_of
from forecourt.insight.pages import tabs_of
from forecourt.insight.store import Connection
from forecourt.insight.tries import troubles
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations.service import site_names
from forecourt.ui import formats
from forecourt.ui.shell import Shell

HOME: Final = "/insight/actions"
#: How addresses name what is decided.
DECISIONS: Final = {"take": State.TAKEN, "dismiss": State.DISMISSED, "reopen": State.OPEN}

WebRequest = Request[Any, Any, Any]


async def _health_of(conn: Connection, tenant_id: int, actions: Sequence[Action]) -> dict[int, Standing | None]:
    """What Connector health says of the EVSEs of open actions, by the action."""
    failing = [each for each in actions if each.kind is Kind.FAILING and each.state == State.OPEN]
    found = {
        (station, str(each.connector.evse)): each
        for station in {action.station for action in failing}
        for each in await standings_of(conn, tenant_id, station=station)
    }
    return {each.id: found.get((each.station, each.evse)) for each in failing}


def action_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """The list, and the forms that decide on one."""

    @get(HOME, include_in_schema=False)
    async def show(request: WebRequest, actor: Asker) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            every = await store.list_actions(conn, actor.tenant_id, [*State], MAX_LISTED)
            names = {site.slug: site.name for site in await site_names(conn, actor.tenant_id)}
            trouble = (await troubles(conn, actor.tenant_id, clock.now())).get("acted")
            health = await _health_of(conn, actor.tenant_id, every)
        return shell.page(
            "insight/actions.html", request, viewer=actor, current="insight", tabs=tabs_of(actor),
            trouble=trouble, plain=lambda path: path, words=words, may_change=actor.may(Verb.REVIEW), home=HOME,
            money=formats.money, names=names, health=health,
            open=[each for each in every if each.state == State.OPEN],
            decided=[each for each in every if each.state != State.OPEN],
        )  # fmt: skip

    def deciding(word: str) -> HTTPRouteHandler:
        @post(f"{HOME}/{{action_id:int}}/{word}", include_in_schema=False, status_code=303, opt={"verb": Verb.REVIEW})
        async def decide(actor: Asker, action_id: ActionId) -> Redirect:
            async with db.tenant(actor.tenant_id) as conn:
                await service.decide(conn, actor, action_id, DECISIONS[word], clock.now())
            return Redirect(HOME, status_code=303)

        return decide

    return [show, *(deciding(word) for word in DECISIONS)]
