"""The screens of sites: the list with its map, one site with its stations, and its form.

Sessions are not known here: what runs and what was charged today arrives by a Protocol, and a site's page asks for the
sessions' fragment by its address.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Protocol
from urllib.parse import urlencode
from zoneinfo import available_timezones

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.access.model import Actor
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations import service, store
from forecourt.stations.errors import SiteExists, SiteInUse, TimeZoneRefused
from forecourt.stations.model import STATION_STATES
from forecourt.ui.i18n import mark
from forecourt.ui.live import SnapshotProvider, Value
from forecourt.ui.shell import Authenticate, Shell, Viewer, to_sign_in

#: Stations that a site's page lists and watches live; more are found in the list of stations.
MAX_AT_SITE: Final = 200
MAX_FIELD: Final = 200
#: What was just done, or could not be done, told once above the page.
DONE: Final = {
    "stored": mark("Stored."),
    "deleted": mark("Deleted."),
    SiteInUse.code: mark("Stations stand at this site. Move them to another site or retire them first."),
}

_TEXT: Final = r"^[^\x00]*$"
Search = Annotated[str, QueryParameter(name="q", max_length=100, pattern=_TEXT)]
Done = Annotated[str, QueryParameter(name="done", max_length=20)]
Slug = Annotated[str, PathParameter(max_length=63, pattern=_TEXT)]
WebRequest = Request[Any, Any, Any]


class AtSite(Protocol):
    """What goes on at a site."""

    @property
    def running(self) -> int: ...

    @property
    def power_w(self) -> int: ...

    @property
    def sessions(self) -> int:
        """Those that began today, in the zone of the site."""
        ...

    @property
    def energy_wh(self) -> int:
        """Of these."""
        ...


class SitesToday(Protocol):
    """What goes on at each site of a tenant, by slug; sites where nothing does are left out."""

    async def __call__(self, tenant_id: int, now: datetime, /) -> Mapping[str, AtSite]: ...


class SiteForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    name: Annotated[str, Meta(max_length=1000)] = ""
    slug: Annotated[str, Meta(max_length=1000)] = ""
    address: Annotated[str, Meta(max_length=1000)] = ""
    city: Annotated[str, Meta(max_length=1000)] = ""
    country: Annotated[str, Meta(max_length=1000)] = ""
    time_zone: Annotated[str, Meta(max_length=1000)] = ""
    latitude: Annotated[str, Meta(max_length=1000)] = ""
    longitude: Annotated[str, Meta(max_length=1000)] = ""


#: How each field must be, as the API takes it.
RULES: Final[Mapping[str, tuple[Any, str]]] = {
    "name": (
        Annotated[str, Meta(min_length=1, max_length=MAX_FIELD, pattern=r"^[^\x00-\x1f\x7f]*$")],
        mark("must be one line of 1 to 200 characters"),
    ),
    "slug": (
        Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")],
        mark("may hold small letters, digits and hyphens, 63 at most"),
    ),
    "address": (
        Annotated[str, Meta(max_length=MAX_FIELD, pattern=r"^[^\x00-\x1f\x7f]*$")],
        mark("must be one line of 200 characters at most"),
    ),
    "city": (
        Annotated[str, Meta(max_length=MAX_FIELD, pattern=r"^[^\x00-\x1f\x7f]*$")],
        mark("must be one line of 200 characters at most"),
    ),
    "country": (Annotated[str, Meta(pattern="^[A-Z]{2}$")], mark("must be two capital letters, such as DE")),
    "time_zone": (
        Annotated[str, Meta(max_length=MAX_FIELD)],
        mark("must be a name of the IANA database, such as Europe/Berlin"),
    ),
    "latitude": (Annotated[float, Meta(ge=-90, le=90)], mark("must be degrees between -90 and 90")),
    "longitude": (Annotated[float, Meta(ge=-180, le=180)], mark("must be degrees between -180 and 180")),
}
_TAKEN: Final = mark("is taken by another site")


class SitePages:
    """What the handlers below share."""

    def __init__(
        self, shell: Shell, db: Pool, clock: Clock, snapshots: Sequence[SnapshotProvider], today: SitesToday
    ) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock
        self._snapshots = snapshots
        self._today = today

    async def show(self, request: WebRequest, viewer: Viewer, search: str, done: str) -> Response[str]:
        async with self._db.tenant(viewer.tenant_id) as conn:
            sites = await store.list_shown_sites(conn, viewer.tenant_id, search=search.strip())
        return self._shell.page(
            "stations/sites.html",
            request,
            viewer=viewer,
            current="sites",
            sites=sites,
            today=await self._today(viewer.tenant_id, self._clock.now()),
            states=STATION_STATES,
            search=search,
            begin=not sites and not search,
            can_change=may_change(viewer),
            done=DONE.get(done, ""),
        )

    async def show_one(self, request: WebRequest, viewer: Viewer, slug: str, done: str) -> Response[str]:
        tenant_id = viewer.tenant_id
        async with self._db.tenant(tenant_id) as conn:
            found = await store.list_shown_sites(conn, tenant_id, slug=slug)
            if not found:
                return self._gone(request, viewer, slug)
            rows, matching = await store.list_for_page(conn, tenant_id, site=slug, limit=MAX_AT_SITE)
        live: dict[str, Value] = {}
        for provider in self._snapshots:
            live.update(await provider(tenant_id, [row.identity for row in rows]) if rows else {})
        now = self._clock.now()
        return self._shell.page(
            "stations/site.html",
            request,
            viewer=viewer,
            current="sites",
            site=found[0],
            rows=rows,
            matching=matching,
            live=live,
            power_w=sum(int(live.get(f"station.{row.identity}.power_w") or 0) for row in rows),
            today=(await self._today(tenant_id, now)).get(slug),
            now=now,
            states=STATION_STATES,
            sessions=f"/sessions/recent?{urlencode({'site': slug})}",
            can_change=may_change(viewer),
            done=DONE.get(done, ""),
        )

    async def points(self, viewer: Viewer) -> list[dict[str, Any]]:
        """The sites that have a place on the map, each in the state that speaks for its stations."""
        async with self._db.tenant(viewer.tenant_id) as conn:
            sites = await store.list_shown_sites(conn, viewer.tenant_id)
        return [
            {
                "id": site.slug,
                "name": site.name,
                "site": site.name,
                "state": next((state for state in STATION_STATES if site.states.get(state)), "Unavailable"),
                "latitude": site.latitude,
                "longitude": site.longitude,
            }
            for site in sites
            if site.latitude is not None and site.longitude is not None
        ]

    async def form(
        self,
        request: WebRequest,
        viewer: Viewer,
        *,
        slug: str | None = None,
        asked: SiteForm | None = None,
        wrong: Mapping[str, str] | None = None,
    ) -> Response[str]:
        """The form of a new site, or of the one with this slug; with what was asked and what is wrong with it."""
        site = None
        async with self._db.tenant(viewer.tenant_id) as conn:
            if slug is not None:
                found = await store.list_shown_sites(conn, viewer.tenant_id, slug=slug)
                if not found:
                    return self._gone(request, viewer, slug)
                site = found[0]
            zone = await store.find_zone(conn, viewer.tenant_id)
        if asked is None:
            asked = SiteForm(time_zone=zone) if site is None else _form_of(site)
        return self._shell.page(
            "stations/site_form.html",
            request,
            viewer=viewer,
            current="sites",
            status=422 if wrong else 200,
            site=site,
            asked=asked,
            wrong=wrong or {},
            zones=sorted(available_timezones()),
        )

    def _gone(self, request: WebRequest, viewer: Viewer, slug: str) -> Response[str]:
        return self._shell.page(
            "stations/site_gone.html", request, viewer=viewer, current="sites", status=404, slug=slug
        )


def site_pages(
    *,
    shell: Shell,
    authenticate: Authenticate,
    db: Pool,
    clock: Clock,
    snapshots: Sequence[SnapshotProvider],
    today: SitesToday,
) -> list[HTTPRouteHandler]:
    """`/sites` and all that is below it, for people who are signed in."""
    pages = SitePages(shell, db, clock, snapshots, today)
    changing = {"verb": Verb.CHANGE_SITES}

    @get("/sites", include_in_schema=False)
    async def sites(request: Request[Any, Any, Any], search: Search = "", done: Done = "") -> Response[Any]:
        viewer = await authenticate(request)
        return to_sign_in(request) if viewer is None else await pages.show(request, viewer, search, done)

    @get("/sites/points", include_in_schema=False)
    async def points(request: Request[Any, Any, Any]) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        return Response(await pages.points(viewer), headers={"cache-control": "private, no-store"})

    @get("/sites/{slug:str}", include_in_schema=False)
    async def site(request: Request[Any, Any, Any], slug: Slug, done: Done = "") -> Response[Any]:
        viewer = await authenticate(request)
        return to_sign_in(request) if viewer is None else await pages.show_one(request, viewer, slug, done)

    @get("/sites/new", opt=changing, include_in_schema=False)
    async def new_site(request: Request[Any, Any, Any], actor: Asker) -> Response[Any]:
        return await pages.form(request, actor)

    @get("/sites/{slug:str}/edit", opt=changing, include_in_schema=False)
    async def edit_site(request: Request[Any, Any, Any], slug: Slug, actor: Asker) -> Response[Any]:
        return await pages.form(request, actor, slug=slug)

    @post("/sites/new", opt=changing, include_in_schema=False, status_code=303)
    async def make_site(request: Request[Any, Any, Any], data: URLEncodedBody[SiteForm], actor: Asker) -> Response[Any]:
        values, wrong = read_form(data)
        if not wrong:
            slug = values.pop("slug")
            try:
                async with db.tenant(actor.tenant_id) as conn:
                    made = await service.create_site(conn, actor, slug=slug, parent=None, values=values)
                return Redirect(f"/sites/{made.slug}?done=stored", status_code=303)
            except (SiteExists, TimeZoneRefused) as fault:
                wrong = _refused(fault)
        return await pages.form(request, actor, asked=data, wrong=wrong)

    @post("/sites/{slug:str}/edit", opt=changing, include_in_schema=False, status_code=303)
    async def alter_site(
        request: Request[Any, Any, Any], slug: Slug, data: URLEncodedBody[SiteForm], actor: Asker
    ) -> Response[Any]:
        values, wrong = read_form(data)
        if not wrong:
            try:
                async with db.tenant(actor.tenant_id) as conn:
                    kept = {name: value for name, value in values.items() if (name, value) != ("slug", None)}
                    made = await service.change_site(conn, actor, slug, kept, None)
                return Redirect(f"/sites/{made.slug}?done=stored", status_code=303)
            except (SiteExists, TimeZoneRefused) as fault:
                wrong = _refused(fault)
        return await pages.form(request, actor, slug=slug, asked=data, wrong=wrong)

    @post("/sites/{slug:str}/delete", opt=changing, include_in_schema=False, status_code=303)
    async def remove_site(slug: Slug, actor: Asker) -> Redirect:
        try:
            async with db.tenant(actor.tenant_id) as conn:
                await service.delete_site(conn, actor, slug)
        except SiteInUse as fault:
            return Redirect(f"/sites/{slug}?done={fault.code}", status_code=303)
        return Redirect("/sites?done=deleted", status_code=303)

    return [sites, points, site, new_site, edit_site, make_site, alter_site, remove_site]


def may_change(viewer: Viewer) -> bool:
    """Whether this person may change sites."""
    return isinstance(viewer, Actor) and viewer.may(Verb.CHANGE_SITES)


def read_form(form: SiteForm) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of the form, None for an empty field, and the rule of each field that can't be taken."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, (kind, rule) in RULES.items():
        text = str(getattr(form, name)).strip()
        if name == "country":
            text = text.upper()
        if not text and name not in ("name", "time_zone"):
            values[name] = None
            continue
        try:
            values[name] = msgspec.convert(text.replace(",", ".") if kind_is_number(name) else text, kind, strict=False)
        except msgspec.ValidationError:
            wrong[name] = rule
    return values, wrong


def kind_is_number(name: str) -> bool:
    """Fields in which a decimal comma is as good as a point."""
    return name in ("latitude", "longitude")


def _refused(fault: ForecourtError) -> dict[str, str]:
    return {"slug": _TAKEN} if isinstance(fault, SiteExists) else {"time_zone": RULES["time_zone"][1]}


def _form_of(site: store.ShownSite) -> SiteForm:
    return SiteForm(
        **{name: "" if getattr(site, name) is None else str(getattr(site, name)) for name in SiteForm.__struct_fields__}
    )
