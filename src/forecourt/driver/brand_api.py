"""Routes of how an organisation's driver pages look, and of the codes that lead to them."""

from typing import Annotated

from litestar import Response, Router, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.driver import store
from forecourt.driver.api import EvseInPath, StationInPath
from forecourt.driver.brands import (
    DriverPagesWanted,
    PagesTaken,
    change_pages,
    home_of,
    pages_tag,
)
from forecourt.driver.codes import SVG, HomeAddress, address_of, code_svg
from forecourt.driver.model import PlaceUnknown
from forecourt.driver.store import Brand
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.tagging import IfMatch, tagged

Home = NamedDependency[HomeAddress]


class DriverPagesShown(Struct, frozen=True, kw_only=True):
    """How an organisation's driver pages look."""

    slug: Annotated[str | None, Meta(description="Null: nothing was set up yet.", examples=["volt"])]
    name: Annotated[str, Meta(examples=["Volt"])]
    colour: Annotated[str, Meta(examples=["#0a7a4b"])]
    domain: Annotated[str | None, Meta(examples=["charge.example.com"])]
    help_phone: Annotated[str | None, Meta(examples=["+49 30 1234567"])]
    help_email: Annotated[str | None, Meta(examples=["help@example.com"])]
    imprint_url: Annotated[str | None, Meta(examples=["https://example.com/imprint"])]
    listed: bool
    version: Annotated[int, Meta(description="Counts changes; 0: nothing was set up yet.", examples=[2])]
    address: Annotated[str, Meta(description="Where drivers are led.", examples=["https://charge.example.com"])]


@get("/driver-pages", opt={"etag": True}, summary="Show how the driver pages look", tags=["driver pages"])
async def find_driver_pages(actor: Asker, db: Database, home: Home) -> Response[DriverPagesShown]:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await store.find_brand(conn, actor.tenant_id), home)


@put(
    "/driver-pages",
    opt={"verb": Verb.ORGANISATION, "etag": True, "problems": [ChangedMeanwhile, PagesTaken]},
    summary="Say how the driver pages look",
    description="Whole. Codes that hang at stations stay as they are: a domain that they name must go on leading here.",
    tags=["driver pages"],
)
async def put_driver_pages(
    data: JSONBody[DriverPagesWanted], actor: Asker, db: Database, home: Home, if_match: IfMatch = None
) -> Response[DriverPagesShown]:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await change_pages(conn, actor, data, if_match), home)


@get(
    "/driver-pages/codes/{station:str}/{evse:int}",
    opt={"problems": [PlaceUnknown]},
    media_type=SVG,
    summary="Fetch the code that hangs at an EVSE",
    description="A QR code as SVG, that leads a driver to its price.",
    tags=["driver pages"],
)
async def fetch_code(station: StationInPath, evse: EvseInPath, actor: Asker, db: Database, home: Home) -> Response[str]:
    async with db.tenant(actor.tenant_id) as conn:
        brand = await store.find_brand(conn, actor.tenant_id)
        spots = await store.list_codes(conn, actor.tenant_id, station=station)
    if not any(each.evse == evse for each in spots):
        raise PlaceUnknown
    return Response(code_svg(address_of(home_of(brand, home.address), station, evse)), media_type=SVG)


def _shown(brand: Brand, home: HomeAddress) -> Response[DriverPagesShown]:
    shown = DriverPagesShown(
        slug=brand.slug or None,
        name=brand.name,
        colour=brand.colour,
        domain=brand.domain,
        help_phone=brand.help_phone,
        help_email=brand.help_email,
        imprint_url=brand.imprint_url,
        listed=brand.listed,
        version=brand.version,
        address=home_of(brand, home.address),
    )
    return tagged(shown, pages_tag(brand))


routes = Router("/", route_handlers=[find_driver_pages, put_driver_pages, fetch_code])
