"""What a driver has and wants: sessions, cards, cars, needs; and the account itself."""

from datetime import time
from itertools import groupby
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.driver.account.door import Asking, browsing_driver
from forecourt.driver.account.model import HISTORY
from forecourt.driver.account.pages.common import PUBLIC, AccountPages, Before, Number, Text
from forecourt.driver.account.pages.entry import CodeForm
from forecourt.driver.asked import Flag, Lang, Said
from forecourt.driver.shell import HEADERS
from forecourt.driver.words import month
from forecourt.drivers.accounts.model import MAX_NAME, MAX_VEHICLE_NAME, ConsentKind, Driver, VehicleSaid
from forecourt.drivers.autocharge.model import address_of
from forecourt.drivers.model import TokenUnknown
from forecourt.energy.needs.model import DAYS, Preferences
from forecourt.platform.paging import NEWEST
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import from_kilo

#: The version of the texts that consent is asked by on these pages.
TEXT_VERSION: Final = "2026-01"
WEEK: Final = (
    mark("Monday"), mark("Tuesday"), mark("Wednesday"), mark("Thursday"), mark("Friday"), mark("Saturday"),
    mark("Sunday"),
)  # fmt: skip


class CarForm(Struct, frozen=True, kw_only=True):
    """A car, in kW and kWh as its driver knows them."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_VEHICLE_NAME)]
    battery_kwh: Text = ""
    max_ac_kw: Text = ""
    max_dc_kw: Text = ""


class WantsForm(Struct, frozen=True, kw_only=True):
    """What is usually needed: times of day, Monday first, and kWh."""

    d0: Text = ""
    d1: Text = ""
    d2: Text = ""
    d3: Text = ""
    d4: Text = ""
    d5: Text = ""
    d6: Text = ""
    energy_kwh: Text = ""
    minimum_kwh: Text = ""


class MeForm(Struct, frozen=True, kw_only=True):
    """A driver's name."""

    name: Annotated[str, Meta(max_length=MAX_NAME)] = ""


class ConsentForm(Struct, frozen=True, kw_only=True):
    """What is agreed to: boxes that are ticked are sent."""

    marketing: Text = ""
    usage: Text = ""


def thing_routes(pages: AccountPages) -> list[HTTPRouteHandler]:
    members = pages.members

    @get("/my", **PUBLIC)
    async def home(request: Asking, lang: Lang = None, said: Said = "") -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            return {"home": await members.home(driver), **await pages.membership_of(driver)}

        return await pages.page(request, "home.html", lang, said, gather)

    @get("/my/sessions", **PUBLIC)
    async def sessions(request: Asking, lang: Lang = None, before: Before = None) -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            found = await members.history(driver, before or NEWEST, HISTORY + 1)
            more = found[HISTORY - 1].number if len(found) > HISTORY else None
            shown = groupby(found[:HISTORY], lambda each: month(each.started_at, each.zone))
            return {"months": [(name, list(those)) for name, those in shown], "more": more}

        return await pages.page(request, "sessions.html", lang, "", gather)

    @get("/my/things", **PUBLIC)
    async def things(request: Asking, lang: Lang = None, said: Said = "") -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            wants = msgspec.convert(driver.wants, Preferences)
            clocks = wants.departures or (wants.departure,) * DAYS
            has = await members.owned(driver)
            cards = [each for each in has.tokens if address_of(each.uid, each.type) is None]
            return {
                "has": has, "cards": cards, "plugged": await members.cars.plugged(driver), "wants": wants,
                "week": list(zip(WEEK, clocks, strict=True)),
            }  # fmt: skip

        return await pages.page(request, "things.html", lang, said, gather)

    @post("/my/tokens", status_code=303, **PUBLIC)
    async def claim(request: Asking, data: URLEncodedBody[CodeForm]) -> Response[Any]:
        origin = origin_of(request)
        return await pages.do(request, lambda driver: members.claim(driver, data.token, origin), "/my/things")

    @post("/my/tokens/{number:int}/remove", status_code=303, **PUBLIC)
    async def detach(request: Asking, number: Number) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            found = next((each for each in (await members.owned(driver)).tokens if each.number == number), None)
            if found is None:
                raise TokenUnknown
            await members.detach(driver, found.uid, origin_of(request))

        return await pages.do(request, doing, "/my/things")

    @post("/my/cars", status_code=303, **PUBLIC)
    async def add_car(request: Asking, data: URLEncodedBody[CarForm]) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            said = {"name": data.name.strip(), "battery_wh": from_kilo(data.battery_kwh)}
            said |= {"max_ac_w": from_kilo(data.max_ac_kw), "max_dc_w": from_kilo(data.max_dc_kw)}
            await members.cars.put(driver, msgspec.convert(said, VehicleSaid), origin_of(request))

        return await pages.do(request, doing, "/my/things")

    @post("/my/cars/{number:int}/remove", status_code=303, **PUBLIC)
    async def remove_car(request: Asking, number: Number) -> Response[Any]:
        origin = origin_of(request)
        return await pages.do(request, lambda driver: members.cars.remove(driver, number, origin), "/my/things")

    @post("/my/wants", status_code=303, **PUBLIC)
    async def wants(request: Asking, data: URLEncodedBody[WantsForm]) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            await members.set_wants(driver, _wants(driver, data), origin_of(request))

        return await pages.do(request, doing, "/my/things", "saved")

    return [home, sessions, things, claim, detach, add_car, remove_car, wants]


