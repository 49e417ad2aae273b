"""What the console shows of drivers' pages: how they look, and the codes that lead to them, to print."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct, structs

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.driver import store
from forecourt.driver.brands import DriverPagesWanted, PagesTaken, change_pages, home_of, pages_tag
from forecourt.driver.codes import address_of, code_svg
from forecourt.driver.store import Brand, CodeSpot
from forecourt.platform.database import Pool
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.stations.model import IDENTITY_PATTERN
from forecourt.stations.service import find_site
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

CONSOLE_TEMPLATES: Final = Path(__file__).parent / "console_templates"
PATH: Final = "/settings/driver-pages"
GUARDED: Final[Mapping[str, Any]] = {"verb": Verb.ORGANISATION}
#: How each field must be.
WRONG: Final = {
    "slug": mark("must be of small letters, digits and hyphens, 40 at most, no hyphen first or last"),
    "name": mark("must hold something that can be seen, 80 characters at most"),
    "colour": mark("must be a colour"),
    "domain": mark("must be a host name such as charge.example.com"),
    "help_phone": mark("must be a telephone number"),
    "help_email": mark("must be an e-mail address"),
    "imprint_url": mark("must begin with https://"),
}
TAKEN: Final = mark("Another organisation's pages have this name or domain. Choose another one.")
STALE: Final = mark("Somebody else changed it meanwhile, so nothing was stored. Save again to put yours in its place.")
DONE: Final = {"stored": mark("Stored.")}
#: What may be left out.
OPTIONAL: Final = ("domain", "help_phone", "help_email", "imprint_url")

WebRequest = Request[Any, Any, Any]
_Text = Annotated[str, Meta(max_length=1000)]
Identity = Annotated[str, PathParameter(min_length=1, max_length=255, pattern=IDENTITY_PATTERN)]


class LookForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    slug: _Text = ""
    name: _Text = ""
    colour: _Text = ""
    domain: _Text = ""
    help_phone: _Text = ""
    help_email: _Text = ""
    imprint_url: _Text = ""
    listed: _Text = ""
    tag: _Text = ""


class Sheet(Struct, frozen=True, kw_only=True):
    """One code and what stands beside it."""

    spot: CodeSpot
    address: str
    picture: str


class DriverConsole:
    """What the handlers below share. `address`: where this deployment is reached."""

    def __init__(self, shell: Shell, db: Pool, address: str) -> None:
        self._shell = shell
        self._db = db
        self._address = address

    async def look(
        self,
        request: WebRequest,
        actor: Actor,
        *,
        form: LookForm | None = None,
        wrong: Mapping[str, str] | None = None,
        fault: str = "",
        done: str = "",
    ) -> Response[str]:
        """The form, with what was sent and what is wrong with it; and the way to the pages themselves."""
        async with self._db.tenant(actor.tenant_id) as conn:
            brand = await store.find_brand(conn, actor.tenant_id)
            spot = await store.first_code(conn, actor.tenant_id)
        home = home_of(brand, self._address)
        return self._page(
            "look", request, actor, status=422 if wrong or fault else 200, form=form or _form_of(brand), brand=brand,
            wrong=wrong or {}, fault=fault, done=DONE.get(done, ""), home=home, tag=pages_tag(brand),
            first=None if spot is None else address_of("", spot.station, spot.evse),
        )  # fmt: skip

    async def change(self, request: WebRequest, actor: Actor, form: LookForm) -> Response[Any]:
        """Stores what the form says."""
        wanted, wrong = read_look(form)
        if wanted is None:
            return await self.look(request, actor, form=form, wrong=wrong)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await change_pages(conn, actor, wanted, form.tag or None)
        except PagesTaken:
            return await self.look(request, actor, form=form, fault=TAKEN)
        except ChangedMeanwhile:
            return await self.look(request, actor, form=form, fault=STALE)
        return Redirect(f"{PATH}?done=stored", status_code=303)

    async def at_station(self, request: WebRequest, actor: Actor, identity: str) -> Response[str]:
        """The fragment on a station's page."""
        _, sheets = await self._sheets(actor, station=identity)
        return self._page("codes_at", request, actor, sheets=sheets, identity=identity)

    async def of_station(self, request: WebRequest, actor: Actor, identity: str) -> Response[str]:
        """The sheet of one station."""
        brand, sheets = await self._sheets(actor, station=identity)
        return self._page(
            "codes", request, actor, sheets=sheets, brand=brand, title=identity, back=f"/stations/{identity}",
            current="stations", status=200 if sheets else 404,
        )  # fmt: skip

    async def of_site(self, request: WebRequest, actor: Actor, slug: str) -> Response[str]:
        """The sheet of a site. Raises SiteUnknown."""
        async with self._db.tenant(actor.tenant_id) as conn:
            site = await find_site(conn, actor.tenant_id, slug)
        brand, sheets = await self._sheets(actor, site=site.site_id)
        return self._page(
            "codes", request, actor, sheets=sheets, brand=brand, title=site.name, back=f"/sites/{site.slug}",
            current="sites",
        )  # fmt: skip

    async def _sheets(self, actor: Actor, **of: Any) -> tuple[Brand, list[Sheet]]:
        async with self._db.tenant(actor.tenant_id) as conn:
            brand = await store.find_brand(conn, actor.tenant_id)
            spots = await store.list_codes(conn, actor.tenant_id, **of)
        home = home_of(brand, self._address)
        addresses = [address_of(home, each.station, each.evse) for each in spots]
        return brand, [
            Sheet(spot=spot, address=address, picture=code_svg(address, inline=True))
            for spot, address in zip(spots, addresses, strict=True)
        ]

    def _page(
        self, name: str, request: WebRequest, actor: Actor, *, status: int = 200, current: str = "settings",
        **context: Any,
    ) -> Response[str]:  # fmt: skip
        return self._shell.page(f"driver/{name}.html", request, viewer=actor, current=current, status=status, **context)


