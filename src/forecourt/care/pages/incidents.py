"""Incidents in the console: the list with its filters, one of them closer, and what is done about it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.access.signin.pages.common import own_path
from forecourt.care.live import changed_ms
from forecourt.care.model import MAX_NOTE, IncidentClosed, IncidentKind, Severity
from forecourt.care.pages.common import CarePages, WebRequest, show, show_all
from forecourt.care.service import incidents as service
from forecourt.care.store import Connection
from forecourt.care.store import incidents as store
from forecourt.care.store.incidents import Filter, IncidentRow
from forecourt.care.words import Action, action_for, consequence, kind_word, severity_word
from forecourt.platform.errors import ForecourtError
from forecourt.stations.api.fields import SecretKey, StationCommander, StationRefresher
from forecourt.stations.commands import Commander
from forecourt.stations.store import list_sites

PAGE_SIZE: Final = 50
#: Open incidents that the page of a site shows.
SHORT: Final = 5
MAX_PAGE: Final = 10_000
MAX_SITES: Final = 200
MAX_HISTORY: Final = 200
#: Other incidents of the same station that are shown beside one.
MAX_OTHERS: Final = 6
STATUSES: Final = ("open", "closed", "all")
MORNING: Final = time(8)

_TEXT: Final = r"^[^\x00]*$"
Search = Annotated[str, QueryParameter(name="q", max_length=100, pattern=_TEXT)]
Word = Annotated[str, QueryParameter(max_length=64, pattern=_TEXT)]
PageNumber = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)]
Note = Annotated[str, Meta(max_length=MAX_NOTE, pattern=_TEXT)]


class Filters(Struct, frozen=True, kw_only=True):
    """What the address asks for; what is none of the known words is left out."""

    search: str = ""
    status: str = "open"
    kind: str = ""
    severity: str = ""
    site: str = ""
    page: int = 1

    @property
    def any(self) -> bool:
        return bool(self.search or self.kind or self.severity or self.site)

    def href(self, **changes: str | int) -> str:
        """The address with some of it changed; another filter starts at the first page."""
        asked = {
            "q": self.search,
            "status": self.status,
            "kind": self.kind,
            "severity": self.severity,
            "site": self.site,
            **changes,
        }
        usual = (("status", "open"), ("page", 1))
        query = urlencode({name: value for name, value in asked.items() if value and (name, value) not in usual})
        return f"/incidents?{query}" if query else "/incidents"

    def wanted(self) -> Filter:
        return Filter(
            open={"open": True, "closed": False}.get(self.status),
            kind=self.kind or None,
            severity=Severity[self.severity.upper()].value if self.severity else None,
            site=self.site or None,
            search=self.search.strip(),
        )


class NoteForm(Struct, frozen=True, kw_only=True):
    """A remark, and where to go on."""

    note: Note = ""
    next: Annotated[str, Meta(max_length=2000)] = ""


class SnoozeForm(NoteForm, frozen=True, kw_only=True):
    """How long: seconds, `morning` for eight in the site's next morning, or nothing to take it up again."""

    wait: Annotated[str, Meta(max_length=10)] = ""


def snooze_until(wait: str, zone: str, now: datetime) -> datetime | None:
    """The time that a choice of the form stands for."""
    if wait == "morning":
        local = now.astimezone(ZoneInfo(zone))
        day = local.date() + timedelta(days=0 if local.time() < MORNING else 1)
        return datetime.combine(day, MORNING, ZoneInfo(zone))
    return now + timedelta(seconds=int(wait)) if wait.isdecimal() and wait.isascii() else None


