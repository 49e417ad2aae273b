"""The verbs of cars that start by being plugged in, each in the caller's transaction, in which it writes the audit."""

from datetime import datetime

from forecourt.access import audit
from forecourt.drivers import store as tokens
from forecourt.drivers.accounts import service as accounts
from forecourt.drivers.accounts.model import TokenTaken, TooManyOwned, payer_of
from forecourt.drivers.accounts.service import Who
from forecourt.drivers.accounts.store import owned
from forecourt.drivers.accounts.store.rules import find_rules
from forecourt.drivers.autocharge.model import (
    MAC,
    MAX_CARS,
    AutochargeOff,
    CarUnknown,
    OwnCar,
    address_of,
    uids_of,
)
from forecourt.drivers.model import TokenState, TokenUnknown, uid_key
from forecourt.drivers.store import Connection


async def list_cars(conn: Connection, tenant_id: int, driver_id: int) -> list[OwnCar]:
    """The cars that start sessions for a driver, in the order in which they came."""
    found: dict[str, OwnCar] = {}
    for each in await owned.list_tokens(conn, tenant_id, driver_id):
        address = address_of(each.uid, each.type)
        if address is not None and address not in found:
            row = await tokens.find_token(conn, tenant_id, uid_key(each.uid))
            name = (row.vehicle if row is not None else None) or address
            found[address] = OwnCar(address=address, name=name, since=each.attached_at)
    return list(found.values())


async def enrol(
    conn: Connection, who: Who, driver_id: int, uid: str, name: str | None, now: datetime, *, by: str
) -> OwnCar:
    """A car is a driver's from now on, and starts sessions that their account pays for; twice is once.

    Raises AutochargeOff, CarUnknown for what is no address of a car, TokenTaken, TooManyOwned, DriverUnknown.
    """
    if not (await find_rules(conn, who.tenant_id)).autocharge:
        raise AutochargeOff
    address = address_of(uid, MAC)
    if address is None:
        raise CarUnknown
    await accounts.find_driver(conn, who.tenant_id, driver_id, lock=True)
    cars = await list_cars(conn, who.tenant_id, driver_id)
    if all(each.address != address for each in cars) and len(cars) >= MAX_CARS:
        raise TooManyOwned
    # One of each form, whichever letters it is written in.
    for each in {uid_key(form): form for form in (uid, *uids_of(address))}.values():
        row = await tokens.find_token(conn, who.tenant_id, uid_key(each), lock=True)
        if row is None:
            await tokens.upsert_token(
                conn, who.tenant_id, uid=each, type_=MAC, status=TokenState.ACCEPTED.value, group_uid=None,
                expires_at=None, vehicle=name,
            )  # fmt: skip
        elif row.status != TokenState.ACCEPTED.value:
            raise TokenTaken
        else:
            await tokens.update_token(conn, who.tenant_id, uid_key(each), {"type": MAC, "vehicle": name})
        await accounts.attach_token(conn, who, driver_id, each, now, by=by)
        await tokens.tell_changed(conn, who.tenant_id, each)
    await audit(conn, who, "enrol car", payer_of(driver_id))
    return OwnCar(address=address, name=name or address, since=now)


async def forget_car(conn: Connection, who: Who, driver_id: int, address: str) -> None:
    """The car starts nothing any more: its tokens are unknown from now on. Raises CarUnknown."""
    wanted = address_of(address, MAC)
    gone = 0
    for each in await owned.list_tokens(conn, who.tenant_id, driver_id):
        if wanted is not None and address_of(each.uid, each.type) == wanted:
            gone += await tokens.delete_token(conn, who.tenant_id, uid_key(each.uid))
            await tokens.tell_changed(conn, who.tenant_id, each.uid)
    if not gone:
        raise CarUnknown
    await audit(conn, who, "forget car", payer_of(driver_id))


async def give_up(conn: Connection, who: Who, driver_id: int, uid: str) -> None:
    """A driver takes a token off their account: a card is blocked until an operator says otherwise, for else it would
    go on at nobody's expense; a car is forgotten, for whoever has it next. Raises TokenUnknown."""
    key = uid_key(uid)
    own = next(
        (each for each in await owned.list_tokens(conn, who.tenant_id, driver_id) if uid_key(each.uid) == key), None
    )
    if own is None:
        raise TokenUnknown
    address = address_of(own.uid, own.type)
    if address is not None:
        await forget_car(conn, who, driver_id, address)
        return
    await accounts.detach_token(conn, who, driver_id, uid)
    if own.status == TokenState.ACCEPTED.value:
        await tokens.update_token(conn, who.tenant_id, key, {"status": TokenState.BLOCKED.value})
        await tokens.tell_changed(conn, who.tenant_id, own.uid)
