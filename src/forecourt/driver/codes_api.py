"""Routes of codes for drivers that a station of OCPP 2.1 shows on its display and that change by themselves."""

from datetime import datetime
from typing import Annotated

from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.driver import store
from forecourt.driver.api import StationInPath
from forecourt.driver.brand_api import Home
from forecourt.driver.brands import home_of
from forecourt.driver.codes import changing_address
from forecourt.platform.clock import Clock
from forecourt.stations.call_faults import StationUnknown
from forecourt.stations.desired.model import State
from forecourt.stations.errors import StationRetired
from forecourt.stations.payment_codes import service
from forecourt.stations.payment_codes.model import CodesWanted
from forecourt.stations.payment_codes.service import Codes, CodesUnknown, CodeVault

TAGS = ["driver pages"]
PATH = "/driver-pages/changing-codes/{station:str}"
Ticking = NamedDependency[Clock]
Vault = NamedDependency[CodeVault]


class ChangingCodes(Struct, frozen=True, kw_only=True):
    """What a station shows on its display. What its passwords are made of is told to it alone."""

    station: str
    shown: bool
    address: Annotated[
        str,
        Meta(
            description="The template that the station fills in.",
            examples=["https://charge.example.com/scan/{chargingstationid}/{evse}/{version}/{totp}"],
        ),
    ]
    validity_s: Annotated[int, Meta(description="So long a code is good for.", examples=[60])]
    length: Annotated[int, Meta(description="Characters of its password.", examples=[16])]
    secret_version: Annotated[int, Meta(description="Counts the secrets.", examples=[1])]
    state: Annotated[State | None, Meta(description="How far the station is with it; null: nothing is on its way.")]
    why: Annotated[str | None, Meta(description="What the station said against it.")]
    set_by: str
    set_at: datetime


@get(PATH, opt={"problems": [CodesUnknown]}, summary="Show a station's changing codes", tags=TAGS)
async def find_changing_codes(station: StationInPath, actor: Asker, db: Database) -> ChangingCodes:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await service.find_codes(conn, actor.tenant_id, station))


@put(
    PATH,
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [StationUnknown, StationRetired]},
    summary="Have a station show changing codes",
    description=(
        "OCPP 2.1 (C25). The station is brought to it as soon as it is there, also after a boot; a secret is made for"
        " it, which nobody is shown. Printed codes go on leading to the price."
    ),
    tags=TAGS,
)
async def put_changing_codes(
    station: StationInPath, data: JSONBody[CodesWanted], actor: Asker, db: Database, home: Home, vault: Vault,
    clock: Ticking,
) -> ChangingCodes:  # fmt: skip
    async with db.tenant(actor.tenant_id) as conn:
        brand = await store.find_brand(conn, actor.tenant_id)
        address = changing_address(home_of(brand, home.address))
        return _shown(await service.show_codes(conn, vault, actor, station, data, address, clock.now()))


@post(
    PATH + "/secret",
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [CodesUnknown]},
    status_code=200,
    summary="Give a station another secret for its codes",
    description="Codes of the one before are good until the station has the new one.",
    tags=TAGS,
)
async def rotate_changing_codes(
    station: StationInPath, actor: Asker, db: Database, vault: Vault, clock: Ticking
) -> ChangingCodes:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await service.rotate_codes(conn, vault, actor, station, clock.now()))


@delete(
    PATH,
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [CodesUnknown]},
    status_code=204,
    summary="Have a station show no changing codes any more",
    tags=TAGS,
)
async def delete_changing_codes(station: StationInPath, actor: Asker, db: Database, clock: Ticking) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.hide_codes(conn, actor, station, clock.now())


def _shown(codes: Codes) -> ChangingCodes:
    return ChangingCodes(
        station=codes.station,
        shown=codes.shown,
        address=codes.address,
        validity_s=codes.validity_s,
        length=codes.length,
        secret_version=codes.version,
        state=codes.state,
        why=codes.why,
        set_by=codes.set_by,
        set_at=codes.set_at,
    )


routes = Router(
    "/", route_handlers=[find_changing_codes, put_changing_codes, rotate_changing_codes, delete_changing_codes]
)
