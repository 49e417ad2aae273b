"""Routes of fleets and of plans that drivers subscribe to."""

from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Annotated, Any, Final

from litestar import Response, Router, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.accounts.model import MAX_EMAIL, DriverUnknown
from forecourt.drivers.api import DriverInPath
from forecourt.drivers.fleets import service, store
from forecourt.drivers.fleets.model import (
    MAX_BILL_TO,
    MAX_COST_CENTRE,
    MAX_GIVES,
    MAX_LIMIT,
    MAX_NAME,
    MAX_TERMS,
    Fleet,
    FleetFull,
    FleetNameTaken,
    FleetSession,
    FleetUnknown,
    Member,
    NamedByTariffs,
    Plan,
    PlanNameTaken,
    PlanUnknown,
    Subscription,
    TooManyFleets,
    TooManyPlans,
)
from forecourt.platform.clock import Clock
from forecourt.platform.paging import NEWEST, CursorRefused, Cursors, Limit, NextCursor, Page, entire
from forecourt.platform.preconditions import ChangedMeanwhile, check_match, etag
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.platform.text import NAME_LINE, ONE_LINE

TAGS = ["drivers"]
SESSION_CURSORS = Cursors("fleet sessions", 3)
VAT_PATTERN = r"^[0-9]{1,2}(\.[0-9]{1,2})?$"
TERMS_PATTERN = r"^https://[^\s]+$"
MONTH_PATTERN = "^2[0-9]{3}-(0[1-9]|1[0-2])$"

#: What is wrong with a plan by whose name no tariff is assigned.
NAMELESS: Final = "No tariff is assigned by this plan's name, so who has it pays what everybody pays."

Ticking = NamedDependency[Clock]
#: By which plans tariffs are assigned, wired in app.
Naming = NamedDependency[NamedByTariffs]
FleetInPath = Annotated[int, PathParameter(ge=1, le=NEWEST, description="The fleet's number.")]
PlanInPath = Annotated[int, PathParameter(ge=1, le=NEWEST, description="The plan's number.")]
Ceiling = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]
SessionLimit = Annotated[
    Ceiling | None, Meta(description="Of one session, in minor units with taxes.", examples=[10_000])
]
MonthLimit = Annotated[Ceiling | None, Meta(description="Of a month, in minor units with taxes.", examples=[200_000])]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=NAME_LINE, examples=["City vans"])]
BillTo = Annotated[str, Meta(max_length=MAX_BILL_TO, description="Whom invoices are for.", examples=["City Vans Ltd"])]
Email = Annotated[str, Meta(max_length=MAX_EMAIL, pattern=ONE_LINE, examples=["accounts@example.com"])]


class NewFleet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fleet as it shall be. Its months begin by the organisation's clock."""

    name: Name
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="Stays.", examples=["EUR"])]
    bill_to: BillTo = ""
    email: Email = ""
    session_limit: SessionLimit = None
    month_limit: MonthLimit = None


class FleetChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of a fleet; what is absent stays."""

    name: Name | UnsetType = UNSET
    bill_to: BillTo | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    session_limit: Ceiling | UnsetType | None = UNSET
    month_limit: Ceiling | UnsetType | None = UNSET
    active: Annotated[bool | UnsetType, Meta(description="Off: it pays for nothing.")] = UNSET


class MemberSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a driver is in a fleet."""

    cost_centre: Annotated[str, Meta(max_length=MAX_COST_CENTRE, pattern=ONE_LINE, examples=["4711"])] = ""
    session_limit: SessionLimit = None
    month_limit: MonthLimit = None
    pays: Annotated[
        bool,
        Meta(
            description="The fleet pays for what the driver's tokens start, unless the driver chose something else."
            " False: once the driver chooses so.",
            examples=[True],
        ),
    ] = False


class FleetWhole(Struct, frozen=True, kw_only=True):
    """A fleet with its members."""

    fleet: Fleet
    members: list[Member]


Gives = Annotated[
    str,
    Meta(
        max_length=MAX_GIVES, pattern=ONE_LINE, description="What drivers are told that it gives.",
        examples=["0.29 a kWh everywhere"],
    ),
]  # fmt: skip
Terms = Annotated[
    str,
    Meta(
        max_length=MAX_TERMS, pattern=TERMS_PATTERN, description="Where its terms can be read.",
        examples=["https://example.com/gold"],
    ),
]  # fmt: skip


class NewPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan as it shall be."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=255,
            pattern=NAME_LINE,
            description="What assignments of tariffs call it, as their `subscription`; stays.",
            examples=["gold"],
        ),
    ]
    title: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=NAME_LINE, examples=["Gold member"])]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["EUR"])]
    month_fee: Annotated[
        int,
        Meta(
            ge=0, le=MAX_LIMIT, description="In minor units, taxes included; each month is paid ahead.", examples=[999]
        ),
    ]
    vat: Annotated[
        Annotated[str, Meta(pattern=VAT_PATTERN)] | None,
        Meta(description="Percent of VAT within the fee; null: none.", examples=["19"]),
    ] = None
    offered: Annotated[bool, Meta(description="Drivers may begin it by themselves.", examples=[True])] = False
    gives: Gives = ""
    terms_url: Terms | None = None


