"""The stations page: every station of an organisation as it is now, and one of them closer.

A page arrives whole: what live values would say is painted by the server from the same snapshot. Sessions are not known
here; what their room says of a running car comes with the snapshot.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Protocol
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from forecourt.platform.database import Pool
from forecourt.stations import store
from forecourt.stations.faults import explain
from forecourt.stations.model import STATION_STATES
from forecourt.ui.live import SnapshotProvider, TotalsProvider, Value
from forecourt.ui.shell import Authenticate, Shell, Viewer, to_sign_in

TEMPLATES_DIR: Final = Path(__file__).parent / "templates"
#: Lines of one page: a browser repaints them ten times a second.
PAGE_SIZE: Final = 50
#: Dots on the map; each is watched by the page's live socket, which takes 500 topics.
MAX_DOTS: Final = 400
MAX_SITES: Final = 200
MAX_PAGE: Final = 10_000
#: Always shown in the head; the other states only when a station is in them.
CORE_STATES: Final = ("Available", "Charging", "Faulted", "Offline")
#: The order in which the head counts states.
HEAD_STATES: Final = (
    "Available",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Preparing",
    "Finishing",
    "Occupied",
    "Reserved",
    "Faulted",
    "Unavailable",
    "Restarting",
    "Offline",
)

#: PostgreSQL keeps no NUL in a text.
_TEXT: Final = r"^[^\x00]*$"
Search = Annotated[str, QueryParameter(name="q", max_length=100, pattern=_TEXT)]
StateWord = Annotated[str, QueryParameter(name="state", max_length=64)]
Slug = Annotated[str, QueryParameter(max_length=64, pattern=_TEXT)]
PageNumber = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)]
Chosen = Annotated[str, QueryParameter(name="station", max_length=255, pattern=_TEXT)]
Identity = Annotated[str, PathParameter(max_length=255, pattern=_TEXT)]
WebRequest = Request[Any, Any, Any]


class LoadSeries(Protocol):
    """Load of all sites over the last minutes, oldest first: (time, W). What the chart starts from."""

    async def __call__(self, tenant_id: int, /) -> Sequence[tuple[datetime, int]]: ...


class Filters(Struct, frozen=True, kw_only=True):
    """What the address asks for."""

    search: str = ""
    state: str = ""
    site: str = ""
    page: int = 1

    @property
    def any(self) -> bool:
        return bool(self.search or self.state or self.site)

    def href(self, **changes: str | int) -> str:
        """The address of the page with some of it changed; another filter starts at the first page."""
        asked = {"q": self.search, "state": self.state, "site": self.site, **changes}
        query = urlencode({name: value for name, value in asked.items() if value and (name, value) != ("page", 1)})
        return f"/stations?{query}" if query else "/stations"


class StationsPages:
    """What the handlers below share: where things come from."""

    def __init__(
        self,
        *,
        shell: Shell,
        db: Pool,
        snapshots: Sequence[SnapshotProvider],
        totals: TotalsProvider,
        series: LoadSeries | None,
        ocpp_port: int,
        ocpp_tls: bool,
    ) -> None:
        self._shell = shell
        self._db = db
        self._snapshots = snapshots
        self._totals = totals
        self._series = series
        self._ocpp_port = ocpp_port
        self._ocpp_tls = ocpp_tls

    async def show(self, request: WebRequest, viewer: Viewer, filters: Filters, chosen: str) -> Response[str]:
        """The whole page; with `chosen`, the panel of that station too, if there is such a station."""
        tenant_id = viewer.tenant_id
        async with self._db.tenant(tenant_id) as conn:
            rows, matching = await store.list_for_page(
                conn,
                tenant_id,
                search=filters.search.strip(),
                state=filters.state or None,
                site=filters.site or None,
                offset=(filters.page - 1) * PAGE_SIZE,
                limit=PAGE_SIZE,
            )
            sites = await store.list_sites(conn, tenant_id, 0, MAX_SITES)
            panel = await self._panel(conn, tenant_id, chosen) if chosen else None
        live = await self._snapshot(tenant_id, [row.identity for row in rows] + ([chosen] if panel else []))
        totals = await self._totals(tenant_id)
        return self._shell.page(
            "stations/stations.html",
            request,
            viewer=viewer,
            current="stations",
            rows=rows,
            matching=matching,
            first=(filters.page - 1) * PAGE_SIZE + 1,
            page_size=PAGE_SIZE,
            filters=filters,
            sites=sites,
            head_states=HEAD_STATES,
            core_states=CORE_STATES,
            live=live,
            totals=totals,
            series=await self._load(tenant_id),
            panel=panel,
            chosen=chosen if panel else "",
            begin=not rows and not filters.any and filters.page == 1,
            ocpp_address=self._ocpp_address(request),
            web_address=str(request.base_url).rstrip("/"),
        )

    async def show_panel(self, request: WebRequest, viewer: Viewer, identity: str) -> Response[str]:
        """One station closer; words that fit the panel when there is no such station."""
        async with self._db.tenant(viewer.tenant_id) as conn:
            panel = await self._panel(conn, viewer.tenant_id, identity)
        if panel is None:
            return self._shell.page("stations/panel_gone.html", request, viewer=viewer, status=404, identity=identity)
        live = await self._snapshot(viewer.tenant_id, [identity])
        return self._shell.page("stations/panel.html", request, viewer=viewer, panel=panel, live=live)

    async def points(self, viewer: Viewer) -> list[dict[str, Any]]:
        """The stations that have a place on the map, or whose site has."""
        async with self._db.tenant(viewer.tenant_id) as conn:
            rows, _ = await store.list_for_page(conn, viewer.tenant_id, placed=True, limit=MAX_DOTS)
        return [
            {
                "id": row.identity,
                "name": row.name or row.identity,
                "site": row.site_name,
                "state": row.state,
                "latitude": row.latitude,
                "longitude": row.longitude,
            }
            for row in rows
        ]

    async def _panel(self, conn: store.Connection, tenant_id: int, identity: str) -> Mapping[str, Any] | None:
        rows, _ = await store.list_for_page(conn, tenant_id, identities=[identity], limit=1)
        station = await store.find_station(conn, tenant_id, identity)
        if station is None or not rows:
            return None
        connectors = await store.list_connectors(conn, tenant_id, [station.station_id])
        return {
            "shown": rows[0],
            "station": station,
            "connectors": [
                (each, explain(each.error_code) if each.shown_state == "Faulted" else None)
                for each in connectors
                if each.connector > 0 or each.shown_state == "Faulted"
            ],
        }

    async def _snapshot(self, tenant_id: int, identities: Sequence[str]) -> Mapping[str, Value]:
        cells: dict[str, Value] = {}
        if identities:
            for provider in self._snapshots:
                cells.update(await provider(tenant_id, identities))
        return cells

    async def _load(self, tenant_id: int) -> list[tuple[int, int]]:
        if self._series is None:
            return []
        points = await self._series(tenant_id)
        return [(int(at.astimezone(UTC).timestamp() * 1000), power_w) for at, power_w in points]

    def _ocpp_address(self, request: WebRequest) -> str:
        host = request.base_url.hostname or "localhost"
        host = f"[{host}]" if ":" in host else host
        return f"{'wss' if self._ocpp_tls else 'ws'}://{host}:{self._ocpp_port}/ocpp"


def station_pages(
    *,
    shell: Shell,
    authenticate: Authenticate,
    db: Pool,
    snapshots: Sequence[SnapshotProvider],
    totals: TotalsProvider,
    series: LoadSeries | None = None,
    ocpp_port: int,
    ocpp_tls: bool = False,
) -> list[HTTPRouteHandler]:
    """The routes `/stations`, `/stations/points` and `/stations/{id}/panel`, for people who are signed in."""
    pages = StationsPages(
        shell=shell, db=db, snapshots=snapshots, totals=totals, series=series, ocpp_port=ocpp_port, ocpp_tls=ocpp_tls
    )

    @get("/stations", include_in_schema=False)
    async def stations(
        request: Request[Any, Any, Any],
        search: Search = "",
        shown_state: StateWord = "",
        site: Slug = "",
        page: PageNumber = 1,
        chosen: Chosen = "",
    ) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        known = shown_state if shown_state in STATION_STATES else ""
        return await pages.show(request, viewer, Filters(search=search, state=known, site=site, page=page), chosen)

    @get("/stations/points", include_in_schema=False)
    async def points(request: Request[Any, Any, Any]) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        return Response(await pages.points(viewer), headers={"cache-control": "private, no-store"})

    @get("/stations/{identity:str}/panel", include_in_schema=False)
    async def panel(request: Request[Any, Any, Any], identity: Identity) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        return await pages.show_panel(request, viewer, identity)

    return [stations, points, panel]
