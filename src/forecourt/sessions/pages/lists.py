"""Lists of sessions: the page with its filters, its sums and its export, and the short lists of other pages."""

import csv
import io
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.response import Stream
from msgspec import Struct

from forecourt.drivers.model import uid_key
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.money import minor_digits
from forecourt.platform.paging import Cursors, place_in_time, time_of_place
from forecourt.platform.sheets import plain_cell
from forecourt.sessions import store
from forecourt.sessions.model import shown_state
from forecourt.sessions.store import SessionFilter, ShownSession
from forecourt.sessions.words import FINDINGS
from forecourt.stations import store as stations
from forecourt.ui.files import CSV, streamed
from forecourt.ui.ranges import PRESETS, FromDay, RangeWord, TimeRange, ToDay, time_range
from forecourt.ui.shell import Authenticate, Shell, Viewer, to_sign_in

#: Lines of one page.
PAGE_SIZE: Final = 50
#: Lines of the short list on another page.
SHORT: Final = 8
#: Sessions read at once while a file is written, each time in a transaction of its own.
EXPORT_BATCH: Final = 1_000
#: Lines of one file; whoever wants more asks for shorter spans.
MAX_EXPORT: Final = 500_000
STATUSES: Final = ("active", "completed")
COLUMNS: Final = (
    "session_id", "station", "station_name", "site", "evse", "connector", "transaction_id", "token", "token_status",
    "started_at", "ended_at", "time_zone", "duration_s", "energy_wh", "meter_start_wh", "meter_stop_wh", "status",
    "stop_reason", "notes", "currency", "cost_excl_vat", "cost_incl_vat",
)  # fmt: skip

CURSORS: Final = Cursors("sessions on a page", length=2)

_TEXT: Final = r"^[^\x00]*$"
StationFilter = Annotated[str, QueryParameter(name="station", max_length=255, pattern=_TEXT)]
SiteFilter = Annotated[str, QueryParameter(name="site", max_length=64, pattern=_TEXT)]
TokenFilter = Annotated[str, QueryParameter(name="token", max_length=255, pattern=_TEXT)]
StatusFilter = Annotated[str, QueryParameter(name="status", max_length=20)]
NotedFilter = Annotated[bool, QueryParameter(name="noted")]
Cursor = Annotated[str, QueryParameter(name="cursor", max_length=200)]
WebRequest = Request[Any, Any, Any]


class Filters(Struct, frozen=True, kw_only=True):
    """What the address asks for."""

    station: str = ""
    site: str = ""
    token: str = ""
    status: str = ""
    noted: bool = False
    range: TimeRange

    @property
    def fields(self) -> Mapping[str, str]:
        """All but the span of time."""
        asked = {"station": self.station, "site": self.site, "token": self.token, "status": self.status}
        return {**asked, "noted": "true" if self.noted else ""}

    @property
    def any(self) -> bool:
        return any(self.fields.values())

    @property
    def wanted(self) -> SessionFilter:
        """Those of the span; running ones whenever they began."""
        running = self.status == "active"
        return SessionFilter(
            since=None if running else self.range.start,
            until=None if running else self.range.end,
            station=self.station.strip() or None,
            site=self.site or None,
            token_key=uid_key(self.token.strip()) or None,
            active=running if self.status else None,
            noted=self.noted or None,
        )

    def href(self, path: str = "/sessions", **changes: str) -> str:
        """The address of a list with some of it changed."""
        asked = {**self.fields, **self.range.query, **changes}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"{path}?{query}" if query else path


