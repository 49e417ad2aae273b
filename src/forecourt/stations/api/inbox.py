"""Routes of the inbox: who knocked and was refused, and what is done about it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.ocpp.neutral import Registration
from forecourt.platform.clock import Clock
from forecourt.platform.ordering import Place
from forecourt.platform.paging import (
    CursorRefused,
    Cursors,
    Limit,
    NextCursor,
    Page,
    place_in_time,
    time_of_place,
)
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.search_parameter import Search
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.stations import inbox, service
from forecourt.stations.api.fields import IdentityInPath, SecretKey, SiteName, StationRefresher, Text
from forecourt.stations.api.registry import Password, SecurityProfile, Station, shown
from forecourt.stations.errors import (
    KnockUnknown,
    PasswordNotKept,
    PasswordTwice,
    SiteNeeded,
    SiteRefused,
    StationExists,
)
from forecourt.stations.model import Reason
from forecourt.stations.store import knocks as kept
from forecourt.stations.store.knocks import KnockFilter, KnockRow, Order

CURSORS: Mapping[Order, Cursors] = {
    "newest": Cursors("inbox"),
    "oldest": Cursors("oldest of the inbox"),
    "latest": Cursors("inbox by last knock", 2),
    "id": Cursors("inbox by id"),
}


class Knock(Struct, frozen=True, kw_only=True):
    """An identity that was refused when it wanted to connect."""

    id: Annotated[str, Meta(description="The identity that it named.", examples=["CP1"])]
    reason: Annotated[Reason, Meta(description="Why it was refused last.")]
    registered: Annotated[
        bool, Meta(description="Whether it is a station of yours that was refused.", examples=[False])
    ]
    tls: Annotated[bool, Meta(description="Whether it came by TLS.")]
    remote_address: Annotated[str | None, Meta(description="Where it came from.", examples=["203.0.113.7"])]
    subprotocols: Annotated[
        list[str], Meta(description="What it offered to speak, as it said it.", examples=[["ocpp1.6"]])
    ]
    user_agent: Annotated[str | None, Meta(examples=["Voltwerk/2.14"])]
    has_password: Annotated[
        bool, Meta(description="Whether it showed a password of which a digest is kept, for `keep_password`.")
    ]
    contested: Annotated[
        bool, Meta(description="Whether different passwords were shown under this id: then none is kept for it.")
    ]
    knocked: Annotated[int, Meta(description="How often it knocked.", examples=[12])]
    first_at: datetime
    last_at: datetime
    dismissed_until: Annotated[datetime | None, Meta(description="Somebody dismissed it: it is not shown before.")]


class Adoption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a stranger becomes a station."""

    site: SiteName | None = None
    name: Text | None = None
    registration: Annotated[
        Registration, Meta(description="What the station is told when it boots.", examples=["accepted"])
    ] = Registration.ACCEPTED
    security_profile: Annotated[
        SecurityProfile | None, Meta(description="Absent: 2 for who came by TLS, else 1.", examples=[1])
    ] = None
    password: Password | None = None
    keep_password: Annotated[
        bool,
        Meta(
            description="Let it in with the password that it showed, whoever chose it. Else one is given, or made.",
            examples=[False],
        ),
    ] = False


class InboxCode(Struct, frozen=True, kw_only=True):
    """How strangers find the organisation."""

    code: Annotated[
        str,
        Meta(
            description="Stands before the id in the OCPP address: `/ocpp/{code}/{id}`. It lets nobody in.",
            examples=["3f9c2a7be01d"],
        ),
    ]
    needed: Annotated[
        bool, Meta(description="Whether strangers come here by it alone; else also by an address without a code.")
    ]


@get(
    "/inbox",
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [CursorRefused]},
    summary="List who knocked and was refused",
    description=(
        "Strangers; with `registered=true` instead the stations of yours that were refused since they last came in:"
        " `search` finds one of them. An id is one item, however often it knocked."
    ),
    tags=["inbox"],
)
async def list_knocks(
    actor: Asker,
    db: Database,
    clock: NamedDependency[Clock],
    registered: Annotated[
        bool, QueryParameter(description="Those instead that are registered and were refused since they last came in.")
    ] = False,
    dismissed: Annotated[bool, QueryParameter(description="Those strangers too that were dismissed.")] = False,
    reason: Annotated[Reason | None, QueryParameter(description="Only those refused for this.")] = None,
    search: Search = None,
    sort: Annotated[
        Order,
        QueryParameter(
            description="By the first knock, those that came last or first come first; by the last knock, the latest"
            " first; or by id."
        ),
    ] = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Knock]:
    place = _place(sort, cursor)
    wanted = KnockFilter(
        registered=registered, dismissed=dismissed, reason=None if reason is None else reason.value, search=search
    )
    now = clock.now()
    async with db.tenant(actor.tenant_id) as conn:
        rows = await kept.list_knocks(conn, actor.tenant_id, wanted, now, order=sort, place=place, limit=limit + 1)

    def placed(row: KnockRow) -> tuple[int, ...] | tuple[str, ...]:
        if sort == "id":
            return (row.identity,)
        return (place_in_time(row.last_at), row.number) if sort == "latest" else (row.number,)

    return CURSORS[sort].page(rows, limit, placed, lambda row: _knock(row, now))


