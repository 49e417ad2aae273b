"""Cars that start by being plugged in."""

from typing import Annotated, Any

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.driver.account.door import Asking
from forecourt.driver.account.pages.common import PUBLIC, AccountPages, Id, Text
from forecourt.drivers.accounts.model import MAX_VEHICLE_NAME


class PluggedForm(Struct, frozen=True, kw_only=True):
    """What a driver calls a car that starts by being plugged in; else it is called by its address."""

    name: Annotated[str, Meta(max_length=MAX_VEHICLE_NAME)] = ""


class AddressForm(Struct, frozen=True, kw_only=True):
    """Which of these cars."""

    address: Text = ""


def plugged_routes(pages: AccountPages) -> list[HTTPRouteHandler]:
    members = pages.members

    @post("/my/plugged/{session_id:uuid}", status_code=303, **PUBLIC)
    async def enrol(request: Asking, session_id: Id, data: URLEncodedBody[PluggedForm]) -> Response[Any]:
        origin, name = origin_of(request), data.name.strip() or None
        return await pages.do(
            request, lambda driver: members.cars.enrol(driver, session_id, name, origin), "/my/things"
        )

    @post("/my/plugged/remove", status_code=303, **PUBLIC)
    async def forget_car(request: Asking, data: URLEncodedBody[AddressForm]) -> Response[Any]:
        origin = origin_of(request)
        return await pages.do(request, lambda driver: members.cars.forget(driver, data.address, origin), "/my/things")

    return [enrol, forget_car]
