"""Waiting lists for an operator's own app, with the same verbs as the pages: a place's id is its key."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Router, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.driver.account.door import Membership, bearer_of
from forecourt.driver.api import EvseInPath, StationInPath
from forecourt.driver.model import PlaceUnknown
from forecourt.driver.waiting.model import (
    MAX_TYPE,
    AccountNeeded,
    ConnectorFree,
    PlaceGone,
    PlaceOver,
    PlaceState,
    SnoozeUsed,
    TypeUnknown,
    WaitingClosed,
    WaitingFull,
    Who,
)
from forecourt.driver.waiting.service import Joining, Seen, WaitingLists
from forecourt.drivers.accounts.model import EMAIL_PATTERN, MAX_EMAIL, DriverSignedOut
from forecourt.platform.text import NAME_LINE

TAGS = ["drivers' way"]

Asking = Request[Any, Any, Any]
Lists = NamedDependency[WaitingLists]
PlaceId = FromPath[UUID]
ConnectorType = Annotated[
    str, Meta(min_length=1, max_length=MAX_TYPE, pattern=NAME_LINE, examples=["IEC_62196_T2_COMBO"])
]
Email = Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN, examples=["ada@example.com"])]


class FreeConnector(Struct, frozen=True, kw_only=True):
    """An EVSE that can be taken at once."""

    station: Annotated[str, Meta(examples=["CP1"])]
    evse: int


class WaitingOffer(Struct, frozen=True, kw_only=True):
    """The waiting list of the site that a place is at."""

    open: Annotated[bool, Meta(description="It can be joined.")]
    full: bool
    who: Annotated[Who | None, Meta(description="Who may join; null: there is no list.")]
    waiting: Annotated[int, Meta(description="How many are in it.")]
    hold_minutes: Annotated[int | None, Meta(description="For how long a connector is held.", examples=[10])]
    snooze_minutes: Annotated[int | None, Meta(examples=[15])]
    connector_types: Annotated[Sequence[str], Meta(examples=[["IEC_62196_T2_COMBO"]])]
    free: Annotated[Sequence[FreeConnector], Meta(description="Would do as well, and nobody has to wait for them.")]


class WaitingAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a driver needs, and where they are told; the address of an account counts by itself."""

    connector_type: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_TYPE, pattern=NAME_LINE)] | None,
        Meta(description="OCPI's ConnectorType; null: any connector.", examples=[None]),
    ] = None
    email: Email | None = None
    language: Annotated[Literal["en", "de", "fr", "nl", "es"], Meta(examples=["en"])] = "en"


class TellAt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the word that it is their turn goes."""

    email: Email


class WaitingPlace(Struct, frozen=True, kw_only=True):
    """A place in a waiting list. Whoever knows its id may see it, snooze and leave."""

    id: UUID
    state: PlaceState
    site: Annotated[str, Meta(examples=["north-yard"])]
    site_name: Annotated[str, Meta(examples=["North yard"])]
    connector_type: Annotated[str | None, Meta(description="Null: any connector.", examples=[None])]
    position: Annotated[int | None, Meta(description="From 1; null once it is their turn, or over.", examples=[2])]
    waiting: Annotated[int, Meta(description="How many wait in all.", examples=[3])]
    station: Annotated[str | None, Meta(description="Where a connector is held.", examples=["CP1"])]
    evse: int | None
    held_until: datetime | None
    may_snooze: bool
    not_before: Annotated[datetime | None, Meta(description="Others go first until then.")]
    joined_at: datetime


@get(
    "/places/{station:str}/{evse:int}/waiting",
    opt={"public": True, "problems": [PlaceUnknown]},
    summary="Show the waiting list of a place",
    tags=TAGS,
)
async def show_waiting_list(station: StationInPath, evse: EvseInPath, lists: Lists) -> WaitingOffer:
    return _offer(await lists.look(station, evse))


@post(
    "/places/{station:str}/{evse:int}/waiting",
    opt={
        "public": True,
        "problems": [
            PlaceUnknown,
            WaitingClosed,
            WaitingFull,
            AccountNeeded,
            ConnectorFree,
            TypeUnknown,
            DriverSignedOut,
        ],
    },
    summary="Join the waiting list of a place",
    description="For a driver with an account send its token as a bearer; without one, where anybody may join.",
    tags=TAGS,
)
async def join_waiting_list(
    station: StationInPath, evse: EvseInPath, data: JSONBody[WaitingAsked], request: Asking, lists: Lists,
    members: Membership,
) -> WaitingPlace:  # fmt: skip
    token = bearer_of(request)
    driver = await members.entry.of_session(token) if token else None
    if token and driver is None:
        raise DriverSignedOut
    place_id = await lists.join(
        station, evse, connector_type=data.connector_type, driver=driver, email=data.email, language=data.language,
        address=origin_of(request).address,
    )  # fmt: skip
    return _place(await lists.find(place_id))


@get(
    "/waiting/{place_id:uuid}",
    opt={"public": True, "problems": [PlaceGone]},
    summary="Show a place in a waiting list",
    tags=TAGS,
)
async def show_waiting_place(place_id: PlaceId, lists: Lists) -> WaitingPlace:
    return _place(await lists.find(place_id))


@post(
    "/waiting/{place_id:uuid}/snooze",
    opt={"public": True, "problems": [PlaceGone, PlaceOver, SnoozeUsed]},
    status_code=200,
    summary="Let others go first for a while, once",
    tags=TAGS,
)
async def snooze_waiting_place(place_id: PlaceId, lists: Lists) -> WaitingPlace:
    return _place(await lists.snooze(place_id))


@post(
    "/waiting/{place_id:uuid}/leave",
    opt={"public": True, "problems": [PlaceGone]},
    status_code=200,
    summary="Leave a waiting list",
    tags=TAGS,
)
async def leave_waiting_list(place_id: PlaceId, lists: Lists) -> WaitingPlace:
    return _place(await lists.leave(place_id))


@put(
    "/waiting/{place_id:uuid}/email",
    opt={"public": True, "problems": [PlaceGone, PlaceOver]},
    summary="Say where the word that it is their turn goes",
    tags=TAGS,
)
async def tell_waiting_driver(place_id: PlaceId, data: JSONBody[TellAt], lists: Lists) -> WaitingPlace:
    return _place(await lists.set_email(place_id, data.email))


def _offer(looked: Joining) -> WaitingOffer:
    policy = looked.policy
    return WaitingOffer(
        open=looked.open,
        full=looked.full,
        who=None if policy is None else policy.who,
        waiting=looked.waiting,
        hold_minutes=None if policy is None else policy.hold_minutes,
        snooze_minutes=None if policy is None else policy.snooze_minutes,
        connector_types=looked.types,
        free=[FreeConnector(station=each.station, evse=each.evse) for each in looked.free],
    )


def _place(seen: Seen) -> WaitingPlace:
    place, held = seen.place, seen.held
    return WaitingPlace(
        id=place.place_id,
        state=place.state,
        site=seen.site.slug,
        site_name=seen.site.name,
        connector_type=place.connector_type,
        position=seen.position,
        waiting=seen.waiting,
        station=None if held is None else held.station,
        evse=None if held is None else held.evse,
        held_until=None if held is None else held.until_at,
        may_snooze=seen.may_snooze,
        not_before=place.not_before,
        joined_at=place.joined_at,
    )


routes = Router(
    "/driver",
    route_handlers=[
        show_waiting_list, join_waiting_list, show_waiting_place, snooze_waiting_place, leave_waiting_list,
        tell_waiting_driver,
    ],
)  # fmt: skip
