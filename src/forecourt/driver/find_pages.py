"""The pages on which drivers find a place, and what makes them an app on a phone's home screen."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect
from msgspec import Struct, structs

from forecourt.driver import words
from forecourt.driver.finding import POWERS_W, Finder, Place, Wanted, currencies_of, fitting, types_of
from forecourt.driver.model import Box, PlaceUnknown
from forecourt.driver.service import Ways
from forecourt.driver.shell import HEADERS, DriverShell, icon_svg, theme_css
from forecourt.driver.waiting.model import MAX_TYPE
from forecourt.driver.words import type_words
from forecourt.platform.clock import Clock
from forecourt.platform.paging import MAX_NAMES_LENGTH, Cursors
from forecourt.ui.i18n import gettext as _
from forecourt.ui.security import SECURITY_HEADERS

PUBLIC: Final = {"public": True}
CURSORS: Final = Cursors("places on a page", 4)
#: Degrees of latitude and of longitude that there are, of either side.
MOST_DEGREES: Final = (90, 180, 90, 180)
MAX_BOX: Final = 100
FOR_A_DAY: Final = "public, max-age=86400"
MANIFEST: Final = "application/manifest+json"
#: This page may ask where the driver is, who is asked by the browser first; no other page of ours may.
FIND_HEADERS: Final = {
    **HEADERS,
    "permissions-policy": SECURITY_HEADERS["permissions-policy"].replace("geolocation=()", "geolocation=(self)"),
}

Asking = Request[Any, Any, Any]
Lang = Annotated[str | None, QueryParameter(name="lang", pattern="^[a-z]{2}$")]
Slug = Annotated[str, PathParameter(pattern="^[a-z0-9-]{1,40}$")]
#: As a form sends it; what can't be understood is no wish.
Wish = Annotated[str, QueryParameter(max_length=MAX_TYPE)]
Kinds = Annotated[str, QueryParameter(name="type", max_length=MAX_TYPE)]
Corners = Annotated[str, QueryParameter(name="box", max_length=MAX_BOX)]
Behind = Annotated[str, QueryParameter(name="cursor", max_length=MAX_NAMES_LENGTH)]
Colour = Annotated[str, PathParameter(pattern="^[0-9a-f]{6}$")]


class Part(Struct, frozen=True, kw_only=True):
    """Which of the places are asked for. `cursor`: of the page before; empty: from the first on."""

    box: Box | None = None
    cursor: str = ""


class FindPages:
    """What the handlers below share."""

    def __init__(self, shell: DriverShell, ways: Ways, finder: Finder) -> None:
        self._shell = shell
        self._ways = ways
        self._finder = finder

    async def show(self, request: Any, slug: str, lang: str | None, wanted: Wanted, part: Part) -> Response[Any]:
        """The list of what fits, and a map where there is a script. Raises PlaceUnknown, CursorRefused."""
        behind = CURSORS.decode_names(part.cursor or None)
        try:
            found = await self._finder.places(slug, host_of(request), box=part.box, behind=behind)
        except PlaceUnknown:
            only = await self._ways.only_brand() if not slug else None
            if only is not None:
                return Redirect(f"/find/{only}", status_code=303)
            raise
        brand, places = found.brand, found.places
        currencies = currencies_of(places)
        wanted = _priced(wanted, currencies)
        more = "" if found.last is None else CURSORS.encode_names(*found.last)
        page = self._shell.page(
            "find.html", request, lang=lang, brand=brand, places=fitting(places, wanted), slug=brand.slug,
            wanted=wanted, types=types_of(places), powers=POWERS_W, named=type_words, any_there=bool(places),
            currencies=currencies, asks=_query(wanted, part), box=_corners(part.box), in_part=part != Part(),
            more=more and _query(wanted, structs.replace(part, cursor=more)), anywhere=_query(wanted, Part()),
        )  # fmt: skip
        page.headers.update(FIND_HEADERS)
        return page

    async def now(self, request: Any, slug: str, wanted: Wanted, part: Part) -> Response[Any]:
        """What fits and is free now, for the page that stays open. Raises PlaceUnknown, CursorRefused."""
        behind = CURSORS.decode_names(part.cursor or None)
        places = (await self._finder.places(slug, "", box=part.box, behind=behind)).places
        # What filled up meanwhile stays on the page, and says so.
        wanted = _priced(structs.replace(wanted, free=False), currencies_of(places))
        with self._shell.speech.speaking(request):
            content = {"places": [_said(each) for each in fitting(places, wanted)]}
        return Response(content, media_type=MediaType.JSON, headers=HEADERS)

    async def manifest(self, slug: str) -> Response[Any]:
        """What makes the page an app on a phone. Raises PlaceUnknown."""
        brand = (await self._finder.places(slug, "")).brand
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


def wanted_of(kind: str, power: str, price: str, free: str, currency: str = "") -> Wanted:
    """What a driver looks for, as the form says it."""
    try:
        most = Decimal(price.strip().replace(",", ".")) if price.strip() else None
    except InvalidOperation:
        most = None
    return Wanted(
        type=kind or None,
        power_w=int(power) if power.isascii() and power.isdecimal() and int(power) in POWERS_W else None,
        price=most if most is not None and most.is_finite() and most >= 0 else None,
        currency=currency or None,
        free=bool(free),
    )


def _priced(wanted: Wanted, currencies: Sequence[str]) -> Wanted:
    """With the currency that a price is in: the one that was chosen, else that of most."""
    if wanted.currency in currencies:
        return wanted
    return structs.replace(wanted, currency=currencies[0] if currencies else None)


def part_of(box: str, cursor: str) -> Part:
    """Which of the places are asked for, as an address says it. `box`: south, west, north and east between commas, in
    degrees; one that makes no sense is none."""
    try:
        said = [float(each) for each in box.split(",")] if box else []
    except ValueError:
        said = []
    if len(said) != len(MOST_DEGREES) or not all(
        abs(each) <= most for each, most in zip(said, MOST_DEGREES, strict=True)
    ):
        return Part(cursor=cursor)
    south, west, north, east = said
    return Part(box=Box(south=south, west=west, north=north, east=east), cursor=cursor)


def _corners(box: Box | None) -> str:
    return "" if box is None else ",".join(str(each) for each in structs.astuple(box))


def _query(wanted: Wanted, part: Part) -> str:
    """What asks for the same again; empty for anything."""
    asked = {
        "type": wanted.type,
        "power": wanted.power_w,
        "price": wanted.price,
        "currency": None if wanted.price is None else wanted.currency,
        "free": "1" if wanted.free else None,
        "box": _corners(part.box) or None,
        "cursor": part.cursor or None,
    }
    said = urlencode({name: str(value) for name, value in asked.items() if value is not None})
    return f"?{said}" if said else ""


def _said(place: Place) -> dict[str, Any]:
    """What the open page is told of a place."""
    shown = place.cheapest
    price = ""
    if shown is not None and shown.tariff is not None and shown.lines:
        price = words.line_words(shown.lines[0], shown.law, shown.tariff.currency)
        if not place.one_price:
            price = _("from %(price)s") % {"price": price}
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
    async def find_all(
        request: Asking, kind: Kinds = "",
        power: Wish = "", price: Wish = "", free: Wish = "", currency: Wish = "", box: Corners = "",
        cursor: Behind = "", lang: Lang = None,
    ) -> Response[Any]:  # fmt: skip
        return await pages.show(request, "", lang, wanted_of(kind, power, price, free, currency), part_of(box, cursor))

    @get("/find/{slug:str}", **quiet)
    async def find(
        request: Asking, slug: Slug, kind: Kinds = "",
        power: Wish = "", price: Wish = "", free: Wish = "", currency: Wish = "", box: Corners = "",
        cursor: Behind = "", lang: Lang = None,
    ) -> Response[Any]:  # fmt: skip
        return await pages.show(
            request, slug, lang, wanted_of(kind, power, price, free, currency), part_of(box, cursor)
        )

    @get("/find/{slug:str}/places.json", **quiet)
    async def now(
        request: Asking, slug: Slug, kind: Kinds = "",
        power: Wish = "", price: Wish = "", free: Wish = "", currency: Wish = "", box: Corners = "",
        cursor: Behind = "",
    ) -> Response[Any]:  # fmt: skip
        return await pages.now(request, slug, wanted_of(kind, power, price, free, currency), part_of(box, cursor))

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