class IncidentPages:
    """What the handlers below share."""

    def __init__(self, pages: CarePages) -> None:
        self._pages = pages

    async def list(self, request: WebRequest, actor: Actor, filters: Filters) -> Response[str]:
        """The list."""
        pages, now = self._pages, self._pages.clock.now()
        async with pages.db.tenant(actor.tenant_id) as conn:
            rows, matching = await store.list_for_page(
                conn,
                actor.tenant_id,
                filters.wanted(),
                offset=(filters.page - 1) * PAGE_SIZE,
                limit=PAGE_SIZE,
            )
            sites = await list_sites(conn, actor.tenant_id, limit=MAX_SITES)
            count = await store.count_open(conn, actor.tenant_id, now)
        with pages.shell.speaking(request):
            shown = show_all(rows, actor, now)
            kinds = [(kind.value, kind_word(kind)) for kind in IncidentKind]
            severities = [(one.name.lower(), severity_word(one)) for one in sorted(Severity, reverse=True)]
        return pages.shell.page(
            "care/incidents.html",
            request,
            viewer=actor,
            current="incidents",
            shown=shown,
            matching=matching,
            most=store.MAX_COUNTED,
            first=(filters.page - 1) * PAGE_SIZE + 1,
            page_size=PAGE_SIZE,
            filters=filters,
            sites=sites,
            kinds=kinds,
            severities=severities,
            count=count,
            changed_ms=changed_ms(count),
        )

    async def short(self, request: WebRequest, actor: Actor, site: str) -> Response[str]:
        """What is open at a site, the worst first, as a part of another page; nothing at all where nothing is."""
        pages, now = self._pages, self._pages.clock.now()
        async with pages.db.tenant(actor.tenant_id) as conn:
            wanted = Filter(open=True, site=site or None)
            rows, matching = await store.list_for_page(conn, actor.tenant_id, wanted, offset=0, limit=SHORT)
        with pages.shell.speaking(request):
            shown = show_all(rows, actor, now)
        return pages.shell.page(
            "care/here.html", request, viewer=actor, shown=shown, matching=matching, site=site, next=f"/sites/{site}"
        )

    async def one(
        self, request: WebRequest, actor: Actor, incident_id: UUID, fault: str = "", status: int = 200
    ) -> Response[str]:
        """One incident with its history; with `fault`, why what was asked was not done."""
        pages, now = self._pages, self._pages.clock.now()
        async with pages.db.tenant(actor.tenant_id) as conn:
            row = await service.find_incident(conn, actor.tenant_id, incident_id)
            history = await store.list_events(conn, actor.tenant_id, incident_id, MAX_HISTORY)
            others = await store.list_others(conn, actor.tenant_id, row.station_id, incident_id, MAX_OTHERS)
        with pages.shell.speaking(request):
            shown, beside = show(row, actor, now), show_all(others, actor, now)
        return pages.shell.page(
            "care/incident.html",
            request,
            viewer=actor,
            current="incidents",
            status=status,
            one=shown,
            history=history,
            others=beside,
            fault=fault,
        )

    async def ask(self, request: WebRequest, actor: Actor, incident_id: UUID, fault: str = "") -> Response[Any]:
        """Asks whether to act, with the consequence in words."""
        pages = self._pages
        async with pages.db.tenant(actor.tenant_id) as conn:
            row = await service.find_incident(conn, actor.tenant_id, incident_id)
        action = action_for(row.kind, row.detail)
        if action is Action.LOOK or row.closed_at is not None:
            return Redirect(f"/incidents/{incident_id}", status_code=303)
        with pages.shell.speaking(request):
            shown, follows = show(row, actor, pages.clock.now()), consequence(action)
        return pages.shell.page(
            "care/act.html",
            request,
            viewer=actor,
            current="incidents",
            status=409 if fault else 200,
            one=shown,
            consequence=follows,
            fault=fault,
        )

    async def change(
        self,
        request: WebRequest,
        actor: Actor,
        incident_id: UUID,
        form: NoteForm,
        verb: Callable[[Connection, IncidentRow, datetime], Awaitable[Any]],
    ) -> Response[Any]:
        """Does one verb, then goes on to where the person was; a refusal is told on the incident's page."""
        now = self._pages.clock.now()
        try:
            async with self._pages.db.tenant(actor.tenant_id) as conn:
                row = await service.find_incident(conn, actor.tenant_id, incident_id)
                await verb(conn, row, now)
        except ForecourtError as refused:
            if isinstance(refused, IncidentClosed) or refused.status == 422:
                return await self.one(request, actor, incident_id, refused.detail, refused.status)
            raise
        return Redirect(own_path(form.next) if form.next else f"/incidents/{incident_id}", status_code=303)

    async def act(
        self, request: WebRequest, actor: Actor, incident_id: UUID, commander: Commander, secret_key: bytes
    ) -> Response[Any]:
        """Does the next action, then shows the incident."""
        pages = self._pages
        try:
            acted = await service.act(pages.db, commander, secret_key, actor, incident_id, pages.clock.now())
        except ForecourtError as refused:
            if refused.status in (403, 404):
                raise
            return await self.ask(request, actor, incident_id, refused.detail)
        if not acted.accepted:
            return await self.one(request, actor, incident_id, acted.status, 200)
        return Redirect(f"/incidents/{incident_id}", status_code=303)


