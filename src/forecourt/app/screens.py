"""The console's pages and the live socket, and what each is given: the table of contents of what people see."""

from collections.abc import Mapping
from typing import Any

from litestar.types import ControllerRouterHandler
from msgspec import Struct

import forecourt.access.pages
import forecourt.stations.pages
from forecourt.access import Access, Actor
from forecourt.access.model import Verb
from forecourt.platform.bus import Bus
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.sessions.at_station.service import SessionsAtStation
from forecourt.sessions.live import LiveSessions
from forecourt.stations.commands import Commander
from forecourt.stations.live import LiveStations
from forecourt.ui.assets import Assets, assets_route
from forecourt.ui.live import Hub, Value
from forecourt.ui.shell import Connection, NavItem, Shell
from forecourt.ui.socket import live_route

NAVIGATION = (NavItem(key="stations", label="Stations", href="/stations"),)


class Screens(Struct, frozen=True, kw_only=True):
    """The shell, which the sign-in page wears too, and the routes of pages."""

    shell: Shell
    routes: list[ControllerRouterHandler]


def screens(settings: Settings, db: Pool, bus: Bus, clock: Clock, access: Access) -> Screens:
    """Everything people see. Raises AssetsMissing where the web assets are not built."""
    assets = Assets.load()
    templates = {"access": forecourt.access.pages.TEMPLATES_DIR, "stations": forecourt.stations.pages.TEMPLATES_DIR}
    shell = Shell(assets=assets, templates=templates, navigation=NAVIGATION, clock=clock)
    stations, sessions = LiveStations(db), LiveSessions(db)
    snapshots = [stations.snapshot, sessions.snapshot]
    by_cookie = forecourt.access.pages.authenticate_by(access)

    async def totals(tenant_id: int, /) -> Mapping[str, Value]:
        return {**await stations.totals(tenant_id), **await sessions.totals(tenant_id)}

    async def of_guard(connection: Connection, /) -> Actor | None:
        """Who the guard in front of every page found."""
        actor: Any = connection.scope["user"]
        return actor if isinstance(actor, Actor) else None

    async def of_cookie(connection: Connection, /) -> Actor | None:
        """Who may look, by the cookie: the live socket answers for itself, since it must say that somebody left."""
        actor = await by_cookie(connection)
        return actor if isinstance(actor, Actor) and actor.may(Verb.READ) else None

    charging = SessionsAtStation(db, Commander(db, bus, clock, secret_key=settings.secret()), clock)
    routes: list[ControllerRouterHandler] = [
        assets_route(assets),
        live_route(Hub(bus, snapshots=snapshots, totals=totals, clock=clock), of_cookie),
        *forecourt.stations.pages.station_pages(
            shell=shell,
            authenticate=of_guard,
            db=db,
            snapshots=snapshots,
            totals=totals,
            ocpp_port=settings.ocpp_port,
        ),
        *forecourt.stations.pages.one_station_pages(shell=shell, snapshots=snapshots, charging=charging),
    ]
    return Screens(shell=shell, routes=routes)
