"""Routes by which an operator says what drivers' own tokens need, and which car is whose."""

from typing import Annotated, Any

from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.accounts.model import MAX_VEHICLE_NAME, DriverRules, DriverUnknown, TokenTaken, TooManyOwned
from forecourt.drivers.accounts.service import put_rules
from forecourt.drivers.accounts.store.rules import find_rules
from forecourt.drivers.api import DriverInPath
from forecourt.drivers.autocharge import service
from forecourt.drivers.autocharge.model import MAC_PATTERN, AutochargeOff, CarUnknown, OwnCar
from forecourt.platform.clock import Clock
from forecourt.platform.text import NAME_LINE

TAGS = ["drivers"]
CHANGING: dict[str, Any] = {"verb": Verb.CHANGE_TOKENS}
Ticking = NamedDependency[Clock]
AddressInPath = Annotated[
    str, PathParameter(pattern=MAC_PATTERN, description="The car's address, twelve hexadecimal digits.")
]


class RulesSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts for the tokens of drivers with an account from now on."""

    payment_required: Annotated[
        bool, Meta(description="A token whose account pays by nothing starts nothing.", examples=[True])
    ]
    autocharge: Annotated[bool, Meta(description="Cars start sessions by being plugged in.", examples=[False])]


class CarSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A car of a driver, by the address that it tells stations."""

    address: Annotated[str, Meta(pattern=MAC_PATTERN, examples=["001122AABBCC"])]
    name: Annotated[str, Meta(min_length=1, max_length=MAX_VEHICLE_NAME, pattern=NAME_LINE, examples=["The blue one"])]


@get("/driver-rules", summary="Show what drivers' own tokens need", tags=TAGS)
async def show_rules(actor: Asker, db: Database) -> DriverRules:
    async with db.tenant(actor.tenant_id) as conn:
        return await find_rules(conn, actor.tenant_id)


@put("/driver-rules", opt=CHANGING, summary="Say what drivers' own tokens need", tags=TAGS)
async def change_rules(data: JSONBody[RulesSaid], actor: Asker, db: Database, clock: Ticking) -> DriverRules:
    rules = DriverRules(payment_required=data.payment_required, autocharge=data.autocharge)
    async with db.tenant(actor.tenant_id) as conn:
        return await put_rules(conn, actor, rules, clock.now())


@post(
    "/drivers/{driver_id:int}/autocharge",
    opt={**CHANGING, "problems": [DriverUnknown, AutochargeOff, CarUnknown, TokenTaken, TooManyOwned]},
    summary="Have a driver's car start by being plugged in",
    tags=TAGS,
)
async def enrol(driver_id: DriverInPath, data: JSONBody[CarSaid], actor: Asker, db: Database, clock: Ticking) -> OwnCar:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.enrol(conn, actor, driver_id, data.address, data.name, clock.now(), by="operator")


@delete(
    "/drivers/{driver_id:int}/autocharge/{address:str}",
    opt={**CHANGING, "problems": [CarUnknown]},
    summary="Have a driver's car start nothing any more",
    tags=TAGS,
)
async def forget(driver_id: DriverInPath, address: AddressInPath, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.forget_car(conn, actor, driver_id, address)


routes = Router("/", route_handlers=[show_rules, change_rules, enrol, forget])
