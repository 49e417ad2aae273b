"""Routes by which an operator keeps the waiting lists of sites."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from litestar import Router, delete, get, post, put
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.driver.waiting.model import MAX_TYPE, PlaceGone, PlaceState, Policy, PolicyUnknown
from forecourt.driver.waiting.service import Line
from forecourt.driver.waiting_api import ConnectorType, Lists
from forecourt.platform.paging import NEWEST
from forecourt.platform.text import NAME_LINE
from forecourt.stations.api.fields import SITE_PATTERN
from forecourt.stations.errors import SiteUnknown

TAGS = ["sites"]
SiteInPath = Annotated[str, PathParameter(description="Its slug or its id.", pattern=SITE_PATTERN)]
NumberInPath = Annotated[int, PathParameter(ge=1, le=NEWEST, description="The place's number.")]
TypeAsked = Annotated[
    str | None,
    QueryParameter(
        min_length=1, max_length=MAX_TYPE, pattern=NAME_LINE,
        description="OCPI's ConnectorType; absent: the policy of all types that have none of their own.",
    ),
]  # fmt: skip


class PolicyShown(Struct, frozen=True, kw_only=True):
    """A policy, and for which connectors it counts."""

    connector_type: Annotated[ConnectorType | None, Meta(description="Null: all others.", examples=[None])]
    policy: Policy


class WaitingDriver(Struct, frozen=True, kw_only=True):
    """Somebody who waits, in the order of turns."""

    number: int
    state: PlaceState
    connector_type: Annotated[str | None, Meta(description="Null: any connector.", examples=[None])]
    driver_id: Annotated[int | None, Meta(description="Null: without an account.")]
    joined_at: datetime
    not_before: Annotated[datetime | None, Meta(description="Lets others go first until then.")]
    station: Annotated[str | None, Meta(description="Where a connector is held.", examples=["CP1"])]
    evse: int | None
    held_until: datetime | None


class WaitingListShown(Struct, frozen=True, kw_only=True):
    """The waiting list of a site."""

    site: Annotated[str, Meta(examples=["north-yard"])]
    policies: Sequence[PolicyShown]
    waiting: Sequence[WaitingDriver]


@get(
    "/sites/{site:str}/waiting-list",
    opt={"problems": [SiteUnknown]},
    summary="Show who waits at a site",
    tags=TAGS,
)
async def find_waiting_list(site: SiteInPath, actor: Asker, lists: Lists) -> WaitingListShown:
    return shown(await lists.line(actor, site))


@put(
    "/sites/{site:str}/waiting-list/policy",
    opt={"verb": Verb.CHANGE_SITES, "problems": [SiteUnknown]},
    summary="Say how drivers wait at a site",
    description="Whole. Who waits already goes on waiting, and what is held already stays held.",
    tags=TAGS,
)
async def put_waiting_policy(
    site: SiteInPath, data: JSONBody[Policy], actor: Asker, lists: Lists, connector_type: TypeAsked = None
) -> WaitingListShown:
    return shown(await lists.set_policy(actor, site, connector_type, data))


@delete(
    "/sites/{site:str}/waiting-list/policy",
    opt={"verb": Verb.CHANGE_SITES, "problems": [SiteUnknown, PolicyUnknown]},
    summary="Take a policy of a waiting list away",
    tags=TAGS,
)
async def remove_waiting_policy(site: SiteInPath, actor: Asker, lists: Lists, connector_type: TypeAsked = None) -> None:
    await lists.remove_policy(actor, site, connector_type)


@post(
    "/sites/{site:str}/waiting-list/{number:int}/skip",
    opt={"verb": Verb.CONTROL, "problems": [SiteUnknown, PlaceGone]},
    status_code=200,
    summary="Let the next one in a waiting list go first",
    description="What is held for them is let go.",
    tags=TAGS,
)
async def skip_waiting_driver(site: SiteInPath, number: NumberInPath, actor: Asker, lists: Lists) -> WaitingListShown:
    return shown(await lists.skip(actor, site, number))


@delete(
    "/sites/{site:str}/waiting-list/{number:int}",
    opt={"verb": Verb.CONTROL, "problems": [SiteUnknown, PlaceGone]},
    summary="Take somebody out of a waiting list",
    description="What is held for them is let go.",
    tags=TAGS,
)
async def remove_waiting_driver(site: SiteInPath, number: NumberInPath, actor: Asker, lists: Lists) -> None:
    await lists.remove(actor, site, number)


def shown(line: Line) -> WaitingListShown:
    """A waiting list as its operator is shown it."""
    waiting = []
    for each in line.waiting:
        held = line.held.get(each.reservation_id) if each.reservation_id is not None else None
        waiting.append(
            WaitingDriver(
                number=each.number, state=each.state, connector_type=each.connector_type, driver_id=each.driver_id,
                joined_at=each.joined_at, not_before=each.not_before,
                station=None if held is None else held.station, evse=None if held is None else held.evse,
                held_until=None if held is None else held.until_at,
            )
        )  # fmt: skip
    policies = [PolicyShown(connector_type=kind or None, policy=policy) for kind, policy in line.policies.items()]
    return WaitingListShown(site=line.site.slug, policies=policies, waiting=waiting)


routes = Router(
    "/",
    route_handlers=[
        find_waiting_list, put_waiting_policy, remove_waiting_policy, skip_waiting_driver, remove_waiting_driver,
    ],
)  # fmt: skip
