"""What the console shows of codes that change by themselves: on a station's page, switched on, changed and off."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.driver import store
from forecourt.driver.brands import home_of
from forecourt.driver.codes import changing_address
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations.desired.model import State
from forecourt.stations.model import IDENTITY_PATTERN
from forecourt.stations.payment_codes import service
from forecourt.stations.payment_codes.model import LEAST_VALIDITY_S, MOST_VALIDITY_S, CodesWanted
from forecourt.stations.payment_codes.service import CodesUnknown, CodeVault
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

GUARDED: Final[Mapping[str, Any]] = {"verb": Verb.CHANGE_STATIONS}
STATES: Final = {
    State.PENDING: mark("The station is being told."),
    State.SENT: mark("The station is being told."),
    State.SCHEDULED: mark("The station does it when nobody charges."),
    State.REACHED: mark("The station has agreed."),
    State.REFUSED: mark("The station has refused it."),
    State.UNSUPPORTED: mark("The station can't do that: it takes OCPP 2.1 and a display."),
    State.UNREACHABLE: mark("The station is not connected; it is told when it is back."),
}

WebRequest = Request[Any, Any, Any]
Identity = Annotated[str, PathParameter(min_length=1, max_length=255, pattern=IDENTITY_PATTERN)]


class ValidityForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    validity_s: Annotated[int, Meta(ge=LEAST_VALIDITY_S, le=MOST_VALIDITY_S)]


class ChangingPages:
    """What the handlers below share. `address`: where this deployment is reached."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock, vault: CodeVault, address: str) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock
        self._vault = vault
        self._address = address

    async def at_station(self, request: WebRequest, actor: Actor, identity: str) -> Response[str]:
        """The fragment on a station's page."""
        async with self._db.tenant(actor.tenant_id) as conn:
            try:
                codes = await service.find_codes(conn, actor.tenant_id, identity)
            except CodesUnknown:
                codes = None
            able = await store.speaks_21(conn, actor.tenant_id, identity)
        return self._shell.page(
            "driver/changing_at.html", request, viewer=actor, current="settings", codes=codes, identity=identity,
            able=able,
            wanted=CodesWanted(), least=LEAST_VALIDITY_S, most=MOST_VALIDITY_S, may=actor.may(Verb.CHANGE_STATIONS),
            said=None if codes is None or codes.state is None else STATES[codes.state],
        )  # fmt: skip

    async def show(self, actor: Actor, identity: str, form: ValidityForm) -> Redirect:
        """Switches them on, or changes how long each is good for. Raises StationUnknown, StationRetired."""
        wanted = CodesWanted(validity_s=form.validity_s)
        async with self._db.tenant(actor.tenant_id) as conn:
            brand = await store.find_brand(conn, actor.tenant_id)
            address = changing_address(home_of(brand, self._address))
            await service.show_codes(conn, self._vault, actor, identity, wanted, address, self._clock.now())
        return _back(identity)

    async def rotate(self, actor: Actor, identity: str) -> Redirect:
        """Another secret. Raises CodesUnknown."""
        async with self._db.tenant(actor.tenant_id) as conn:
            await service.rotate_codes(conn, self._vault, actor, identity, self._clock.now())
        return _back(identity)

    async def hide(self, actor: Actor, identity: str) -> Redirect:
        """Switches them off. Raises CodesUnknown."""
        async with self._db.tenant(actor.tenant_id) as conn:
            await service.hide_codes(conn, actor, identity, self._clock.now())
        return _back(identity)


def _back(identity: str) -> Redirect:
    return Redirect(f"/stations/{identity}", status_code=303)


def changing_console(shell: Shell, db: Pool, clock: Clock, vault: CodeVault, address: str) -> list[HTTPRouteHandler]:
    """`/codes/changing/{identity}`: the fragment, and its forms."""
    pages = ChangingPages(shell, db, clock, vault, address)

    @get("/codes/changing/{identity:str}", include_in_schema=False)
    async def at_station(request: WebRequest, actor: Asker, identity: Identity) -> Response[str]:
        return await pages.at_station(request, actor, identity)

    @post("/codes/changing/{identity:str}", opt=dict(GUARDED), include_in_schema=False, status_code=303)
    async def show(actor: Asker, identity: Identity, data: URLEncodedBody[ValidityForm]) -> Redirect:
        return await pages.show(actor, identity, data)

    @post("/codes/changing/{identity:str}/secret", opt=dict(GUARDED), include_in_schema=False, status_code=303)
    async def rotate(actor: Asker, identity: Identity) -> Redirect:
        return await pages.rotate(actor, identity)

    @post("/codes/changing/{identity:str}/off", opt=dict(GUARDED), include_in_schema=False, status_code=303)
    async def hide(actor: Asker, identity: Identity) -> Redirect:
        return await pages.hide(actor, identity)

    return [at_station, show, rotate, hide]
