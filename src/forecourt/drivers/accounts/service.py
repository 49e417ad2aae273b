"""The verbs of accounts. Each runs in the caller's transaction and writes the audit in it, which names a driver by
number, so that nothing there needs to be erased."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.access.model import Service
from forecourt.drivers.accounts import store
from forecourt.drivers.accounts.model import (
    CLAIM_LIFE,
    CODE_BYTES,
    MAX_TOKENS,
    MAX_VEHICLES,
    AccountState,
    ClaimUnknown,
    Consent,
    ConsentKind,
    Driver,
    DriverRules,
    DriverUnknown,
    EmailTaken,
    OwnSession,
    OwnToken,
    TokenTaken,
    TooManyOwned,
    Vehicle,
    VehicleSaid,
    VehicleUnknown,
    payer_of,
    plain_code,
)
from forecourt.drivers.accounts.store import entry, owned
from forecourt.drivers.accounts.store import rules as rules_store
from forecourt.drivers.model import TokenUnknown, uid_key
from forecourt.drivers.service import find_token
from forecourt.drivers.store import Connection, part_token
from forecourt.drivers.store import find_token as find_row
from forecourt.platform.digest import keyed_digest

Who = Actor | Service


class Owned(Struct, frozen=True, kw_only=True):
    """All that a driver has here. `consents`: the latest word on each kind; what is absent was never agreed to."""

    driver: Driver
    tokens: Sequence[OwnToken]
    vehicles: Sequence[Vehicle]
    consents: Sequence[Consent]
    sessions: Sequence[OwnSession]


async def find_driver(conn: Connection, tenant_id: int, driver_id: int, *, lock: bool = False) -> Driver:
    """The account of this number. Raises DriverUnknown."""
    found = await store.find_driver(conn, tenant_id, driver_id, lock=lock)
    if found is None:
        raise DriverUnknown
    return found


async def owned_by(conn: Connection, driver: Driver) -> Owned:
    """What a driver has."""
    tenant_id, driver_id = driver.tenant_id, driver.driver_id
    return Owned(
        driver=driver,
        tokens=await owned.list_tokens(conn, tenant_id, driver_id),
        vehicles=await owned.list_vehicles(conn, tenant_id, driver_id),
        consents=await owned.list_consents(conn, tenant_id, driver_id),
        sessions=await entry.list_sessions(conn, tenant_id, driver_id),
    )


async def create_driver(
    conn: Connection, who: Who, email: str, name: str | None, language: str, now: datetime
) -> Driver:
    """An account that an operator makes; its driver signs in by a letter to the address. Raises EmailTaken."""
    made = await store.insert_driver(
        conn, who.tenant_id, email=email.strip().lower(), name=name, language=language, at=now
    )
    if made is None:
        raise EmailTaken
    await audit(conn, who, "create driver account", made.payer)
    return made


async def change_driver(
    conn: Connection, who: Who, driver_id: int, changes: Mapping[str, Any], now: datetime
) -> Driver:
    """Changes the named columns of an account; the audit tells which, not to what. One that is blocked is signed out
    everywhere, and its tokens are decided upon as blocked. Raises DriverUnknown, EmailTaken."""
    held = await find_driver(conn, who.tenant_id, driver_id, lock=True)
    if held.state is AccountState.ERASED:
        raise DriverUnknown
    if (email := changes.get("email")) is not None:
        other = await store.find_by_email(conn, who.tenant_id, email)
        if other is not None and other.driver_id != driver_id:
            raise EmailTaken
    row = await store.update_driver(conn, who.tenant_id, driver_id, changes, now)
    assert row is not None
    if row.state is not AccountState.ACTIVE:
        await entry.end_sessions(conn, who.tenant_id, driver_id)
    told = {name: (getattr(held, name), getattr(row, name)) for name in changes if name != "subject"}
    changed = sorted(name for name, (before, after) in told.items() if before != after)
    if changed:
        await audit(conn, who, "change driver account", row.payer, {"changed": changed})
    return row


async def attach_token(conn: Connection, who: Who, driver_id: int, uid: str, now: datetime, *, by: str) -> None:
    """Makes a token a driver's; twice is once. Raises DriverUnknown, TokenUnknown, TokenTaken, TooManyOwned."""
    await find_driver(conn, who.tenant_id, driver_id)
    token = await find_row(conn, who.tenant_id, uid_key(uid))
    if token is None:
        raise TokenUnknown
    if len(await owned.list_tokens(conn, who.tenant_id, driver_id)) >= MAX_TOKENS:
        raise TooManyOwned
    if await owned.attach_token(conn, who.tenant_id, driver_id, uid_key(uid), now, by) != driver_id:
        raise TokenTaken
    await audit(conn, who, "attach token", payer_of(driver_id), {"token": token.number})


