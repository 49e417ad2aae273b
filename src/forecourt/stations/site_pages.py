"""The screens of sites: the tree with its map, one site with its stations and parts, and its form.

Sessions are not known here: what runs and what was charged today arrives by a Protocol, and a site's page asks for the
fragments of sessions, incidents and people by their addresses.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Protocol
from urllib.parse import urlencode
from zoneinfo import available_timezones

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter, URLEncodedBody
from litestar.response import Redirect

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.access.limits import SiteName
from forecourt.access.model import Actor
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations import service, store
from forecourt.stations.branches import AtSite, Branch, branches
from forecourt.stations.errors import SiteInUse, SiteNeeded, SiteRefused, SiteTreeRefused
from forecourt.stations.model import STATION_STATES
from forecourt.stations.site_form import REFUSED, SiteForm, form_of, read_form, refused
from forecourt.ui.i18n import mark
from forecourt.ui.live import SnapshotProvider, Value
from forecourt.ui.shell import Authenticate, Shell, Viewer, to_sign_in

#: Stations that a site's page lists and watches live; more are found in the list of stations.
MAX_AT_SITE: Final = 200
#: What was just done, or could not be done, told once above the page.
DONE: Final = {
    "stored": mark("Stored."),
    "deleted": mark("Deleted."),
    "moved": mark("Moved, with all that is part of it."),
    SiteInUse.code: mark("Stations or other sites are still here. Move or retire the stations, and move the sites."),
    SiteTreeRefused.code: mark("It can't stand there: not below itself, and at most ten deep."),
    SiteRefused.code: mark("The site it should be part of is no more."),
    SiteNeeded.code: mark("You are limited to some sites: it must stay part of one of them."),
}

_TEXT: Final = r"^[^\x00]*$"
Search = Annotated[str, QueryParameter(name="q", max_length=100, pattern=_TEXT)]
Done = Annotated[str, QueryParameter(name="done", max_length=30)]
Parent = Annotated[str, QueryParameter(name="parent", max_length=63, pattern=_TEXT)]
Slug = Annotated[str, PathParameter(max_length=63, pattern=_TEXT)]
WebRequest = Request[Any, Any, Any]


class SitesToday(Protocol):
    """What goes on at each site of a tenant, by slug; sites where nothing does are left out."""

    async def __call__(self, tenant_id: int, now: datetime, /) -> Mapping[str, AtSite]: ...


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
        """The tree."""
        async with self._db.tenant(viewer.tenant_id) as conn:
            sites = await store.list_shown_sites(conn, viewer.tenant_id, search=search.strip())
        return self._shell.page(
            "stations/sites.html",
            request,
            viewer=viewer,
            current="sites",
            branches=await self._branches(viewer, sites),
            states=STATION_STATES,
            search=search,
            begin=not sites and not search,
            can_change=may_change(viewer),
            done=DONE.get(done, ""),
        )

    async def _branches(self, viewer: Viewer, sites: Sequence[store.ShownSite]) -> list[Branch]:
        today = await self._today(viewer.tenant_id, self._clock.now())
        async with self._db.tenant(viewer.tenant_id) as conn:
            paths = await store.list_paths(conn, viewer.tenant_id, list(today))
        return branches(sites, today, paths)

    async def show_one(self, request: WebRequest, viewer: Viewer, slug: str, done: str) -> Response[str]:
        """One site: its stations, its parts, and what other rooms tell of it by their fragments."""
        tenant_id = viewer.tenant_id
        async with self._db.tenant(tenant_id) as conn:
            found = await store.list_shown_sites(conn, tenant_id, slug=slug)
            if not found:
                return self._gone(request, viewer, slug)
            site = found[0]
            rows, matching = await store.list_for_page(conn, tenant_id, site=slug, limit=MAX_AT_SITE)
            parts = await store.list_shown_sites(conn, tenant_id, part_of=site.site_id)
            above = await store.list_above(conn, tenant_id, site.path)
            places = await self._places(conn, tenant_id, site) if may_change(viewer) else []
        live: dict[str, Value] = {}
        for provider in self._snapshots:
            live.update(await provider(tenant_id, [row.identity for row in rows]) if rows else {})
        branch, *below = await self._branches(viewer, [site, *parts])
        query = urlencode({"site": slug})
        return self._shell.page(
            "stations/site.html",
            request,
            viewer=viewer,
            current="sites",
            site=site,
            above=above,
            today=branch.today,
            parts=below,
            rows=rows,
            matching=matching,
            live=live,
            # Scripts sum what the rows say, so only where these are all that stand here.
            sums=not below and matching <= len(rows),
            now=self._clock.now(),
            states=STATION_STATES,
            places=places,
            sessions=f"/sessions/recent?{query}",
            incidents=f"/incidents/recent?{query}",
            hosts=f"/people/at?{query}" if isinstance(viewer, Actor) and viewer.may(Verb.PEOPLE) else "",
            can_change=may_change(viewer),
            may_move=may_change(viewer) and site.site_id not in (viewer.sites or ()),
            done=DONE.get(done, ""),
        )

    async def _places(self, conn: store.Connection, tenant_id: int, site: store.ShownSite | None) -> list[SiteName]:
        """The sites that a site may be part of: none of its own branch."""
        names = await store.list_site_names(conn, tenant_id, store.MAX_SITES)
        if site is None:
            return names
        at = next((number for number, name in enumerate(names) if name.site_id == site.site_id), len(names))
        end = next((n for n in range(at + 1, len(names)) if names[n].depth <= names[at].depth), len(names))
        return names[:at] + names[end:]

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
        parent: str = "",
        asked: SiteForm | None = None,
        wrong: Mapping[str, str] | None = None,
    ) -> Response[str]:
        """The form of a new site that is part of `parent`, or of the site with this slug; with what was asked and what
        is wrong with it."""
        site = None
        async with self._db.tenant(viewer.tenant_id) as conn:
            if slug is not None:
                found = await store.list_shown_sites(conn, viewer.tenant_id, slug=slug)
                if not found:
                    return self._gone(request, viewer, slug)
                site = found[0]
            zone = await store.find_zone(conn, viewer.tenant_id, parent) or viewer.time_zone
            places = await self._places(conn, viewer.tenant_id, site)
        if asked is None:
            asked = SiteForm(time_zone=zone, parent=parent) if site is None else form_of(site)
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
            places=places,
            least=isinstance(viewer, Actor) and viewer.sites is not None,
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
    async def new_site(request: Request[Any, Any, Any], actor: Asker, parent: Parent = "") -> Response[Any]:
        return await pages.form(request, actor, parent=parent)

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
                    parent = data.parent.strip() or None
                    made = await service.create_site(conn, actor, slug=slug, parent=parent, values=values)
                return Redirect(f"/sites/{made.slug}?done=stored", status_code=303)
            except tuple(REFUSED) as fault:
                wrong = refused(fault)
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
                    held = await service.find_site(conn, actor.tenant_id, slug)
                    parent = data.parent.strip() or None
                    moved = {} if parent == held.parent else {"parent": parent}
                    made = await service.change_site(conn, actor, slug, {**kept, **moved}, None)
                return Redirect(f"/sites/{made.slug}?done=stored", status_code=303)
            except tuple(REFUSED) as fault:
                wrong = refused(fault)
        return await pages.form(request, actor, slug=slug, asked=data, wrong=wrong)

    @post("/sites/{slug:str}/move", opt=changing, include_in_schema=False, status_code=303)
    async def move_site(slug: Slug, data: URLEncodedBody[SiteForm], actor: Asker) -> Redirect:
        try:
            async with db.tenant(actor.tenant_id) as conn:
                made = await service.change_site(conn, actor, slug, {"parent": data.parent.strip() or None}, None)
        except tuple(REFUSED) as fault:
            return Redirect(f"/sites/{slug}?done={fault.code}", status_code=303)
        return Redirect(f"/sites/{made.slug}?done=moved", status_code=303)

    @post("/sites/{slug:str}/delete", opt=changing, include_in_schema=False, status_code=303)
    async def remove_site(slug: Slug, actor: Asker) -> Redirect:
        try:
            async with db.tenant(actor.tenant_id) as conn:
                await service.delete_site(conn, actor, slug)
        except SiteInUse as fault:
            return Redirect(f"/sites/{slug}?done={fault.code}", status_code=303)
        return Redirect("/sites?done=deleted", status_code=303)

    return [sites, points, site, new_site, edit_site, make_site, alter_site, move_site, remove_site]


def may_change(viewer: Viewer) -> bool:
    """Whether this person may change sites."""
    return isinstance(viewer, Actor) and viewer.may(Verb.CHANGE_SITES)
