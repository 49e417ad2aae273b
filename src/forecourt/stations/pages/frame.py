"""What all pages of one station have in common: its head, its tabs, and words where there is no such station."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from litestar import Request, Response
from msgspec import Struct

from forecourt.access import Actor
from forecourt.access.model import Verb
from forecourt.ocpp.neutral import Version
from forecourt.platform.database import Pool
from forecourt.stations import store
from forecourt.stations.store import Connection, ConnectorRow, ShownStation, SiteRow, StationRow
from forecourt.ui.i18n import mark
from forecourt.ui.live import SnapshotProvider, Value
from forecourt.ui.shell import Shell

TEMPLATES_DIR: Final = Path(__file__).parents[1] / "templates"
WebRequest = Request[Any, Any, Any]


class Tab(Struct, frozen=True, kw_only=True):
    """One of the pages of a station; `path` is appended to its address, `verb` is what one must be allowed."""

    key: str
    label: str
    path: str
    verb: Verb = Verb.READ


TABS: Final = (
    Tab(key="overview", label=mark("Overview"), path=""),
    Tab(key="messages", label=mark("Messages"), path="/messages"),
    Tab(key="configuration", label=mark("Configuration"), path="/configuration"),
    Tab(key="settings", label=mark("Settings"), path="/settings", verb=Verb.CHANGE_STATIONS),
)


class StationFrame(Struct, frozen=True, kw_only=True):
    """One station as every page of it needs it."""

    station: StationRow
    shown: ShownStation
    site: SiteRow | None
    connectors: list[ConnectorRow]

    @property
    def identity(self) -> str:
        return self.station.identity

    @property
    def version(self) -> Version | None:
        """Of its last connection."""
        return None if self.station.protocol is None else Version(self.station.protocol)

    @property
    def evses(self) -> list[int]:
        return sorted({each.evse for each in self.connectors if each.evse > 0})


class StationPages:
    """How a page of one station is put together."""

    def __init__(self, shell: Shell, snapshots: Sequence[SnapshotProvider]) -> None:
        self.shell = shell
        self._snapshots = snapshots

    async def find(self, db: Pool, tenant_id: int, identity: str) -> StationFrame | None:
        """The station of this identity; None if there is none."""
        async with db.tenant(tenant_id) as conn:
            return await self.read(conn, tenant_id, identity)

    async def read(self, conn: Connection, tenant_id: int, identity: str) -> StationFrame | None:
        """The same in a transaction of the caller's."""
        station = await store.find_station(conn, tenant_id, identity)
        rows, _ = await store.list_for_page(conn, tenant_id, identities=[identity], limit=1)
        if station is None or not rows:
            return None
        site = None
        if station.site is not None:
            site = await store.find_site(conn, tenant_id, slug=station.site, site_id=None)
        return StationFrame(
            station=station,
            shown=rows[0],
            site=site,
            connectors=await store.list_connectors(conn, tenant_id, [station.station_id]),
        )

    async def page(
        self, template: str, request: WebRequest, actor: Actor, frame: StationFrame, tab: str, **context: Any
    ) -> Response[str]:
        """A whole page of a station, with its live values in it."""
        return self.shell.page(
            f"stations/{template}",
            request,
            viewer=actor,
            current="stations",
            frame=frame,
            live=await self.snapshot(actor.tenant_id, frame.identity),
            tabs=[each for each in TABS if actor.may(each.verb)],
            tab=tab,
            allowed=allowed(actor),
            **context,
        )

    def part(
        self, template: str, request: WebRequest, actor: Actor, frame: StationFrame, **context: Any
    ) -> Response[str]:
        """A fragment of a page."""
        return self.shell.page(
            f"stations/{template}", request, viewer=actor, frame=frame, allowed=allowed(actor), **context
        )

    def gone(self, request: WebRequest, actor: Actor, identity: str) -> Response[str]:
        """Words where there is no such station."""
        return self.shell.page(
            "stations/gone.html", request, viewer=actor, current="stations", status=404, identity=identity
        )

    async def snapshot(self, tenant_id: int, identity: str) -> Mapping[str, Value]:
        """The live values of one station."""
        cells: dict[str, Value] = {}
        for provider in self._snapshots:
            cells.update(await provider(tenant_id, [identity]))
        return cells


def allowed(actor: Actor) -> frozenset[str]:
    """The names of the verbs that somebody may do, for templates: `RESET`, `CONTROL`."""
    return frozenset(verb.name for verb in Verb if actor.may(verb))


def is_fragment(request: WebRequest) -> bool:
    """Whether a script of ours asks, for a part of a page."""
    return request.headers.get("hx-request") == "true"
