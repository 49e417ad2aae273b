"""The console's pages and the live socket, and what each is given: the table of contents of what people see."""

from collections.abc import Callable
from typing import Any

from litestar.types import ControllerRouterHandler
from msgspec import Struct

import forecourt.access.pages
import forecourt.care.pages
import forecourt.stations.pages
import forecourt.webhooks.pages
from forecourt.access import Access, Actor
from forecourt.access.invitations import Invitations
from forecourt.access.model import Verb
from forecourt.app.letters import telling_of
from forecourt.app.live import Live
from forecourt.care.live import RecentLoad
from forecourt.care.pages import CarePages
from forecourt.platform.bus import Bus
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.stations.service import site_names
from forecourt.ui.assets import Assets, assets_route
from forecourt.ui.i18n import mark
from forecourt.ui.live import Hub
from forecourt.ui.shell import Connection, NavItem, Shell, Viewer
from forecourt.ui.socket import live_route
from forecourt.webhooks.service import Webhooks


def may(verb: Verb) -> Callable[[Viewer], bool]:
    """Shows an entry of the navigation to whoever may do this."""
    return lambda viewer: isinstance(viewer, Actor) and viewer.may(verb)


NAVIGATION = (
    NavItem(key="overview", label=mark("Overview"), href="/"),
    NavItem(key="stations", label=mark("Stations"), href="/stations"),
    NavItem(key="incidents", label=mark("Incidents"), href="/incidents", live="totals.incidents"),
    NavItem(key="alerts", label=mark("Alerts"), href="/settings/alerts"),
    NavItem(key="webhooks", label=mark("Webhooks"), href="/webhooks"),
    NavItem(key="people", label=mark("People"), href="/people", shown_to=may(Verb.PEOPLE)),
    NavItem(key="keys", label=mark("API keys"), href="/keys", shown_to=may(Verb.KEYS)),
    NavItem(key="audit", label=mark("Audit"), href="/audit", shown_to=may(Verb.AUDIT)),
    NavItem(key="settings", label=mark("Settings"), href="/settings"),
)


class Screens(Struct, frozen=True, kw_only=True):
    """The shell, which the sign-in page wears too, the routes of pages, and the hub of live values behind them."""

    shell: Shell
    hub: Hub
    routes: list[ControllerRouterHandler]


def screens(settings: Settings, db: Pool, bus: Bus, clock: Clock, access: Access) -> Screens:
    """Everything people see. Raises AssetsMissing where the web assets are not built."""
    assets = Assets.load()
    templates = {
        "access": forecourt.access.pages.TEMPLATES_DIR,
        "care": forecourt.care.pages.TEMPLATES_DIR,
        "webhooks": forecourt.webhooks.pages.TEMPLATES_DIR,
        "stations": forecourt.stations.pages.TEMPLATES_DIR,
    }
    shell = Shell(assets=assets, templates=templates, navigation=NAVIGATION, clock=clock)
    live = Live(db, bus, clock)
    by_cookie = forecourt.access.pages.authenticate_by(access)

    async def of_guard(connection: Connection, /) -> Actor | None:
        """Who the guard in front of every page found."""
        actor: Any = connection.scope["user"]
        return actor if isinstance(actor, Actor) else None

    async def of_cookie(connection: Connection, /) -> Actor | None:
        """Who may look, by the cookie: the live socket answers for itself, since it must say that somebody left."""
        actor = await by_cookie(connection)
        return actor if isinstance(actor, Actor) and actor.may(Verb.READ) else None

    routes: list[ControllerRouterHandler] = [
        assets_route(assets),
        live_route(live.hub, of_cookie),
        *forecourt.stations.pages.station_pages(
            shell=shell,
            authenticate=of_guard,
            db=db,
            snapshots=live.snapshots,
            totals=live.totals,
            series=RecentLoad(db, clock),
            ocpp_port=settings.ocpp_port,
        ),
        *forecourt.care.pages.care_pages(
            CarePages(shell=shell, db=db, clock=clock, totals=live.totals, telling=telling_of(settings))
        ),
        *forecourt.webhooks.pages.webhook_pages(
            shell, db, clock, Webhooks(settings.secret(), clock, private=settings.webhooks_private)
        ),
        *forecourt.access.pages.access_pages(
            shell=shell,
            db=db,
            clock=clock,
            access=access,
            invitations=Invitations(db, settings.secret(), clock, access, settings.console_url),
            sites=site_names,
        ),
    ]
    return Screens(shell=shell, routes=routes, hub=live.hub)
