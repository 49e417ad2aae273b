"""What a driver has and wants: cards, cars, needs, consents."""

import msgspec
from litestar import delete, get, post, put
from litestar.params import JSONBody

from forecourt.access.guard import origin_of
from forecourt.driver.account.api.fields import (
    TAGS,
    AddressInPath,
    CarOfSession,
    CodeSaid,
    ConsentSaid,
    Things,
    VehicleInPath,
    own,
)
from forecourt.driver.account.door import Asking, DriverAsker, Membership
from forecourt.driver.account.model import Plugged
from forecourt.drivers.accounts.model import (
    ClaimUnknown,
    TokenTaken,
    TooManyOwned,
    Vehicle,
    VehicleSaid,
    VehicleUnknown,
)
from forecourt.drivers.api import UidInPath
from forecourt.drivers.autocharge.model import AutochargeOff, CarUnknown, OwnCar
from forecourt.drivers.model import TokenUnknown
from forecourt.energy.needs.model import Preferences


@get("/me/things", opt=own(), summary="List the driver's tokens, cars and consents", tags=TAGS)
async def show_things(driver: DriverAsker, members: Membership) -> Things:
    has = await members.owned(driver)
    return Things(tokens=list(has.tokens), vehicles=list(has.vehicles), consents=list(has.consents))


@post(
    "/me/tokens",
    opt=own(ClaimUnknown, TokenTaken, TooManyOwned),
    status_code=204,
    summary="Claim a card by the code that came with it",
    tags=TAGS,
)
async def claim_token(data: JSONBody[CodeSaid], request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.claim(driver, data.code, origin_of(request))


@delete("/me/tokens/{uid:str}", opt=own(TokenUnknown), summary="Give up a card", tags=TAGS)
async def give_up_token(uid: UidInPath, request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.detach(driver, uid, origin_of(request))


@post("/me/vehicles", opt=own(TooManyOwned), summary="Add a car", tags=TAGS)
async def add_vehicle(
    data: JSONBody[VehicleSaid], request: Asking, driver: DriverAsker, members: Membership
) -> Vehicle:
    return await members.cars.put(driver, data, origin_of(request))


@put("/me/vehicles/{vehicle_id:int}", opt=own(VehicleUnknown), summary="Describe a car anew", tags=TAGS)
async def change_vehicle(
    vehicle_id: VehicleInPath, data: JSONBody[VehicleSaid], request: Asking, driver: DriverAsker, members: Membership
) -> Vehicle:
    return await members.cars.put(driver, data, origin_of(request), vehicle_id)


@delete("/me/vehicles/{vehicle_id:int}", opt=own(VehicleUnknown), summary="Forget a car", tags=TAGS)
async def remove_vehicle(vehicle_id: VehicleInPath, request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.cars.remove(driver, vehicle_id, origin_of(request))


@get(
    "/me/autocharge",
    opt=own(),
    summary="List cars that start by being plugged in, and those that may",
    tags=TAGS,
)
async def show_plugged(driver: DriverAsker, members: Membership) -> Plugged:
    return await members.cars.plugged(driver)


@post(
    "/me/autocharge",
    opt=own(AutochargeOff, CarUnknown, TokenTaken, TooManyOwned),
    summary="Have the car of a session start by being plugged in from now on",
    description="The session is one of `offered`. The car's address is sent unprotected: see the explanation of"
    " accounts.",
    tags=TAGS,
)
async def enrol_car(data: JSONBody[CarOfSession], request: Asking, driver: DriverAsker, members: Membership) -> OwnCar:
    return await members.cars.enrol(driver, data.session_id, data.name, origin_of(request))


@delete("/me/autocharge/{address:str}", opt=own(CarUnknown), summary="Have a car start nothing any more", tags=TAGS)
async def forget_car(address: AddressInPath, request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.cars.forget(driver, address, origin_of(request))


@get("/me/preferences", opt=own(), summary="Show what the driver usually needs", tags=TAGS)
async def show_own_preferences(driver: DriverAsker) -> Preferences:
    return msgspec.convert(driver.wants, Preferences)


@put(
    "/me/preferences",
    opt=own(),
    summary="Say what the driver usually needs",
    description="Smart charging plans the sessions of each of the driver's tokens by it.",
    tags=TAGS,
)
async def say_preferences(
    data: JSONBody[Preferences], request: Asking, driver: DriverAsker, members: Membership
) -> Preferences:
    await members.set_wants(driver, data, origin_of(request))
    return data


@post("/me/consents", opt=own(), status_code=204, summary="Agree to something, or take it back", tags=TAGS)
async def say_consent(data: JSONBody[ConsentSaid], request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.consent(driver, data.kind, data.given, data.text_version, origin_of(request))


handlers = [
    show_things, claim_token, give_up_token, add_vehicle, change_vehicle, remove_vehicle, show_own_preferences,
    say_preferences, say_consent, show_plugged, enrol_car, forget_car,
]  # fmt: skip
