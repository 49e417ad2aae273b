"""Routes of how a site was kept: the plan that counted, why a session charges as it does, what stations were told, and
what was saved."""

import asyncio
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import get
from litestar.params import FromPath, QueryParameter
from msgspec import Meta, Struct

from forecourt.access.guard import Asker, Database
from forecourt.energy.api.electrics import SiteInPath, Ticking
from forecourt.energy.dispatch.grounds import Ground
from forecourt.energy.dispatch.standing import may_draw
from forecourt.energy.errors import NotPlanned, SavingsRefused, TariffMissing
from forecourt.energy.explained.savings import Bill
from forecourt.energy.explained.session import Explanation, Shared, Stay, explain_all
from forecourt.energy.explained.words import sentences
from forecourt.energy.planner.ladder import Grade
from forecourt.energy.planner.reasons import Why
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.planning.plan import BatteryPlan
from forecourt.energy.service import explained as service
from forecourt.energy.service.sites import find_record
from forecourt.energy.site import is_stale
from forecourt.energy.storage.cars import NoGiver
from forecourt.energy.store import explained as store
from forecourt.energy.store.explained import OrderRow
from forecourt.platform.paging import (
    ByAge,
    CursorRefused,
    From,
    Limit,
    Moment,
    MomentParameter,
    NextCursor,
    Page,
    To,
    cursors_by_age,
)
from forecourt.sessions.remote.service import SessionUnknown
from forecourt.stations.errors import SiteUnknown

CURSORS = cursors_by_age("what stations of a site were told")
#: Money is told to a cent of whatever currency.
CENT = Decimal("0.01")
#: Days that savings are told of where nobody asks for others.
USUAL_DAYS = 30
At = Annotated[Moment | None, MomentParameter(name="at", description="As of this time, with its zone; absent: now.")]
Money = Annotated[Decimal, Meta(description="In `currency`.", examples=["12.40"])]


class OrderShown(Struct, frozen=True, kw_only=True):
    """A limit that a station was told for a session."""

    id: int
    station: str
    evse: int
    session_id: UUID
    limit_ma: Annotated[int, Meta(description="Each conductor.", examples=[16_000])]
    urgent: Annotated[bool, Meta(description="It was needed at once to keep a limit.")]
    sent_at: datetime
    valid_to: Annotated[datetime, Meta(description="From then on it holds no more, unless it is told again.")]
    answered_at: datetime | None
    accepted: Annotated[
        bool | None, Meta(description="Null: nobody knows whether the station took it.", examples=[True])
    ]
    status: Annotated[str | None, Meta(description="Its answer, or why there is none.", examples=["Accepted"])]
    gives_ma: Annotated[
        int, Meta(description="What was to flow back on each conductor, for five minutes.", examples=[0])
    ]


class StepShown(Struct, frozen=True, kw_only=True):
    """What is meant for a step that is to come."""

    start_at: datetime
    end_at: datetime
    power_w: int


class CarShown(Struct, frozen=True, kw_only=True):
    """What a plan has for one car, and why."""

    session_id: UUID
    station: str
    evse: int
    words: Annotated[
        list[str],
        Meta(
            description="Why, in words.",
            examples=[["It may charge at 7 A (4.8 kW): the limit of Panel is shared by 5 cars."]],
        ),
    ]
    limit_ma: Annotated[
        int | None, Meta(description="Null: its station can't be told anything, or obeys nothing.", examples=[7_000])
    ]
    power_w: Annotated[int | None, Meta(description="What it is meant to take now, below 0 to give back.")]
    why: Annotated[Why | None, Meta(description="What holds it back; null where the plan doesn't look ahead.")]
    limit: Annotated[Shared | None, Meta(description="The limit that holds it back.")]
    ground: Annotated[Ground, Meta(description="Why its EVSE counts with `may_draw_ma`.", examples=["order"])]
    may_draw_ma: Annotated[int, Meta(description="What it may draw at most, as far as can be known.", examples=[7_000])]
    stay: Annotated[Stay, Meta(description="What is known of its departure and energy, and whose word that is.")]
    energy_wh: Annotated[int, Meta(description="What it got so far.")]
    given_wh: Annotated[int, Meta(description="What it gave back so far.", examples=[0])]
    not_giving: Annotated[
        NoGiver | None,
        Meta(description="Why it is not asked to give back; null: it may be, or nobody said anything of that."),
    ]
    capped_w: Annotated[
        int | None, Meta(description="What it is kept to until it is over; null: nothing of its own.", examples=[None])
    ]
    lacks_wh: Annotated[int | None, Meta(description="What it still takes.", examples=[9_300])]
    ready_at: Annotated[datetime | None, Meta(description="When it has that; null where that is not foreseen.")]
    unserved_wh: Annotated[int | None, Meta(description="What it will leave without.", examples=[0])]
    turn_at: Annotated[
        datetime | None,
        Meta(
            description="When its turn comes, if nobody comes or goes; null where it waits for none.", examples=[None]
        ),
    ]
    steps: Annotated[list[StepShown], Meta(description="Until it leaves.")]


