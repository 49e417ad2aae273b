"""What is registered of a station: changed, its password renewed and shown once, and the station retired."""

import secrets
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from msgspec import Meta, Struct
from msgspec.structs import replace

from forecourt.access import Actor
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Verb
from forecourt.ocpp.neutral import Registration, Version
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.text import ONE_LINE, seen
from forecourt.stations import control, service, store
from forecourt.stations.api.fields import SecretKey, StationCommander, StationRefresher
from forecourt.stations.commands import Commander, Refused
from forecourt.stations.errors import PositionRefused, SiteRefused
from forecourt.stations.pages.ask import Answer, answered, failed
from forecourt.stations.pages.frame import StationFrame, StationPages
from forecourt.stations.pages.plugs import TWICE, Plugs, sent_plugs, shown_plugs
from forecourt.stations.pages.station import AnyRequest, IdentityPath
from forecourt.stations.plugs import PlugsRefused, put_plugs
from forecourt.stations.service import PASSWORD_BYTES
from forecourt.stations.words import REGISTRATIONS, SECURITY_PROFILES
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import from_kilo, number

#: Sites that can be chosen from.
MAX_SITES: Final = 1_000
MAX_POWER_W: Final = 2**31 - 1
_TEXT: Final = ONE_LINE

_SAVED: Final = mark("Saved.")
_MEANWHILE: Final = mark("Somebody else changed the station meanwhile, so nothing was saved. This is how it is now.")
_NO_NUMBER: Final = mark("A power or a position is no number that can be meant. Nothing was saved.")
_NO_SITE: Final = mark("The site is not there any more. Nothing was saved.")


class StationForm(Struct, frozen=True, kw_only=True):
    """What the form sends; an empty field takes the value away."""

    name: Annotated[str, Meta(max_length=200, pattern=_TEXT)] = ""
    site: Annotated[str, Meta(max_length=64, pattern=_TEXT)] = ""
    registration: Literal["accepted", "pending", "rejected"] = "accepted"
    security_profile: Literal["0", "1", "2", "3"] = "1"
    max_power_kw: Annotated[str, Meta(max_length=20)] = ""
    latitude: Annotated[str, Meta(max_length=20)] = ""
    longitude: Annotated[str, Meta(max_length=20)] = ""
    tag: Annotated[str, Meta(max_length=200)] = ""

    def changes(self) -> dict[str, Any]:
        """The same for the registry. Raises ValueError for a number that is none."""
        return {
            "name": seen(self.name) or None,
            "site": self.site or None,
            "registration": Registration(self.registration).value,
            "security_profile": int(self.security_profile),
            "max_power_w": _watts(self.max_power_kw),
            "latitude": _degrees(self.latitude, 90),
            "longitude": _degrees(self.longitude, 180),
        }


class PasswordForm(Struct, frozen=True, kw_only=True):
    """How a password is renewed: told to the station by us, or entered there by somebody."""

    way: Literal["station", "installer"] = "installer"


class NewPassword(Struct, frozen=True, kw_only=True):
    """A password that was just made: shown once, kept nowhere. `answer` where the station was told it."""

    password: str
    answer: Answer | None = None


def _watts(text: str) -> int | None:
    power_w = from_kilo(text)
    if power_w is not None and not 0 < power_w <= MAX_POWER_W:
        raise ValueError(text)
    return power_w


def _degrees(text: str, most: int) -> float | None:
    degrees = number(text)
    if degrees is not None and not -most <= degrees <= most:
        raise ValueError(text)
    return degrees


class StationSettings:
    """What the handlers below share."""

    def __init__(self, pages: StationPages) -> None:
        self.pages = pages

    async def show(
        self,
        request: AnyRequest,
        actor: Actor,
        db: Pool,
        identity: str,
        *,
        notice: str = "",
        bad: bool = False,
        made: NewPassword | None = None,
        template: str = "settings.html",
        plugs: Plugs | None = None,
    ) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            frame = await self.pages.read(conn, actor.tenant_id, identity)
            sites = [] if frame is None else await store.list_sites(conn, actor.tenant_id, limit=MAX_SITES)
            shown = Plugs() if frame is None else await shown_plugs(conn, actor.tenant_id, identity, plugs)
        if frame is None:
            return self.pages.gone(request, actor, identity)
        return await self.pages.page(
            template,
            request,
            actor,
            frame,
            "settings",
            sites=sites,
            tag=service.station_tag(frame.station),
            notice=notice,
            bad=bad,
            made=made,
            registrations=REGISTRATIONS,
            security_profiles=SECURITY_PROFILES,
            plugs=shown,
        )


