"""The verbs of fleets and subscriptions. Each runs in the caller's transaction and writes the audit in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.errors import UniqueViolation

from forecourt.access import Actor, audit
from forecourt.drivers.accounts import service as accounts
from forecourt.drivers.accounts.model import DriverUnknown, PaysBy, payer_of
from forecourt.drivers.fleets import store
from forecourt.drivers.fleets.model import (
    BEGUN,
    MAX_FLEETS,
    MAX_MEMBERS,
    MAX_PLANS,
    RENAMED,
    Fleet,
    FleetFull,
    FleetNameTaken,
    FleetUnknown,
    Plan,
    PlanNameTaken,
    PlanUnknown,
    PricedFor,
    Subscription,
    TooManyFleets,
    TooManyPlans,
)
from forecourt.drivers.store import Connection
from forecourt.platform import outbox


async def create_fleet(conn: Connection, actor: accounts.Who, values: Mapping[str, Any], now: datetime) -> Fleet:
    """A new fleet. Raises FleetNameTaken, TooManyFleets."""
    if await store.count_fleets(conn, actor.tenant_id) >= MAX_FLEETS:
        raise TooManyFleets
    made = await store.insert_fleet(conn, actor.tenant_id, values, now)
    if made is None:
        raise FleetNameTaken
    await audit(conn, actor, "create fleet", f"fleet:{made}", dict(values))
    return await find_fleet(conn, actor.tenant_id, made, now)


async def find_fleet(
    conn: Connection, tenant_id: int, fleet_id: int, now: datetime, *, lock: bool = False
) -> Fleet:  # fmt: skip
    """The fleet of this number. Raises FleetUnknown."""
    found = await store.find_fleet(conn, tenant_id, fleet_id, now, lock=lock)
    if found is None:
        raise FleetUnknown
    return found


async def change_fleet(
    conn: Connection, actor: accounts.Who, fleet_id: int, changes: Mapping[str, Any], now: datetime
) -> Fleet:
    """Changes the named columns of a fleet. Raises FleetUnknown, FleetNameTaken."""
    held = await find_fleet(conn, actor.tenant_id, fleet_id, now, lock=True)
    try:
        async with conn.transaction():
            await store.update_fleet(conn, actor.tenant_id, fleet_id, changes, now)
    except UniqueViolation as fault:
        raise FleetNameTaken from fault
    row = await find_fleet(conn, actor.tenant_id, fleet_id, now)
    changed = [name for name in changes if getattr(held, name) != getattr(row, name)]
    if "name" in changed:
        await store.note_name(conn, actor.tenant_id, fleet_id, held.name, now)
        await outbox.write(conn, actor.tenant_id, RENAMED, str(fleet_id))
    await audit(
        conn, actor, "change fleet", f"fleet:{fleet_id}",
        before={name: getattr(held, name) for name in changed}, after={name: getattr(row, name) for name in changed},
    )  # fmt: skip
    return row


async def put_member(
    conn: Connection, actor: accounts.Who, fleet_id: int, driver_id: int, values: Mapping[str, Any], now: datetime, *,
    pays: bool = False,
) -> None:  # fmt: skip
    """A driver is in a fleet, and in no other. The fleet pays once the driver chose so; with `pays` from now on, unless
    the driver chose something else.

    Raises FleetUnknown, DriverUnknown, FleetFull.
    """
    await find_fleet(conn, actor.tenant_id, fleet_id, now)
    # Held before it is read where they are: who moves twice at once was in each fleet once.
    held = await accounts.find_driver(conn, actor.tenant_id, driver_id, lock=True)
    if await store.count_members(conn, actor.tenant_id, fleet_id, but=driver_id) >= MAX_MEMBERS:
        raise FleetFull
    await store.put_member(conn, actor.tenant_id, fleet_id, driver_id, at=now, **values)
    if pays and held.pays_by is PaysBy.PAGE:
        await accounts.change_driver(conn, actor, driver_id, {"pays_by": PaysBy.FLEET.value}, now)
    await audit(conn, actor, "put fleet member", f"fleet:{fleet_id}", {"driver": driver_id, **values})


async def remove_member(conn: Connection, actor: accounts.Who, fleet_id: int, driver_id: int, now: datetime) -> None:
    """A driver is in the fleet no more, and pays on the page again where it paid. Raises DriverUnknown."""
    held = await accounts.find_driver(conn, actor.tenant_id, driver_id, lock=True)
    if not await store.end_member(conn, actor.tenant_id, driver_id, fleet_id, now):
        raise DriverUnknown
    if held.pays_by is PaysBy.FLEET:
        await accounts.change_driver(conn, actor, driver_id, {"pays_by": PaysBy.PAGE.value}, now)
    await audit(conn, actor, "remove fleet member", f"fleet:{fleet_id}", {"driver": driver_id})


async def create_plan(conn: Connection, actor: Actor, values: Mapping[str, Any], now: datetime) -> Plan:
    """A new plan. Raises PlanNameTaken, TooManyPlans."""
    if await store.count_plans(conn, actor.tenant_id) >= MAX_PLANS:
        raise TooManyPlans
    made = await store.insert_plan(conn, actor.tenant_id, values, now)
    if made is None:
        raise PlanNameTaken
    said = dict(values) | {"vat": None if made.vat is None else str(made.vat)}
    await audit(conn, actor, "create plan", f"plan:{made.plan_id}", said)
    return made


async def find_plan(conn: Connection, tenant_id: int, plan_id: int) -> Plan:
    """A plan, held so that it doesn't change until the transaction ends. Raises PlanUnknown."""
    found = await store.find_plan(conn, tenant_id, plan_id)
    if found is None:
        raise PlanUnknown
    return found