class EvseShown(Struct, frozen=True, kw_only=True):
    """What an EVSE counted for."""

    station: str
    evse: int
    target_ma: Annotated[int, Meta(description="What it was to have; without meaning where nothing runs.")]
    may_draw_ma: int
    ground: Ground
    silent_since: datetime | None


class PlanShown(Struct, frozen=True, kw_only=True):
    """A plan, and all that was known when it was made."""

    at: datetime
    stale: Annotated[
        bool,
        Meta(
            description="It is too old to have counted at the time that was asked for: the planner made none since, or"
            " those that it made are no longer kept.",
            examples=[False],
        ),
    ]
    grade: Grade
    why: Annotated[str, Meta(description="What kept it from being the best; empty if nothing did.", examples=[""])]
    peak_w: Annotated[int, Meta(description="The highest power from the grid that it means.", examples=[43_000])]
    grid_w: Annotated[list[int], Meta(description="From the grid in each step of `known.outlook`.")]
    cars: list[CarShown]
    evses: list[EvseShown]
    batteries: Annotated[list[BatteryPlan], Meta(description="What is meant for each; without steps it isn't planned.")]
    known: Knowledge


class SessionCharging(Struct, frozen=True, kw_only=True):
    """Why a session charges as it does."""

    at: datetime
    zone: Annotated[
        str, Meta(description="The site's time zone, by which the words tell times.", examples=["Europe/Berlin"])
    ]
    planned_at: Annotated[datetime | None, Meta(description="When the plan was made; null: no plan has it.")]
    stale: Annotated[bool, Meta(description="That is too long before `at` to count then.", examples=[False])]
    grade: Grade | None
    car: Annotated[CarShown | None, Meta(description="Null: no plan has it.")]
    orders: Annotated[list[OrderShown], Meta(description="What its station was told, newest first; 20 at most.")]


class BillShown(Struct, frozen=True, kw_only=True):
    """What charging adds to a site's bill."""

    energy_cost: Money
    demand_cost: Money
    cost: Money
    peak_w: Annotated[int, Meta(description="The highest mean of the whole site.", examples=[43_000])]


