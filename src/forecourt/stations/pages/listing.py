"""The stations page: every station of an organisation as it is now, and one of them closer.

A page arrives whole: what live values would say is painted by the server from the same snapshot. Sessions are not known
here; what their room says of a running car comes with the snapshot.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Protocol
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from forecourt.access import Actor
from forecourt.access.model import Verb
from forecourt.ocpp.neutral import Version
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.sheets import csv_line
from forecourt.stations import store
from forecourt.stations.faults import explain
from forecourt.stations.model import STATION_STATES
from forecourt.stations.refusals import LATELY, meaning_of
from forecourt.stations.store import knocks as kept
from forecourt.stations.words import REGISTRATIONS
from forecourt.ui.files import CSV, streamed
from forecourt.ui.i18n import mark
from forecourt.ui.live import SnapshotProvider, TotalsProvider, Value
from forecourt.ui.shell import Authenticate, Shell, Viewer, to_sign_in

#: Lines of one page: a browser repaints them ten times a second.
PAGE_SIZE: Final = 50
#: Dots on the map; each is watched by the page's live socket, which takes 500 topics.
MAX_DOTS: Final = 400
MAX_SITES: Final = 200
MAX_PAGE: Final = 10_000
#: Models that can be chosen from.
MAX_MODELS: Final = 200
#: Lines of one CSV.
MAX_EXPORTED: Final = 50_000
#: Lines read at once for it.
EXPORT_BATCH: Final = 1_000
#: Versions of OCPP as a person reads them.
PROTOCOLS: Final[Mapping[str, str]] = {str(each.value): str(each.value).replace("ocpp", "OCPP ") for each in Version}
SORT_WORDS: Final[Mapping[str, str]] = {
    "name": mark("Name"),
    "state": mark("Status, faults first"),
    "site": mark("Site"),
    "model": mark("Model"),
    "seen": mark("Last seen"),
}
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
Word = Annotated[str, QueryParameter(max_length=20)]
ModelWords = Annotated[str, QueryParameter(max_length=200, pattern=_TEXT)]
WebRequest = Request[Any, Any, Any]


#: Columns of the CSV, and the fields of `store.ShownStation` in them.
CSV_COLUMNS: Final = (
    "id", "name", "site", "state", "error_code", "connected", "protocol", "model", "registration", "max_power_w",
    "latitude", "longitude", "last_seen_at",
)  # fmt: skip
CSV_FIELDS: Final = ("identity", *CSV_COLUMNS[1:])


def may_do(viewer: Viewer, verb: Verb) -> bool:
    """Whether somebody may do this; who is no actor may only look."""
    return isinstance(viewer, Actor) and viewer.may(verb)


class LoadSeries(Protocol):
    """Load of all sites over the last minutes, oldest first: (time, W). What the chart starts from."""

    async def __call__(self, tenant_id: int, /) -> Sequence[tuple[datetime, int]]: ...


class Filters(Struct, frozen=True, kw_only=True):
    """What the address asks for."""

    #: The fields of it, as addresses and forms name them.
    NAMES: ClassVar[tuple[str, ...]] = (
        "q", "state", "site", "registration", "protocol", "model", "connected", "sort",
    )  # fmt: skip

    search: str = ""
    state: str = ""
    site: str = ""
    registration: str = ""
    protocol: str = ""
    model: str = ""
    connected: str = ""
    sort: str = ""
    page: int = 1

    @classmethod
    def of_form(cls, form: Mapping[str, str], page: int = 1) -> "Filters":
        """From the words of an address or a form; what is no such word is not asked for."""
        return cls(
            search=form.get("q", "")[:100],
            state=form["state"] if form.get("state") in STATION_STATES else "",
            site=form.get("site", "")[:64],
            registration=form["registration"] if form.get("registration") in REGISTRATIONS else "",
            protocol=form["protocol"] if form.get("protocol") in PROTOCOLS else "",
            model=form.get("model", "")[:200],
            connected=form["connected"] if form.get("connected") in ("yes", "no") else "",
            sort=form["sort"] if form.get("sort") in store.SORTS else "",
            page=page,
        )

    @property
    def any(self) -> bool:
        """Whether they leave stations out."""
        return any(value for name, value in self.query_items() if name != "sort")

    @property
    def more(self) -> bool:
        """Whether one of those is used that are folded away."""
        return bool(self.registration or self.protocol or self.model or self.connected or self.sort)

    def query_items(self) -> list[tuple[str, str]]:
        """Name and value of each that is used."""
        values = (self.search, self.state, self.site, self.registration, self.protocol, self.model, self.connected)
        return [(name, value) for name, value in zip(self.NAMES, (*values, self.sort), strict=True) if value]

    def asked(self) -> dict[str, Any]:
        """The same for `store.list_for_page`."""
        return {
            "search": self.search.strip(),
            "state": self.state or None,
            "site": self.site or None,
            "registration": self.registration or None,
            "protocol": self.protocol or None,
            "model": self.model or None,
            "connected": {"yes": True, "no": False}.get(self.connected),
            "sort": self.sort or "name",
        }

    def query(self, **changes: str | int) -> str:
        """The query string with some of it changed; another filter starts at the first page."""
        asked: dict[str, str | int] = {**dict(self.query_items()), **changes}
        return urlencode({name: value for name, value in asked.items() if value and (name, value) != ("page", 1)})

    def href(self, **changes: str | int) -> str:
        """The address of the page with some of it changed."""
        query = self.query(**changes)
        return f"/stations?{query}" if query else "/stations"


def export_csv(db: Pool, tenant_id: int, filters: Filters, identities: Sequence[str] | None) -> Stream:
    """Stations as CSV, by filters and, unless that is None, by name; read in batches, MAX_EXPORTED at the most."""

    async def lines() -> AsyncIterator[str]:
        yield csv_line(CSV_COLUMNS)
        for offset in range(0, MAX_EXPORTED, EXPORT_BATCH):
            async with db.tenant(tenant_id) as conn:
                rows, _ = await store.list_for_page(
                    conn, tenant_id, identities=identities, **filters.asked(), offset=offset, limit=EXPORT_BATCH
                )
            yield "".join(csv_line([getattr(row, name) for name in CSV_FIELDS]) for row in rows)
            if len(rows) < EXPORT_BATCH:
                return

    return streamed(lines(), CSV, "stations.csv")


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

    async def show(
        self, request: WebRequest, viewer: Viewer, filters: Filters, chosen: str, now: datetime
    ) -> Response[str]:
        """The whole page; with `chosen`, the panel of that station too, if there is such a station."""
        tenant_id = viewer.tenant_id
        async with self._db.tenant(tenant_id) as conn:
            rows, matching = await store.list_for_page(
                conn,
                tenant_id,
                **filters.asked(),
                offset=(filters.page - 1) * PAGE_SIZE,
                limit=PAGE_SIZE,
            )
            models = await store.list_models(conn, tenant_id, MAX_MODELS)
            sites = await store.list_sites(conn, tenant_id, limit=MAX_SITES)
            panel = await self._panel(conn, tenant_id, chosen, now) if chosen else None
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
            models=models,
            registrations=REGISTRATIONS,
            protocols=PROTOCOLS,
            sorts=SORT_WORDS,
            resets=may_do(viewer, Verb.RESET),
            changes=may_do(viewer, Verb.CHANGE_STATIONS),
            meaning=meaning_of,
            head_states=HEAD_STATES,
            core_states=CORE_STATES,
            live=live,
            totals=totals,
            series=await self._load(tenant_id),
            panel=panel,
            chosen=chosen if panel else "",
            begin=not rows and not filters.any and filters.page == 1,
            ocpp_address=self._ocpp_address(request),
        )

    async def show_panel(self, request: WebRequest, viewer: Viewer, identity: str, now: datetime) -> Response[str]:
        """One station closer; words that fit the panel when there is no such station."""
        async with self._db.tenant(viewer.tenant_id) as conn:
            panel = await self._panel(conn, viewer.tenant_id, identity, now)
        if panel is None:
            return self._shell.page("stations/panel_gone.html", request, viewer=viewer, status=404, identity=identity)
        live = await self._snapshot(viewer.tenant_id, [identity])
        changes = may_do(viewer, Verb.CHANGE_STATIONS)
        return self._shell.page(
            "stations/panel.html", request, viewer=viewer, panel=panel, live=live, changes=changes, meaning=meaning_of
        )

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

    async def _panel(
        self, conn: store.Connection, tenant_id: int, identity: str, now: datetime
    ) -> Mapping[str, Any] | None:
        rows, _ = await store.list_for_page(conn, tenant_id, identities=[identity], limit=1)
        station = await store.find_station(conn, tenant_id, identity)
        if station is None or not rows:
            return None
        connectors = await store.list_connectors(conn, tenant_id, [station.station_id])
        return {
            "shown": rows[0],
            "station": station,
            "refusal": await kept.find_refusal(conn, tenant_id, station.station_id, now - LATELY),
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
        clock: NamedDependency[Clock],
        search: Search = "",
        shown_state: StateWord = "",
        site: Slug = "",
        registration: Word = "",
        protocol: Word = "",
        model: ModelWords = "",
        connected: Word = "",
        sort: Word = "",
        page: PageNumber = 1,
        chosen: Chosen = "",
    ) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        asked = (search, shown_state, site, registration, protocol, model, connected, sort)
        filters = Filters.of_form(dict(zip(Filters.NAMES, asked, strict=True)), page)
        return await pages.show(request, viewer, filters, chosen, clock.now())

    @get("/stations.csv", include_in_schema=False)
    async def export(
        request: Request[Any, Any, Any],
        search: Search = "",
        shown_state: StateWord = "",
        site: Slug = "",
        registration: Word = "",
        protocol: Word = "",
        model: ModelWords = "",
        connected: Word = "",
        sort: Word = "",
    ) -> Response[Any] | Stream:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        asked = (search, shown_state, site, registration, protocol, model, connected, sort)
        filters = Filters.of_form(dict(zip(Filters.NAMES, asked, strict=True)))
        return export_csv(db, viewer.tenant_id, filters, None)

    @get("/stations/points", include_in_schema=False)
    async def points(request: Request[Any, Any, Any]) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        return Response(await pages.points(viewer), headers={"cache-control": "private, no-store"})

    @get("/stations/{identity:str}/panel", include_in_schema=False)
    async def panel(
        request: Request[Any, Any, Any], identity: Identity, clock: NamedDependency[Clock]
    ) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        return await pages.show_panel(request, viewer, identity, clock.now())

    return [stations, export, points, panel]