async def change_plan(conn: Connection, actor: Actor, plan_id: int, changes: Mapping[str, Any]) -> Plan:
    """What drivers are told of a plan, and whether it is offered to them. Its fee stays: who has it agreed to that.
    Raises PlanUnknown."""
    if changes and not await store.update_plan(conn, actor.tenant_id, plan_id, changes):
        raise PlanUnknown
    found = await find_plan(conn, actor.tenant_id, plan_id)
    if changes:
        await audit(conn, actor, "change plan", f"plan:{plan_id}", dict(changes))
    return found


async def close_plan(conn: Connection, actor: Actor, plan_id: int) -> None:
    """Nobody begins it any more; who has it keeps it. Raises PlanUnknown."""
    if not await store.close_plan(conn, actor.tenant_id, plan_id):
        raise PlanUnknown
    await audit(conn, actor, "close plan", f"plan:{plan_id}")


async def subscribe(conn: Connection, actor: Actor, driver_id: int, plan_id: int, now: datetime) -> Subscription:
    """A driver's subscription, in place of the one before; its first month is to be paid. Raises DriverUnknown,
    PlanUnknown."""
    await accounts.find_driver(conn, actor.tenant_id, driver_id, lock=True)
    if not await store.begin_subscription(conn, actor.tenant_id, driver_id, plan_id, now):
        raise PlanUnknown
    await audit(conn, actor, "begin subscription", payer_of(driver_id), {"plan": plan_id})
    found = await store.find_subscription(conn, actor.tenant_id, driver_id, now)
    assert found is not None
    await outbox.write(conn, actor.tenant_id, BEGUN, str(found.subscription_id))
    return found


async def unsubscribe(conn: Connection, actor: Actor, driver_id: int, now: datetime) -> None:
    """Ends a driver's subscription; twice is once. Raises DriverUnknown."""
    await accounts.find_driver(conn, actor.tenant_id, driver_id, lock=True)
    if await store.end_subscription(conn, actor.tenant_id, driver_id, now):
        await audit(conn, actor, "end subscription", payer_of(driver_id))


async def priced_for(conn: Connection, tenant_id: int, driver_id: int, at: datetime) -> PricedFor:
    """By what tariffs are chosen for a driver with an account at a time."""
    return await store.priced_for(conn, tenant_id, driver_id, at)
