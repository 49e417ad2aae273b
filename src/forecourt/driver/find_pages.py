"""The pages on which drivers find a place, and what makes them an app on a phone's home screen."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect

from forecourt.driver import words
from forecourt.driver.finding import Finder, Place
from forecourt.driver.model import PlaceUnknown
from forecourt.driver.service import Ways
from forecourt.driver.shell import HEADERS, DriverShell, icon_svg, theme_css
from forecourt.platform.clock import Clock
from forecourt.ui.i18n import gettext as _

PUBLIC: Final = {"public": True}
FOR_A_DAY: Final = "public, max-age=86400"
MANIFEST: Final = "application/manifest+json"

Asking = Request[Any, Any, Any]
Lang = Annotated[str | None, QueryParameter(name="lang", pattern="^[a-z]{2}$")]
Slug = Annotated[str, PathParameter(pattern="^[a-z0-9-]{1,40}$")]
Colour = Annotated[str, PathParameter(pattern="^[0-9a-f]{6}$")]


class FindPages:
    """What the handlers below share."""

    def __init__(self, shell: DriverShell, ways: Ways, finder: Finder) -> None:
        self._shell = shell
        self._ways = ways
        self._finder = finder

    async def show(self, request: Any, slug: str, lang: str | None) -> Response[Any]:
        """The list, and a map where there is a script."""
        try:
            brand, places = await self._finder.places(slug, host_of(request))
        except PlaceUnknown:
            only = await self._ways.only_brand() if not slug else None
            if only is not None:
                return Redirect(f"/find/{only}", status_code=303)
            return self._shell.page("unknown.html", request, lang=lang, status=404, brand=None)
        return self._shell.page("find.html", request, lang=lang, brand=brand, places=places, slug=brand.slug)

    async def now(self, request: Any, slug: str) -> Response[Any]:
        """What is free now, for the page that stays open. Raises PlaceUnknown."""
        _brand, places = await self._finder.places(slug, "")
        with self._shell.speech.speaking(request):
            content = {"places": [_said(each) for each in places]}
        return Response(content, media_type=MediaType.JSON, headers=HEADERS)

    async def manifest(self, slug: str) -> Response[Any]:
        """What makes the page an app on a phone. Raises PlaceUnknown."""
        brand, _places = await self._finder.places(slug, "")
        icon = f"/look/{brand.colour[1:]}/icon.svg"
        content = {
            "name": brand.name,
            "short_name": brand.name[:12],
            "start_url": f"/find/{brand.slug}",
            "scope": "/",
            "display": "standalone",
            "theme_color": brand.colour,
            "background_color": "#ffffff",
            "icons": [{"src": icon, "type": "image/svg+xml", "sizes": "any", "purpose": "any maskable"}],
        }
        return Response(content, media_type=MANIFEST, headers={"cache-control": FOR_A_DAY})


def host_of(request: Any) -> str:
    """The host that was asked, without its port."""
    return str(request.headers.get("host", "")).partition(":")[0].lower()


def _said(place: Place) -> dict[str, Any]:
    """What the open page is told of a place."""
    shown = place.shown
    price = ""
    if shown is not None and shown.tariff is not None and shown.lines:
        price = words.line_words(shown.lines[0], shown.law, shown.tariff.currency)
    return {
        "site": place.site,
        "name": place.name,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "free": place.free,
        "said": _("%(free)s of %(all)s free") % {"free": place.free, "all": len(place.spots)},
        "price": price,
    }


def find_pages(shell: DriverShell, ways: Ways, clock: Clock) -> Sequence[HTTPRouteHandler]:
    """The routes `/find` and `/look`."""
    pages = FindPages(shell, ways, Finder(ways, clock))
    quiet: dict[str, Any] = {"include_in_schema": False, "opt": PUBLIC}

    @get("/find", **quiet)
    async def find_all(request: Asking, lang: Lang = None) -> Response[Any]:
        return await pages.show(request, "", lang)

    @get("/find/{slug:str}", **quiet)
    async def find(request: Asking, slug: Slug, lang: Lang = None) -> Response[Any]:
        return await pages.show(request, slug, lang)

    @get("/find/{slug:str}/places.json", **quiet)
    async def now(request: Asking, slug: Slug) -> Response[Any]:
        return await pages.now(request, slug)

    @get("/find/{slug:str}/app.webmanifest", **quiet)
    async def manifest(slug: Slug) -> Response[Any]:
        return await pages.manifest(slug)

    @get("/look/{colour:str}", sync_to_thread=False, **quiet)
    def look(colour: Colour) -> Response[str]:
        return Response(theme_css(colour), media_type=MediaType.CSS, headers={"cache-control": FOR_A_DAY})

    @get("/look/{colour:str}/icon.svg", sync_to_thread=False, **quiet)
    def icon(colour: Colour) -> Response[str]:
        return Response(icon_svg(colour), media_type="image/svg+xml", headers={"cache-control": FOR_A_DAY})

    return [find_all, find, now, manifest, look, icon]