async def detach_token(conn: Connection, who: Who, driver_id: int, uid: str) -> None:
    """The token is nobody's any more; it stays registered, and as good as it was: what a driver gives up themselves is
    `autocharge.service.give_up`. Raises TokenUnknown."""
    token = await find_row(conn, who.tenant_id, uid_key(uid))
    if token is None or not await part_token(conn, who.tenant_id, uid_key(uid), driver_id):
        raise TokenUnknown
    await audit(conn, who, "detach token", payer_of(driver_id), {"token": token.number})


async def make_claim(conn: Connection, who: Actor, secret: bytes, uid: str, now: datetime) -> tuple[str, datetime]:
    """A code to hand out with a card, and until when it is good; an earlier one is void. Raises TokenUnknown."""
    await find_token(conn, who.tenant_id, uid)
    row = await find_row(conn, who.tenant_id, uid_key(uid))
    assert row is not None
    code = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode()
    expires_at = now + CLAIM_LIFE
    await owned.put_claim(conn, who.tenant_id, _claim(secret, who.tenant_id, code), uid_key(uid), expires_at)
    await audit(conn, who, "make claim code", f"token:{row.number}")
    return code, expires_at


async def claim_token(conn: Connection, driver: Driver, secret: bytes, code: str, now: datetime, who: Service) -> None:
    """The driver has the card that a code came with. Raises ClaimUnknown, TokenTaken, TooManyOwned."""
    key = await owned.take_claim(conn, driver.tenant_id, _claim(secret, driver.tenant_id, plain_code(code)), now)
    if key is None:
        raise ClaimUnknown
    await attach_token(conn, who, driver.driver_id, key, now, by="driver")


def _claim(secret: bytes, tenant_id: int, code: str) -> bytes:
    return keyed_digest(secret, "driver claim", f"{tenant_id}\n{code}")


async def add_vehicle(conn: Connection, driver: Driver, who: Service, said: VehicleSaid, now: datetime) -> Vehicle:
    """One more car. Raises TooManyOwned."""
    if len(await owned.list_vehicles(conn, driver.tenant_id, driver.driver_id)) >= MAX_VEHICLES:
        raise TooManyOwned
    made = await owned.insert_vehicle(conn, driver.tenant_id, driver.driver_id, said, now)
    await audit(conn, who, "add vehicle", driver.payer, {"vehicle": made.vehicle_id})
    return made


async def change_vehicle(conn: Connection, driver: Driver, who: Service, vehicle_id: int, said: VehicleSaid) -> Vehicle:
    """A car, described anew. Raises VehicleUnknown."""
    row = await owned.update_vehicle(conn, driver.tenant_id, driver.driver_id, vehicle_id, said)
    if row is None:
        raise VehicleUnknown
    await audit(conn, who, "change vehicle", driver.payer, {"vehicle": vehicle_id})
    return row


async def remove_vehicle(conn: Connection, driver: Driver, who: Service, vehicle_id: int) -> None:
    """Forgets a car. Raises VehicleUnknown."""
    if not await owned.delete_vehicle(conn, driver.tenant_id, driver.driver_id, vehicle_id):
        raise VehicleUnknown
    await audit(conn, who, "remove vehicle", driver.payer, {"vehicle": vehicle_id})


async def say_consent(
    conn: Connection, driver: Driver, who: Service, kind: ConsentKind, given: bool, text_version: str, now: datetime
) -> None:
    """Agrees to something by a text, or takes it back; what was said before stays written down."""
    await owned.insert_consent(conn, driver.tenant_id, driver.driver_id, kind.value, given, text_version, now)
    await audit(conn, who, "say consent", driver.payer, {"kind": kind.value, "given": given, "text": text_version})


async def put_rules(conn: Connection, actor: Actor, rules: DriverRules, now: datetime) -> DriverRules:
    """What an organisation asks of drivers' own tokens from now on. Idempotent."""
    held = await rules_store.find_rules(conn, actor.tenant_id)
    await rules_store.put_rules(conn, actor.tenant_id, rules, now)
    names = [name for name in rules.__struct_fields__ if getattr(held, name) != getattr(rules, name)]
    if names:
        await audit(
            conn, actor, "change driver rules", "driver-rules",
            before={name: getattr(held, name) for name in names}, after={name: getattr(rules, name) for name in names},
        )  # fmt: skip
    return rules