def _place(sort: Order, cursor: str | None) -> Place:
    """What a cursor stands for in this order; None: the beginning."""
    if sort == "id":
        return CURSORS[sort].decode_names(cursor)
    place = CURSORS[sort].decode(cursor)
    return place if place is None or sort != "latest" else (time_of_place(place[0]), place[1])


@get(
    "/inbox/{station:str}",
    opt={"verb": Verb.CHANGE_STATIONS, "etag": True, "problems": [KnockUnknown]},
    summary="Show a stranger that knocked",
    tags=["inbox"],
)
async def find_knock(
    station: IdentityInPath, actor: Asker, db: Database, clock: NamedDependency[Clock]
) -> Response[Knock]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await inbox.find_stranger(conn, actor.tenant_id, station)
    return tagged(_knock(row, clock.now()), inbox.knock_tag(row))


@post(
    "/inbox/{station:str}/adopt",
    opt={
        "verb": Verb.CHANGE_STATIONS,
        "etag": True,
        "problems": [
            KnockUnknown, ChangedMeanwhile, PasswordNotKept, PasswordTwice, StationExists, SiteRefused, SiteNeeded,
        ],
    },
    summary="Adopt a stranger as a station",
    description=(
        "Registers it, as `POST /stations` does; it is let in at its next try. With security profile 1 or 2 and no"
        " password, one is made and returned this once, unless the one that it showed is kept."
    ),
    tags=["inbox"],
)  # fmt: skip
async def adopt(
    station: IdentityInPath,
    data: JSONBody[Adoption],
    actor: Asker,
    db: Database,
    secret_key: SecretKey,
    refresher: StationRefresher,
    if_match: IfMatch = None,
) -> Response[Station]:
    values: dict[str, Any] = {name: getattr(data, name) for name in data.__struct_fields__}
    values["registration"] = data.registration.value
    async with db.tenant(actor.tenant_id) as conn:
        row, made = await inbox.adopt(conn, actor, secret_key, station, **values, if_match=if_match)
    await refresher()
    return tagged(shown(row, made=made), service.station_tag(row))


@delete(
    "/inbox/{station:str}",
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [KnockUnknown]},
    status_code=200,
    summary="Dismiss a stranger",
    description=(
        "It is not shown for 30 days, however often it knocks, and may be adopted. Registering its id ends that. Twice"
        " is as good as once."
    ),
    tags=["inbox"],
)
async def dismiss(station: IdentityInPath, actor: Asker, db: Database, clock: NamedDependency[Clock]) -> Knock:
    async with db.tenant(actor.tenant_id) as conn:
        return _knock(await inbox.dismiss(conn, actor, station, clock.now()), clock.now())


@get(
    "/inbox-code",
    opt={"verb": Verb.CHANGE_STATIONS},
    summary="Show by which address strangers find the organisation",
    tags=["inbox"],
)
async def find_inbox_code(actor: Asker, db: Database) -> InboxCode:
    async with db.tenant(actor.tenant_id) as conn:
        code = await kept.find_inbox_code(conn, actor.tenant_id)
        return InboxCode(code=code, needed=not await kept.is_only_organisation(conn, actor.tenant_id))


@post(
    "/inbox-code/renew",
    opt={"verb": Verb.ORGANISATION},
    status_code=200,
    summary="Make another code for the address of strangers",
    description="Whoever uses the former one comes here no more. Registered stations come in by any address as before.",
    tags=["inbox"],
)
async def renew_inbox_code(actor: Asker, db: Database) -> InboxCode:
    async with db.tenant(actor.tenant_id) as conn:
        code = await inbox.renew_code(conn, actor)
        return InboxCode(code=code, needed=not await kept.is_only_organisation(conn, actor.tenant_id))


def _knock(row: KnockRow, now: datetime) -> Knock:
    until = row.muted_until
    return Knock(
        id=row.identity,
        reason=Reason(row.reason),
        registered=row.station_id is not None,
        tls=row.tls,
        remote_address=row.remote_address,
        subprotocols=row.offered,
        user_agent=row.user_agent,
        has_password=row.has_password and not row.contested,
        contested=row.contested,
        knocked=row.knocked,
        first_at=row.first_at,
        last_at=row.last_at,
        dismissed_until=until if row.station_id is None and until is not None and until > now else None,
    )
