"""The part of a station's page that says what is wanted of it, how far it is, and why not: tried now, or forgotten."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Actor, audit
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Verb
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.text import ONE_LINE
from forecourt.stations.desired import service
from forecourt.stations.desired.kinds import AVAILABILITY, DEFAULT_TARIFF
from forecourt.stations.desired.model import State
from forecourt.stations.desired.service import Desired
from forecourt.stations.pages.frame import StationPages, is_fragment
from forecourt.stations.pages.station import AnyRequest, IdentityPath
from forecourt.ui.i18n import mark

#: How far a desire is, in words.
STATES: Final[Mapping[State, str]] = {
    State.PENDING: mark("to be sent"),
    State.SENT: mark("sent, no answer yet"),
    State.SCHEDULED: mark("agreed, comes when nobody charges"),
    State.REACHED: mark("reached"),
    State.REFUSED: mark("refused"),
    State.UNSUPPORTED: mark("can't be done by this station"),
    State.UNREACHABLE: mark("not there yet: not connected"),
}
#: What the codes of our own mean; a word of the station stands for itself.
WHYS: Final[Mapping[str, str]] = {
    "station-offline": mark("It is not connected; it is asked as soon as it is back."),
    "station-timeout": mark("It did not answer in time."),
    "station-lost": mark("Its connection closed before it answered."),
    "station-lacks": mark("It has said that it doesn't have this; it is asked again with another firmware."),
    "call-invalid": mark("Its version of OCPP can't express this."),
    "station-busy": mark("Too many calls waited for it."),
    "station-not-answering": mark("It did not answer the calls before this one."),
    "station-answer-invalid": mark("Its answer could not be understood."),
}
#: While one of these is shown, the part is read anew.
MOVING: Final = frozenset({State.PENDING, State.SENT})


class DesiredForm(Struct, frozen=True, kw_only=True):
    """Which desire is meant."""

    kind: Annotated[str, Meta(max_length=64, pattern=ONE_LINE)]
    key: Annotated[str, Meta(max_length=64, pattern=ONE_LINE)]


class Line(Struct, frozen=True, kw_only=True):
    """One desire as it is shown. `limit` is the first one of a profile, with its unit."""

    desired: Desired
    state: str
    evse: int
    connector: int | None = None
    operative: bool | None = None
    reported_operative: bool | None = None
    purpose: str | None = None
    limit: str | None = None
    why: str | None = None


def lines_of(desired: list[Desired]) -> list[Line]:
    """What is wanted, each in what it is made of."""
    return [_line(each) for each in desired]


def _line(desired: Desired) -> Line:
    state = STATES[desired.state]
    if desired.kind == AVAILABILITY:
        evse, _, connector = desired.key.partition(".")
        return Line(
            desired=desired,
            state=state,
            evse=int(evse),
            connector=int(connector) if connector else None,
            operative=bool(desired.wanted["operative"]),
            reported_operative=None if desired.reported is None else bool(desired.reported["operative"]),
            why=desired.why and WHYS.get(desired.why, desired.why),
        )
    if desired.kind == DEFAULT_TARIFF:
        why = desired.why and WHYS.get(desired.why, desired.why)
        return Line(desired=desired, state=state, evse=int(desired.key), why=why)
    evse, purpose, _ = desired.key.split("/")
    return Line(
        desired=desired,
        state=state,
        evse=int(evse),
        purpose=purpose,
        limit=_limit(desired.wanted),
        why=desired.why and WHYS.get(desired.why, desired.why),
    )


def _limit(wanted: Any) -> str | None:
    """The first limit of a profile, as `16 A` or `11 kW`."""
    limit = wanted["periods"][0].get("limit") if wanted else None
    if limit is None:
        return None
    return f"{limit / 1000:g} {'A' if wanted['unit'] == 'A' else 'kW'}"


def desired_routes(pages: StationPages) -> list[HTTPRouteHandler]:
    """`/stations/{id}/desired` and what can be done about one of it."""

    async def shown(request: AnyRequest, actor: Actor, db: Pool, identity: str) -> Response[str]:
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        async with db.tenant(actor.tenant_id) as conn:
            lines = lines_of(await service.list_desired(conn, actor.tenant_id, [identity]))
        moving = any(line.desired.state in MOVING for line in lines)
        return pages.part("desired.html", request, actor, frame, lines=lines, moving=moving)

    async def done(request: AnyRequest, actor: Actor, db: Pool, identity: str) -> Response[Any]:
        if is_fragment(request):
            return await shown(request, actor, db, identity)
        return Redirect(f"/stations/{identity}", status_code=303)

    @get("/stations/{identity:str}/desired", include_in_schema=False)
    async def desired(request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database) -> Response[str]:
        return await shown(request, actor, db, identity)

    @post("/stations/{identity:str}/desired/try", include_in_schema=False, status_code=200, opt={"verb": Verb.CALL})
    async def try_now(
        request: AnyRequest,
        identity: IdentityPath,
        data: URLEncodedBody[DesiredForm],
        actor: Asker,
        db: Database,
        clock: NamedDependency[Clock],
    ) -> Response[Any]:
        async with db.tenant(actor.tenant_id) as conn:
            if await service.try_now(conn, actor.tenant_id, identity, data.kind, data.key, clock.now()):
                await audit(conn, actor, "try desired", f"station:{identity}", {"kind": data.kind, "of": data.key})
        return await done(request, actor, db, identity)

    @post("/stations/{identity:str}/desired/forget", include_in_schema=False, status_code=200, opt={"verb": Verb.CALL})
    async def forget(
        request: AnyRequest, identity: IdentityPath, data: URLEncodedBody[DesiredForm], actor: Asker, db: Database
    ) -> Response[Any]:
        async with db.tenant(actor.tenant_id) as conn:
            if await service.forget(conn, actor.tenant_id, identity, data.kind, data.key):
                await audit(conn, actor, "forget desired", f"station:{identity}", {"kind": data.kind, "of": data.key})
        return await done(request, actor, db, identity)

    return [desired, try_now, forget]