def own_routes(pages: AccountPages) -> list[HTTPRouteHandler]:
    """The account itself."""
    members = pages.members

    @get("/my/account", **PUBLIC)
    async def account(request: Asking, lang: Lang = None, said: Said = "", erase: Flag = "") -> Response[Any]:
        async def gather(driver: Driver) -> dict[str, Any]:
            has = await members.owned(driver)
            return {"has": has, "given": {each.kind.value for each in has.consents if each.given}, "erase": erase}

        return await pages.page(request, "account.html", lang, said, gather)

    @post("/my/account", status_code=303, **PUBLIC)
    async def rename(request: Asking, data: URLEncodedBody[MeForm]) -> Response[Any]:
        changes: dict[str, Any] = {"name": data.name.strip() or None}
        origin = origin_of(request)
        return await pages.do(request, lambda driver: members.change(driver, changes, origin), "/my/account", "saved")

    @post("/my/consent", status_code=303, **PUBLIC)
    async def consent(request: Asking, data: URLEncodedBody[ConsentForm]) -> Response[Any]:
        async def doing(driver: Driver) -> None:
            held = {each.kind: each.given for each in (await members.owned(driver)).consents}
            for kind, box in ((ConsentKind.MARKETING, data.marketing), (ConsentKind.USAGE, data.usage)):
                if bool(box) is not held.get(kind, False):
                    await members.consent(driver, kind, bool(box), TEXT_VERSION, origin_of(request))

        return await pages.do(request, doing, "/my/account", "saved")

    @get("/my/export.json", **PUBLIC)
    async def export(request: Asking) -> Response[Any]:
        driver = await browsing_driver(request, members)
        if driver is None:
            return Redirect("/my/sign-in", status_code=303, headers=HEADERS)
        content = msgspec.json.encode(await pages.leaving.export(driver, driver.acting(origin_of(request))))
        headers = {**HEADERS, "content-disposition": 'attachment; filename="my-charging.json"'}
        return Response(content, media_type="application/json", headers=headers)

    @post("/my/erase", status_code=303, **PUBLIC)
    async def erase(request: Asking) -> Response[Any]:
        async def doing(driver: Driver) -> str:
            await pages.leaving.erase(driver, driver.acting(origin_of(request)))
            return "/my/sign-in"

        return await pages.do(request, doing, "/my/account")

    return [account, rename, consent, export, erase]


def _wants(driver: Driver, said: WantsForm) -> Preferences:
    """What is usually needed, with what these pages don't ask left as it was. Raises ValueError, and
    msgspec.ValidationError."""
    clocks = [getattr(said, f"d{day}").strip() for day in range(DAYS)]
    departures = tuple(time.fromisoformat(each) if each else None for each in clocks)
    minimum = from_kilo(said.minimum_kwh)
    held = msgspec.convert(driver.wants, Preferences)
    wants = msgspec.structs.replace(
        held,
        departure=None,
        departures=departures if any(departures) else None,
        energy_wh=from_kilo(said.energy_kwh),
        minimum_wh=minimum,
        minimum_within_s=3_600 if minimum is not None else None,
    )
    # Checked as those of the API are: what is kept must be readable again.
    return msgspec.convert(msgspec.to_builtins(wants), Preferences)