def read_look(form: LookForm) -> tuple[DriverPagesWanted | None, dict[str, str]]:
    """What a form means, or what is wrong with each of its fields."""
    said: dict[str, Any] = {"listed": form.listed == "yes"}
    wrong: dict[str, str] = {}
    kinds = {field.name: field.type for field in structs.fields(DriverPagesWanted)}
    for name, words in WRONG.items():
        text = getattr(form, name).strip()
        value = (
            None if name in OPTIONAL and not text else text.lower() if name in ("slug", "colour", "domain") else text
        )
        try:
            said[name] = msgspec.convert(value, kinds[name])
        except msgspec.ValidationError:
            wrong[name] = words
    return (None, wrong) if wrong else (DriverPagesWanted(**said), {})


def _form_of(brand: Brand) -> LookForm:
    texts = {name: getattr(brand, name) or "" for name in WRONG}
    return LookForm(**texts, listed="yes" if brand.listed or not brand.version else "")


def driver_console(shell: Shell, db: Pool, address: str) -> list[HTTPRouteHandler]:
    """`/settings/driver-pages`, and the codes of a station and of a site."""
    pages = DriverConsole(shell, db, address)

    @get(PATH, opt=dict(GUARDED), include_in_schema=False)
    async def look(
        request: WebRequest, actor: Asker, done: Annotated[str, QueryParameter(max_length=10)] = ""
    ) -> Response[str]:
        return await pages.look(request, actor, done=done)

    @post(PATH, opt=dict(GUARDED), include_in_schema=False, status_code=303)
    async def change(request: WebRequest, actor: Asker, data: URLEncodedBody[LookForm]) -> Response[Any]:
        return await pages.change(request, actor, data)

    @get("/codes/at-station/{identity:str}", include_in_schema=False)
    async def at_station(request: WebRequest, actor: Asker, identity: Identity) -> Response[str]:
        return await pages.at_station(request, actor, identity)

    @get("/codes/stations/{identity:str}", include_in_schema=False)
    async def of_station(request: WebRequest, actor: Asker, identity: Identity) -> Response[str]:
        return await pages.of_station(request, actor, identity)

    @get("/codes/sites/{slug:str}", include_in_schema=False)
    async def of_site(
        request: WebRequest, actor: Asker, slug: Annotated[str, PathParameter(max_length=63, pattern=r"^[^\x00]*$")]
    ) -> Response[str]:
        return await pages.of_site(request, actor, slug)

    return [look, change, at_station, of_station, of_site]