def incident_pages(pages: CarePages) -> list[HTTPRouteHandler]:
    """`/incidents`, `/incidents/{id}` and what is done there; `/incidents/{id}/toast` is read by every open page."""
    shared = IncidentPages(pages)
    review = {"verb": Verb.REVIEW}

    @get("/incidents", include_in_schema=False)
    async def incidents(
        request: WebRequest,
        actor: Asker,
        search: Search = "",
        status: Word = "open",
        kind: Word = "",
        severity: Word = "",
        site: Word = "",
        page: PageNumber = 1,
    ) -> Response[str]:
        filters = Filters(
            search=search,
            status=status if status in STATUSES else "open",
            kind=kind if kind in set(IncidentKind) else "",
            severity=severity if severity.upper() in Severity.__members__ else "",
            site=site,
            page=page,
        )
        return await shared.list(request, actor, filters)

    @get("/incidents/recent", include_in_schema=False)
    async def recent(request: WebRequest, actor: Asker, site: Word = "") -> Response[str]:
        return await shared.short(request, actor, site)

    @get("/incidents/{incident_id:uuid}", include_in_schema=False)
    async def incident(request: WebRequest, actor: Asker, incident_id: FromPath[UUID]) -> Response[str]:
        return await shared.one(request, actor, incident_id)

    @get("/incidents/{incident_id:uuid}/toast", include_in_schema=False)
    async def toast(request: WebRequest, actor: Asker, incident_id: FromPath[UUID]) -> Response[str]:
        async with pages.db.tenant(actor.tenant_id) as conn:
            row = await service.find_incident(conn, actor.tenant_id, incident_id)
        with pages.shell.speaking(request):
            shown = show(row, actor, pages.clock.now())
        return pages.shell.page("care/toast.html", request, viewer=actor, one=shown)

    @post("/incidents/{incident_id:uuid}/acknowledge", include_in_schema=False, status_code=303, opt=review)
    async def acknowledge(
        request: WebRequest, actor: Asker, incident_id: FromPath[UUID], data: URLEncodedBody[NoteForm]
    ) -> Response[Any]:
        return await shared.change(
            request,
            actor,
            incident_id,
            data,
            lambda conn, _row, now: service.acknowledge(conn, actor, incident_id, data.note, now),
        )

    @post("/incidents/{incident_id:uuid}/snooze", include_in_schema=False, status_code=303, opt=review)
    async def snooze(
        request: WebRequest, actor: Asker, incident_id: FromPath[UUID], data: URLEncodedBody[SnoozeForm]
    ) -> Response[Any]:
        return await shared.change(
            request,
            actor,
            incident_id,
            data,
            lambda conn, row, now: service.snooze(
                conn, actor, incident_id, snooze_until(data.wait, row.time_zone, now), data.note, now
            ),
        )

    @post("/incidents/{incident_id:uuid}/close", include_in_schema=False, status_code=303, opt=review)
    async def close(
        request: WebRequest, actor: Asker, incident_id: FromPath[UUID], data: URLEncodedBody[NoteForm]
    ) -> Response[Any]:
        return await shared.change(
            request,
            actor,
            incident_id,
            data,
            lambda conn, _row, now: service.close(conn, actor, incident_id, data.note, now),
        )

    @get("/incidents/{incident_id:uuid}/act", include_in_schema=False, opt=review)
    async def ask(request: WebRequest, actor: Asker, incident_id: FromPath[UUID]) -> Response[Any]:
        return await shared.ask(request, actor, incident_id)

    @post("/incidents/{incident_id:uuid}/act", include_in_schema=False, status_code=303, opt=review)
    async def act(
        request: WebRequest,
        actor: Asker,
        incident_id: FromPath[UUID],
        commander: StationCommander,
        refresher: StationRefresher,
        secret_key: SecretKey,
    ) -> Response[Any]:
        answer = await shared.act(request, actor, incident_id, commander, secret_key)
        await refresher()
        return answer

    return [incidents, recent, incident, toast, acknowledge, snooze, close, ask, act]