class PlanOut(Plan, frozen=True, kw_only=True):
    """A plan, with what is wrong with it."""

    warning: Annotated[
        str | None, Meta(description="What is wrong with it, in words; null: nothing.", examples=[NAMELESS])
    ]


class PlanChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of a plan; what is absent stays. The fee can't: make another plan."""

    title: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=NAME_LINE)] | UnsetType = UNSET
    offered: bool | UnsetType = UNSET
    gives: Gives | UnsetType = UNSET
    terms_url: Terms | UnsetType | None = UNSET


class SubscriptionSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which plan a driver has from now on."""

    plan_id: Annotated[int, Meta(ge=1, le=NEWEST, examples=[1])]


@post(
    "/fleets",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [FleetNameTaken, TooManyFleets]},
    summary="Make a fleet",
    tags=TAGS,
)
async def create_fleet(data: JSONBody[NewFleet], actor: Asker, db: Database, clock: Ticking) -> Fleet:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.create_fleet(conn, actor, structs.asdict(data), clock.now())


@get("/fleets", summary="List fleets by name", tags=TAGS)
async def list_fleets(actor: Asker, db: Database, clock: Ticking) -> Page[Fleet]:
    async with db.tenant(actor.tenant_id) as conn:
        return entire(await store.list_fleets(conn, actor.tenant_id, clock.now()))


@get(
    "/fleets/{fleet_id:int}",
    opt={"etag": True, "problems": [FleetUnknown]},
    summary="Show a fleet with its members",
    tags=TAGS,
)
async def find_fleet(fleet_id: FleetInPath, actor: Asker, db: Database, clock: Ticking) -> Response[FleetWhole]:
    async with db.tenant(actor.tenant_id) as conn:
        fleet = await service.find_fleet(conn, actor.tenant_id, fleet_id, clock.now())
        whole = FleetWhole(fleet=fleet, members=await store.list_members(conn, actor.tenant_id, fleet_id))
    return tagged(whole, fleet_tag(fleet))


@patch(
    "/fleets/{fleet_id:int}",
    opt={"verb": Verb.CHANGE_TOKENS, "etag": True, "problems": [FleetUnknown, FleetNameTaken, ChangedMeanwhile]},
    summary="Change a fleet and its limits",
    tags=TAGS,
)
async def change_fleet(
    fleet_id: FleetInPath,
    data: JSONBody[FleetChange],
    actor: Asker,
    db: Database,
    clock: Ticking,
    if_match: IfMatch = None,
) -> Response[Fleet]:
    changes: dict[str, Any] = {
        name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET
    }
    async with db.tenant(actor.tenant_id) as conn:
        check_match(if_match, fleet_tag(await service.find_fleet(conn, actor.tenant_id, fleet_id, clock.now())))
        row = await service.change_fleet(conn, actor, fleet_id, changes, clock.now())
    return tagged(row, fleet_tag(row))


@put(
    "/fleets/{fleet_id:int}/members/{driver_id:int}",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [FleetUnknown, DriverUnknown, FleetFull]},
    status_code=204,
    summary="Put a driver into a fleet, or change their limits and cost centre",
    tags=TAGS,
)
async def put_member(
    fleet_id: FleetInPath, driver_id: DriverInPath, data: JSONBody[MemberSaid], actor: Asker, db: Database,
    clock: Ticking,
) -> None:  # fmt: skip
    said = structs.asdict(data)
    pays = said.pop("pays")
    async with db.tenant(actor.tenant_id) as conn:
        await service.put_member(conn, actor, fleet_id, driver_id, said, clock.now(), pays=pays)


@delete(
    "/fleets/{fleet_id:int}/members/{driver_id:int}",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [DriverUnknown]},
    summary="Take a driver out of a fleet",
    tags=TAGS,
)
async def remove_member(
    fleet_id: FleetInPath, driver_id: DriverInPath, actor: Asker, db: Database, clock: Ticking
) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.remove_member(conn, actor, fleet_id, driver_id, clock.now())


@get(
    "/fleets/{fleet_id:int}/sessions",
    opt={"problems": [FleetUnknown, CursorRefused]},
    summary="List what a fleet's sessions of a month came to, by cost centre",
    tags=TAGS,
)
async def list_fleet_sessions(
    fleet_id: FleetInPath,
    actor: Asker,
    db: Database,
    clock: Ticking,
    month: Annotated[str, QueryParameter(pattern=MONTH_PATTERN, description="Year and month, such as 2026-03.")],
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[FleetSession]:
    place = SESSION_CURSORS.decode_names(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        await service.find_fleet(conn, actor.tenant_id, fleet_id, clock.now())
        rows = await store.list_sessions(conn, actor.tenant_id, fleet_id, month, place=place, limit=limit + 1)
    return SESSION_CURSORS.page(
        rows, limit, lambda row: (row.cost_centre, str(row.driver_id), str(row.session_id)), lambda row: row
    )


@post(
    "/plans",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [PlanNameTaken, TooManyPlans]},
    summary="Make a plan",
    tags=TAGS,
)
async def create_plan(
    data: JSONBody[NewPlan], actor: Asker, db: Database, clock: Ticking, tariffs_naming: Naming
) -> PlanOut:
    async with db.tenant(actor.tenant_id) as conn:
        values = structs.asdict(data) | {"vat": None if data.vat is None else Decimal(data.vat)}
        made = await service.create_plan(conn, actor, values, clock.now())
        return _plan(made, await tariffs_naming(conn, actor.tenant_id, clock.now()))


@get("/plans", summary="List plans that drivers subscribe to, by name", tags=TAGS)
async def list_plans(actor: Asker, db: Database, clock: Ticking, tariffs_naming: Naming) -> Page[PlanOut]:
    async with db.tenant(actor.tenant_id) as conn:
        named = await tariffs_naming(conn, actor.tenant_id, clock.now())
        return entire([_plan(each, named) for each in await store.list_plans(conn, actor.tenant_id)])


@get("/plans/{plan_id:int}", opt={"etag": True, "problems": [PlanUnknown]}, summary="Show a plan", tags=TAGS)
async def find_plan(
    plan_id: PlanInPath, actor: Asker, db: Database, clock: Ticking, tariffs_naming: Naming
) -> Response[PlanOut]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find_plan(conn, actor.tenant_id, plan_id)
        return tagged(_plan(row, await tariffs_naming(conn, actor.tenant_id, clock.now())), plan_tag(row))


@patch(
    "/plans/{plan_id:int}",
    opt={"verb": Verb.CHANGE_TOKENS, "etag": True, "problems": [PlanUnknown, ChangedMeanwhile]},
    summary="Change what drivers are told of a plan, and whether they may begin it",
    tags=TAGS,
)
async def change_plan(
    plan_id: PlanInPath, data: JSONBody[PlanChange], actor: Asker, db: Database, clock: Ticking,
    tariffs_naming: Naming, if_match: IfMatch = None,
) -> Response[PlanOut]:  # fmt: skip
    changes = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    async with db.tenant(actor.tenant_id) as conn:
        check_match(if_match, plan_tag(await service.find_plan(conn, actor.tenant_id, plan_id)))
        row = await service.change_plan(conn, actor, plan_id, changes)
        return tagged(_plan(row, await tariffs_naming(conn, actor.tenant_id, clock.now())), plan_tag(row))


@delete(
    "/plans/{plan_id:int}",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [PlanUnknown]},
    summary="Close a plan: who has it keeps it",
    tags=TAGS,
)
async def close_plan(plan_id: PlanInPath, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.close_plan(conn, actor, plan_id)


@put(
    "/drivers/{driver_id:int}/subscription",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [DriverUnknown, PlanUnknown]},
    summary="Give a driver a plan",
    tags=TAGS,
)
async def subscribe(
    driver_id: DriverInPath, data: JSONBody[SubscriptionSaid], actor: Asker, db: Database, clock: Ticking
) -> Subscription:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.subscribe(conn, actor, driver_id, data.plan_id, clock.now())


@delete(
    "/drivers/{driver_id:int}/subscription",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [DriverUnknown]},
    summary="End a driver's plan",
    tags=TAGS,
)
async def unsubscribe(driver_id: DriverInPath, actor: Asker, db: Database, clock: Ticking) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.unsubscribe(conn, actor, driver_id, clock.now())


def _plan(plan: Plan, named: AbstractSet[str]) -> PlanOut:
    """A plan beside the plans by which tariffs are assigned."""
    return PlanOut(**structs.asdict(plan), warning=NAMELESS if plan.open and plan.name not in named else None)


def fleet_tag(fleet: Fleet) -> str:
    """The ETag of a fleet, of what a change can change."""
    return etag(
        [fleet.fleet_id, fleet.name, fleet.bill_to, fleet.email, fleet.session_limit, fleet.month_limit, fleet.active]
    )


def plan_tag(plan: Plan) -> str:
    """The ETag of a plan, of what a change can change."""
    return etag([plan.plan_id, plan.title, plan.open, plan.offered, plan.gives, plan.terms_url])


routes = Router(
    "/",
    route_handlers=[
        create_fleet, list_fleets, find_fleet, change_fleet, put_member, remove_member, list_fleet_sessions,
        create_plan, list_plans, find_plan, change_plan, close_plan, subscribe, unsubscribe,
    ],
)  # fmt: skip
