"""How a site was kept, read for people: the plan that counted, one session's part in it, and what all of it saved."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from forecourt.energy import store
from forecourt.energy.errors import NotPlanned, SavingsRefused, TariffMissing, TooManyPlanned
from forecourt.energy.explained.savings import Charged, Month, Savings, Time, savings
from forecourt.energy.explained.session import Explanation, explain
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import Knowledge, unpacked
from forecourt.energy.planning.making import plan_site
from forecourt.energy.planning.plan import SitePlan
from forecourt.energy.signals.model import Reading, Span, Tariff
from forecourt.energy.signals.outlook import LOOK_BACK, Known, Signal, signals_at
from forecourt.energy.site import SiteRecord, SiteTree
from forecourt.energy.store import Connection, explained, plans
from forecourt.energy.store.explained import OrderRow, Register, SessionAt
from forecourt.sessions.remote.service import SessionUnknown

#: Orders of one session that are told, the newest.
MAX_ORDERS: Final = 20
#: Plans that are made again at once in one process; more are refused.
MAX_AGAIN: Final = 2
#: Targets of the same plan made twice differ by no more, in mA: solvers stop within a tolerance.
SAME_MA: Final = 100
#: The longest time that savings are counted of, and the steps in which that is done.
MAX_DAYS: Final = 92
STEP: Final = timedelta(minutes=15)
SHORT_STEP: Final = timedelta(minutes=5)


class Planned(Struct, frozen=True, kw_only=True):
    """The plan that counted at a time, with all that was known when it was made."""

    plan: SitePlan
    known: Knowledge


class SessionTold(Struct, frozen=True, kw_only=True):
    """A session at a site that is charged smartly: its part in the plan that counts (None: it is in none), and what its
    station was told, newest first."""

    session: SessionAt
    record: SiteRecord
    at: datetime
    explanation: Explanation | None
    orders: Sequence[OrderRow]


class Again(Struct, frozen=True, kw_only=True):
    """A plan made again from what was known. `others`: EVSEs whose current differs, with that of then and now in mA."""

    plan: SitePlan
    others: Sequence[tuple[str, int, int]]

    @property
    def same(self) -> bool:
        return not self.others


class Saved(Struct, frozen=True, kw_only=True):
    """What was saved in the days from one to another (the latter is counted too), and by which prices. `stood_in`: that
    many steps had no price of their own."""

    since: date
    until: date
    currency: str
    savings: Savings
    steps: int
    stood_in: int
    left_out: bool


async def plan_at(conn: Connection, tenant_id: int, site_id: int, at: datetime) -> Planned | None:
    """The last plan of before a time, whether it counted then (`is_stale`) or not; None where none is kept."""
    stored = await plans.find_plan(conn, tenant_id, site_id, at)
    if stored is None:
        return None
    return Planned(plan=stored.plan, known=await asyncio.to_thread(unpacked, stored.known))


async def find_plan(conn: Connection, tenant_id: int, site_id: int, at: datetime) -> Planned:
    """The same. Raises NotPlanned."""
    found = await plan_at(conn, tenant_id, site_id, at)
    if found is None:
        raise NotPlanned
    return found


async def session_told(
    conn: Connection, tenant_id: int, session_id: UUID, now: datetime, at: datetime | None = None
) -> SessionTold | None:
    """Why a session charges as it does: now, or when it ended, or at a time. None where its site is not charged
    smartly. Raises SessionUnknown."""
    found = await explained.site_of_session(conn, tenant_id, session_id)
    if found is None:
        if not await explained.session_exists(conn, tenant_id, session_id):
            raise SessionUnknown
        return None
    record = await store.load_site(conn, tenant_id, found.site_id)
    if record is None or record.tree is None or not record.settings.enabled:
        return None
    at = min(at or now, found.over_at or now)
    planned = await plan_at(conn, tenant_id, found.site_id, at)
    return SessionTold(
        session=found,
        record=record,
        at=at,
        explanation=None if planned is None else explain(planned.known, planned.plan, session_id),
        orders=await explained.orders_of_session(conn, tenant_id, session_id, at, MAX_ORDERS),
    )


_again = asyncio.Semaphore(MAX_AGAIN)


async def plan_again(planned: Planned) -> Again:
    """The plan made once more from what was known, in a thread. Raises TooManyPlanned."""
    if _again.locked():
        raise TooManyPlanned
    async with _again:
        plan = await asyncio.to_thread(plan_site, planned.known, SiteSolver())
    return Again(
        plan=plan,
        others=[
            (evse.id, then_ma, now_ma)
            for evse, then_ma, now_ma in zip(
                planned.known.tree.evses, planned.plan.targets_ma, plan.targets_ma, strict=True
            )
            if abs(then_ma - now_ma) > SAME_MA
        ],
    )


async def find_savings(conn: Connection, record: SiteRecord, since: date, until: date, now: datetime) -> Saved:
    """What a site's sessions of some days cost and would have cost, by the tariff that counts today.

    Raises SavingsRefused, TariffMissing.
    """
    if until < since or (until - since).days >= MAX_DAYS:
        raise SavingsRefused
    tenant_id, site_id, zone = record.tenant_id, record.site_id, record.zone
    row = await store.tariff_of(conn, tenant_id, site_id)
    if row is None:
        raise TariffMissing
    tariff = row.tariff
    step = STEP if timedelta(minutes=tariff.demand_minutes) >= STEP else SHORT_STEP
    start, end = _midnight(since, zone), min(_midnight(until + timedelta(days=1), zone), _next(now, step))
    count = max(0, (end - start) // step)
    prices = await _prices_of(conn, tenant_id, tariff, start, end)
    registers = await explained.registers_of(conn, tenant_id, site_id, start, end)
    meters = await store.readings_between(conn, tenant_id, site_id, start, end, int(step / timedelta(minutes=1)))

    def count_all() -> tuple[Savings, Signal]:
        known, hours = Known(tariff=row, prices=prices), [step / timedelta(hours=1)] * count
        outlook = signals_at(replace(record, tree=None), known, start, hours)
        time = Time(
            start_at=start,
            step=step,
            price=outlook.price.values,
            feed_in=outlook.feed_in.values,
            beside_wh=_beside(record, meters, start, step, count),
            months=_months(tariff, zone, start, step, count),
            together=max(1, timedelta(minutes=tariff.demand_minutes) // step),
        )
        return savings(time, charged_of(registers, record.tree)), outlook.price

    counted, price = await asyncio.to_thread(count_all)
    return Saved(
        since=since,
        until=until,
        currency=tariff.currency,
        savings=counted,
        steps=count,
        stood_in=sum(price.stand_in),
        left_out=len(registers) == explained.MAX_COUNTED,
    )


async def _prices_of(
    conn: Connection, tenant_id: int, tariff: Tariff, start: datetime, end: datetime
) -> Sequence[Span]:
    """Those of the day ahead by which is paid; none where it is by the clock."""
    zone = tariff.price_zone
    if zone is None:
        return ()
    return await store.prices_between(conn, tenant_id, zone, start - LOOK_BACK, end, currency=tariff.currency)


def charged_of(registers: Sequence[Register], tree: SiteTree | None) -> list[Charged]:
    """Sessions as they are counted: each could have taken the highest power that was seen of its token among them, as
    far as its EVSE gives so much."""
    seen: dict[str, int] = {}
    for row in registers:
        if row.token is not None and row.max_w:
            seen[row.token] = max(seen.get(row.token, 0), row.max_w)
    gives: dict[tuple[str, int], int] = {}
    if tree is not None:
        electrics = tree.electrics
        for hung, evse in zip(tree.evses, electrics.evses, strict=True):
            gives[hung.station, hung.evse] = round(evse.max_a * electrics.watts_per_ampere(evse))
    return [
        Charged(
            came_at=row.came_at,
            left_at=row.left_at,
            energy_wh=row.energy_wh,
            max_w=_most_w(row, seen, gives),
            read=list(zip(row.read_at, row.readings_wh, strict=True)),
        )
        for row in registers
    ]


def _most_w(row: Register, seen: dict[str, int], gives: dict[tuple[str, int], int]) -> int | None:
    """What was measured in the session itself counts whatever its EVSE is said to give."""
    own_w = row.max_w or 0
    other_w = 0 if row.token is None else seen.get(row.token, 0)
    return max(own_w, min(other_w, gives.get((row.station, row.evse), own_w))) or None


def _beside(record: SiteRecord, meters: dict[str, list[Reading]], start: datetime, step: timedelta, count: int
) -> list[int]:  # fmt: skip
    """What the metered loads took less what the sun gave, in Wh each step; what was not measured counts as nothing."""
    found = [0] * count
    tree = record.tree
    signs = {} if tree is None else {each.id: 1 for each in tree.loads} | {each.id: -1 for each in tree.solar}
    steps_an_hour = timedelta(hours=1) // step
    for name, readings in meters.items():
        for reading in readings:
            number = (reading.at - start) // step
            if 0 <= number < count:
                found[number] += signs.get(name, 0) * reading.power_w // steps_an_hour
    return found


def _months(tariff: Tariff, zone: str, start: datetime, step: timedelta, count: int) -> list[Month]:
    found = []
    first = 0
    while first < count:
        begins_at, ends_at = tariff.billing_month(start + first * step, zone)
        last = min(count, max(first + 1, -((start - ends_at) // step)))
        share = Decimal((last - first) * step // timedelta(seconds=1)) / ((ends_at - begins_at) // timedelta(seconds=1))
        found.append(Month(first=first, last=last, share=share, charge_per_kw=tariff.demand_charge_per_kw))
        first = last
    return found


def _next(at: datetime, step: timedelta) -> datetime:
    """The end of the step that is under way."""
    return at + (-(at - at.replace(hour=0, minute=0, second=0, microsecond=0))) % step


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))