class SavingsShown(Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """What a site's sessions cost, and what the same sessions would have cost uncontrolled."""

    since: Annotated[date, Meta(examples=["2026-03-01"])]
    until: Annotated[date, Meta(description="The last day that is counted.", examples=["2026-03-31"])]
    currency: Annotated[str, Meta(examples=["EUR"])]
    sessions: int
    energy_wh: int
    actual: BillShown
    uncontrolled: BillShown
    saved: Money
    too_early: Annotated[
        bool, Meta(description="It cost more, and the sessions lie within less than a day: that proves nothing.")
    ]
    unread: Annotated[int, Meta(description="Sessions without a reading between start and end: spread evenly.")]
    unmeasured: Annotated[int, Meta(description="Sessions without a measured power: counted alike both ways.")]
    steps: int
    stood_in: Annotated[int, Meta(description="Steps whose price is not known, so that another stands in.")]
    left_out: Annotated[bool, Meta(description="There were more sessions than are counted at once.")]


@get(
    "/sites/{site:str}/plan",
    opt={"problems": [SiteUnknown, NotPlanned]},
    summary="Show the plan that counted at a time",
    description="With all that was known when it was made: the same plan can be made of it again.",
    tags=["smart charging"],
)
async def show_plan(site: SiteInPath, actor: Asker, db: Database, clock: Ticking, at: At = None) -> PlanShown:
    now = clock.now()
    if at is not None and at > now:
        raise NotPlanned("That time is still to come, and no plan counts then yet. Leave `at` out for the plan of now.")
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        planned = await service.find_plan(conn, actor.tenant_id, record.site_id, at or now)
    plan, known = planned.plan, planned.known
    told = await asyncio.to_thread(explain_all, known, plan)
    return PlanShown(
        at=plan.at,
        stale=is_stale(plan.at, at or now),
        grade=plan.grade,
        why=plan.why,
        peak_w=plan.peak_w,
        grid_w=list(plan.grid_w),
        batteries=list(plan.batteries),
        cars=[_car(each, plan.at, known.zone) for each in told],
        evses=_evses(planned),
        known=known,
    )


@get(
    "/sessions/{session_id:uuid}/charging",
    opt={"problems": [SessionUnknown, NotPlanned]},
    summary="Show why a session charges as it does",
    description="Of one that is over, as of its end.",
    tags=["smart charging"],
)
async def explain_session(
    session_id: FromPath[UUID], actor: Asker, db: Database, clock: Ticking, at: At = None
) -> SessionCharging:
    async with db.tenant(actor.tenant_id) as conn:
        told = await service.session_told(conn, actor.tenant_id, session_id, clock.now(), at)
    if told is None:
        raise NotPlanned("The site of this session is not charged smartly. Switch it on, and sessions are explained.")
    found = told.explanation
    return SessionCharging(
        at=told.at,
        zone=told.record.zone,
        planned_at=None if found is None else found.planned_at,
        stale=found is not None and is_stale(found.planned_at, told.at),
        grade=None if found is None else found.grade,
        car=None if found is None else _car(found, told.at, told.record.zone),
        orders=[_order(each) for each in told.orders],
    )


@get(
    "/sites/{site:str}/orders",
    opt={"problems": [SiteUnknown, CursorRefused]},
    summary="List what the stations of a site were told",
    description="Each limit for a running session, with the answer. `from` and `to` are about when it was sent.",
    tags=["smart charging"],
)
async def list_orders(
    site: SiteInPath,
    actor: Asker,
    db: Database,
    since: From = None,
    until: To = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[OrderShown]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        rows = await store.list_orders(
            conn, actor.tenant_id, record.site_id, since=since, until=until, order=sort, place=place, limit=limit + 1
        )
    return CURSORS[sort].page(rows, limit, lambda row: (row.order_id,), _order)


@get(
    "/sites/{site:str}/savings",
    opt={"problems": [SiteUnknown, TariffMissing, SavingsRefused]},
    summary="Show what smart charging saved",
    description=(
        "Sessions that began and ended within these days, as they were charged and as they would have been"
        " uncontrolled: each at its highest power from its start on. Both by the tariff that counts now."
    ),
    tags=["smart charging"],
)
async def show_savings(
    site: SiteInPath,
    actor: Asker,
    db: Database,
    clock: Ticking,
    since: Annotated[
        date | None, QueryParameter(name="from", description="The first day by the site's clock; absent: 30 days ago.")
    ] = None,
    until: Annotated[date | None, QueryParameter(name="to", description="The last day; absent: today.")] = None,
) -> SavingsShown:
    now = clock.now()
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        last = until or now.astimezone(ZoneInfo(record.zone)).date()
        first = since or max(date.min + timedelta(days=USUAL_DAYS), last) - timedelta(days=USUAL_DAYS)
        found = await service.find_savings(conn, record, first, last, now)
    saved = found.savings
    return SavingsShown(
        since=found.since,
        until=found.until,
        currency=found.currency,
        sessions=saved.sessions,
        energy_wh=saved.energy_wh,
        actual=_bill(saved.actual),
        uncontrolled=_bill(saved.uncontrolled),
        saved=saved.saved.quantize(CENT),
        too_early=saved.too_early,
        unread=saved.unread,
        unmeasured=saved.unmeasured,
        steps=found.steps,
        stood_in=found.stood_in,
        left_out=found.left_out,
    )


def _car(told: Explanation, now: datetime, zone: str) -> CarShown:
    return CarShown(
        session_id=told.session_id,
        station=told.station,
        evse=told.evse,
        words=sentences(told, now, zone),
        limit_ma=told.limit_ma,
        power_w=told.power_w,
        why=None if told.reason is None else told.reason.why,
        limit=told.shared,
        ground=told.ground,
        may_draw_ma=told.may_draw_ma,
        stay=told.stay,
        energy_wh=told.energy_wh,
        given_wh=told.given_wh,
        not_giving=told.not_giving,
        capped_w=None if told.cap is None else told.cap.max_w,
        lacks_wh=told.lacks_wh,
        ready_at=told.ready_at,
        unserved_wh=told.unserved_wh,
        turn_at=told.turn_at,
        steps=[StepShown(start_at=each.start_at, end_at=each.end_at, power_w=each.power_w) for each in told.steps],
    )


def _evses(planned: service.Planned) -> list[EvseShown]:
    known = planned.known
    found = []
    for evse, standing, target_ma in zip(known.tree.evses, known.standings, planned.plan.targets_ma, strict=True):
        may_ma, ground = may_draw(standing, known.at)
        found.append(
            EvseShown(
                station=evse.station,
                evse=evse.evse,
                target_ma=target_ma,
                may_draw_ma=may_ma,
                ground=ground,
                silent_since=standing.silent_since,
            )
        )
    return found


def _order(row: OrderRow) -> OrderShown:
    return OrderShown(
        id=row.order_id,
        **{name: getattr(row, name) for name in OrderShown.__struct_fields__ if name != "id"},
    )


def _bill(found: Bill) -> BillShown:
    return BillShown(
        energy_cost=found.energy_cost.quantize(CENT),
        demand_cost=found.demand_cost.quantize(CENT),
        cost=found.cost.quantize(CENT),
        peak_w=found.peak_w,
    )