class SessionLists:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock

    async def filters(self, viewer: Viewer, days: tuple[str, str, str], **asked: Any) -> Filters:
        """What an address asks for."""
        preset, first, last = days
        status = asked.pop("status")
        span = time_range(self._clock.now(), viewer.time_zone, preset=preset, first=first, last=last)
        return Filters(range=span, status=status if status in STATUSES else "", **asked)

    async def show(self, request: WebRequest, viewer: Viewer, filters: Filters, cursor: str) -> Response[str]:
        after = _place(cursor)
        async with self._db.tenant(viewer.tenant_id) as conn:
            rows = await store.list_for_page(conn, viewer.tenant_id, filters.wanted, after=after, limit=PAGE_SIZE + 1)
            totals = await store.count_matching(conn, viewer.tenant_id, filters.wanted)
            sites = await stations.list_sites(conn, viewer.tenant_id, limit=stations.MAX_SITES)
        more = len(rows) > PAGE_SIZE
        rows = rows[:PAGE_SIZE]
        return self._shell.page(
            "sessions/sessions.html",
            request,
            viewer=viewer,
            current="sessions",
            rows=rows,
            totals=totals,
            filters=filters,
            presets=PRESETS,
            sites=sites,
            findings=FINDINGS,
            shown_state=shown_state,
            now=self._clock.now(),
            older=filters.href(cursor=_cursor(rows[-1])) if more else "",
            newest=filters.href() if after else "",
            begin=not rows and not filters.any and totals.sessions == 0,
        )

    async def short(self, request: WebRequest, viewer: Viewer, wanted: SessionFilter, href: str) -> Response[str]:
        """What runs and what ran last, as a part of another page; `href` leads to all of them."""
        async with self._db.tenant(viewer.tenant_id) as conn:
            rows = await store.list_recent(conn, viewer.tenant_id, wanted, SHORT)
        return self._shell.page(
            "sessions/short.html",
            request,
            viewer=viewer,
            rows=rows,
            wanted=wanted,
            href=href,
            findings=FINDINGS,
            shown_state=shown_state,
            now=self._clock.now(),
        )

    async def export(self, viewer: Viewer, filters: Filters) -> AsyncIterator[bytes]:
        """The file, piece by piece: never more than EXPORT_BATCH sessions in memory."""
        yield _lines([COLUMNS])
        after: tuple[datetime, int] | None = None
        for _ in range(MAX_EXPORT // EXPORT_BATCH):
            async with self._db.tenant(viewer.tenant_id) as conn:
                rows = await store.list_for_page(
                    conn, viewer.tenant_id, filters.wanted, after=after, limit=EXPORT_BATCH
                )
            if rows:
                yield _lines(map(_cells, rows))
                after = (rows[-1].started_at, rows[-1].number)
            if len(rows) < EXPORT_BATCH:
                return


def list_routes(*, shell: Shell, authenticate: Authenticate, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """The routes `/sessions`, `/sessions/export.csv` and `/sessions/recent`, the part that other rooms' pages show."""
    lists = SessionLists(shell, db, clock)

    @get("/sessions", include_in_schema=False)
    async def sessions(
        request: Request[Any, Any, Any],
        station: StationFilter = "",
        site: SiteFilter = "",
        token: TokenFilter = "",
        status: StatusFilter = "",
        noted: NotedFilter = False,
        preset: RangeWord = "",
        first: FromDay = "",
        last: ToDay = "",
        cursor: Cursor = "",
    ) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        filters = await lists.filters(
            viewer, (preset, first, last), station=station, site=site, token=token, status=status, noted=noted
        )
        return await lists.show(request, viewer, filters, cursor)

    @get("/sessions/export.csv", include_in_schema=False)
    async def export(
        request: Request[Any, Any, Any],
        station: StationFilter = "",
        site: SiteFilter = "",
        token: TokenFilter = "",
        status: StatusFilter = "",
        noted: NotedFilter = False,
        preset: RangeWord = "",
        first: FromDay = "",
        last: ToDay = "",
    ) -> Response[Any] | Stream:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        filters = await lists.filters(
            viewer, (preset, first, last), station=station, site=site, token=token, status=status, noted=noted
        )
        name = f"sessions-{filters.range.first}-{filters.range.last}.csv"
        return streamed(lists.export(viewer, filters), CSV, name)

    @get("/sessions/recent", include_in_schema=False)
    async def recent(
        request: Request[Any, Any, Any], station: StationFilter = "", site: SiteFilter = "", token: TokenFilter = ""
    ) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        asked = {"station": station, "site": site, "token": token}
        wanted = SessionFilter(
            station=station or None, site=site or None, token_spelt=store.spellings(token) if token else None
        )
        query = urlencode({name: value for name, value in asked.items() if value})
        return await lists.short(request, viewer, wanted, f"/sessions?{query}")

    return [sessions, export, recent]


def _place(cursor: str) -> tuple[datetime, int] | None:
    place = CURSORS.decode(cursor or None)
    if place is None:
        return None
    return time_of_place(place[0]), place[1]


def _cursor(row: ShownSession) -> str:
    return CURSORS.encode(place_in_time(row.started_at), row.number)


def _lines(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cells(row: ShownSession) -> list[str | int | None]:
    ended = row.ended_at
    return [
        str(row.session_id), plain_cell(row.station), plain_cell(row.station_name), row.site, row.evse, row.connector,
        plain_cell(row.transaction_id), plain_cell(row.token_uid), row.token_status, row.started_at.isoformat(),
        None if ended is None else ended.isoformat(), row.zone,
        None if ended is None else int((ended - row.started_at).total_seconds()),
        row.energy_wh, row.meter_start_wh, row.meter_stop_wh if ended is not None else None,
        "active" if ended is None else "completed", row.stop_reason, " ".join(row.notes),
        row.currency, _major(row.excl_minor, row.currency), _major(row.incl_minor, row.currency),
    ]  # fmt: skip


def _major(amount: int | None, currency: str | None) -> str | None:
    """As it is paid: `12.40`."""
    if amount is None or currency is None:
        return None
    return str(Decimal(amount).scaleb(-minor_digits(currency)))