async def tell_station(db: Pool, commander: Commander, actor: Actor, frame: StationFrame, password: str) -> Answer:
    """Set the password at the station itself (1.6 whitepaper A01, 2.0.1 A01); the registry follows its answer."""
    action, payload = "ChangeConfiguration", {"key": "AuthorizationKey", "value": password}
    if frame.version is not Version.V16:
        component = {"name": "SecurityCtrlr"}
        variable = {"name": "BasicAuthPassword"}
        data = {"component": component, "variable": variable, "attributeValue": password}
        action, payload = "SetVariables", {"setVariableData": [data]}  # type: ignore[dict-item]
    outcome = await control.call(db, commander, actor, frame.identity, action, msgspec.json.encode(payload))
    if isinstance(outcome, Refused):
        return answered(outcome.code, False, outcome.command_id)
    said = outcome.result
    if "setVariableResult" in said:
        said = {"status": (said["setVariableResult"] or [{}])[0].get("attributeStatus", "")}
    status = str(said.get("status", ""))
    return answered(status, status in ("Accepted", "RebootRequired"), outcome.command_id)


def settings_routes(pages: StationPages) -> list[HTTPRouteHandler]:
    """`/stations/{id}/settings` and what is done there."""
    settings = StationSettings(pages)
    changing = {"verb": Verb.CHANGE_STATIONS}

    @get("/stations/{identity:str}/settings", include_in_schema=False, opt=changing)
    async def show(request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database) -> Response[str]:
        return await settings.show(request, actor, db, identity)

    @post("/stations/{identity:str}/settings", include_in_schema=False, opt=changing, status_code=200)
    async def save(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        secret_key: SecretKey,
        refresher: StationRefresher,
        data: URLEncodedBody[StationForm],
    ) -> Response[str]:
        try:
            changes = data.changes()
        except ValueError:
            return await settings.show(request, actor, db, identity, notice=_NO_NUMBER, bad=True)
        try:
            async with db.tenant(actor.tenant_id) as conn:
                _, made = await service.change_station(conn, actor, secret_key, identity, changes, data.tag or None)
        except (ChangedMeanwhile, PositionRefused, SiteRefused) as fault:
            words = _MEANWHILE if isinstance(fault, ChangedMeanwhile) else _NO_SITE
            return await settings.show(request, actor, db, identity, notice=words, bad=True)
        await refresher()
        new = None if made is None else NewPassword(password=made)
        return await settings.show(request, actor, db, identity, notice=_SAVED, made=new)

    @post("/stations/{identity:str}/password", include_in_schema=False, opt=changing, status_code=200)
    async def renew(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        secret_key: SecretKey,
        refresher: StationRefresher,
        commander: StationCommander,
        data: URLEncodedBody[PasswordForm],
    ) -> Response[str]:
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        password = secrets.token_hex(PASSWORD_BYTES)
        if data.way == "station":
            try:
                answer = await tell_station(db, commander, actor, frame, password)
            except ForecourtError as fault:
                answer = failed(fault)
            made = NewPassword(password=password if answer.outcome in ("accepted", "unknown") else "", answer=answer)
            return await settings.show(request, actor, db, identity, made=made)
        async with db.tenant(actor.tenant_id) as conn:
            await service.change_station(conn, actor, secret_key, identity, {"password": password}, None)
        await refresher()
        return await settings.show(request, actor, db, identity, made=NewPassword(password=password))

    @get("/stations/{identity:str}/retire", include_in_schema=False, opt=changing)
    async def offer_to_retire(request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database) -> Response[str]:
        return await settings.show(request, actor, db, identity, template="retire.html")

    @post("/stations/{identity:str}/retire", include_in_schema=False, opt=changing, status_code=200)
    async def retire(
        request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database, refresher: StationRefresher
    ) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            await service.retire_station(conn, actor, identity)
        await refresher()
        return pages.shell.page("stations/retired.html", request, viewer=actor, current="stations", identity=identity)

    @post("/stations/{identity:str}/plugs", include_in_schema=False, opt=changing, status_code=200)
    async def save_plugs(
        request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database, clock: NamedDependency[Clock]
    ) -> Response[str]:
        sent = sent_plugs(await request.form())
        if sent.fault:
            return await settings.show(request, actor, db, identity, plugs=sent)
        try:
            async with db.tenant(actor.tenant_id) as conn:
                await put_plugs(conn, actor, identity, sent.meant, clock.now())
        except PlugsRefused:
            return await settings.show(request, actor, db, identity, plugs=replace(sent, fault=TWICE))
        return await settings.show(request, actor, db, identity, notice=_SAVED)

    return [show, save, save_plugs, renew, offer_to_retire, retire]
