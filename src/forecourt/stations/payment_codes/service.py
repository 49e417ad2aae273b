"""The verbs of codes for payments, each in the caller's transaction: show them, make another secret, hide them, and
say whether a password is one of them."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.platform.errors import ForecourtError
from forecourt.platform.sealing import Seal
from forecourt.stations import service as stations
from forecourt.stations.desired.kinds import no_payment_codes, payment_codes
from forecourt.stations.desired.model import State
from forecourt.stations.desired.service import want_many
from forecourt.stations.payment_codes import store
from forecourt.stations.payment_codes.model import ALPHABET, SECRET_LENGTH, CodesWanted, interval_of, offset_of
from forecourt.stations.payment_codes.store import CodesRow, Connection

_PURPOSE: Final = "payment codes"


class CodesUnknown(ForecourtError):
    """The station shows no codes that change by themselves. Switch them on first."""

    status = 404
    code = "payment-codes-unknown"


class Codes(Struct, frozen=True, kw_only=True):
    """What a station shows, as others may know it. `state` is how far the station is with it."""

    station: str
    shown: bool
    address: str
    validity_s: int
    length: int
    version: int
    set_by: str
    set_at: datetime
    state: State | None
    why: str | None


class Password(Struct, frozen=True, kw_only=True):
    """A password that is right: of which station, and of which interval."""

    station_id: int
    interval: int


class CodeVault:
    """Opens what the passwords are made of. `secret` is the secret key of the deployment."""

    def __init__(self, secret: bytes) -> None:
        self.seal = Seal(secret, _PURPOSE)

    async def secret_of(self, conn: Connection, tenant_id: int, station_id: int, version: int) -> str | None:
        """The secret of a version; None where another one counts by now. Raises SealBroken."""
        sealed = await store.find_sealed(conn, tenant_id, station_id, version)
        return None if sealed is None else self.seal.open(sealed)


async def find_codes(conn: Connection, tenant_id: int, station: str) -> Codes:
    """What a station shows. Raises CodesUnknown."""
    row = await store.find(conn, tenant_id, station)
    if row is None:
        raise CodesUnknown
    return _shown(row)


async def show_codes(
    conn: Connection, vault: CodeVault, actor: Actor, station: str, wanted: CodesWanted, address: str, now: datetime
) -> Codes:
    """Have a station show codes, whose addresses it makes of the template `address`. The secret is made once, and again
    by `rotate_codes`. Raises StationUnknown, StationRetired."""
    await stations.check_in_service(conn, actor.tenant_id, station)
    row = await store.find(conn, actor.tenant_id, station, lock=True)
    same = row is not None and (row.shown, row.address, row.validity_s, row.length) == (
        True, address, wanted.validity_s, wanted.length,
    )  # fmt: skip
    if row is not None and same:
        return _shown(row)
    station_id = await stations.find_station_id(conn, actor.tenant_id, station)
    await _put(
        conn, actor, station, station_id, wanted, address, now,
        sealed=vault.seal.close(new_secret()) if row is None else row.sealed,
        former=None if row is None else row.former,
        version=1 if row is None else row.version,
        doing="show payment codes",
    )  # fmt: skip
    return await find_codes(conn, actor.tenant_id, station)


async def rotate_codes(conn: Connection, vault: CodeVault, actor: Actor, station: str, now: datetime) -> Codes:
    """Give a station another secret. Codes of the one before are good until it has it. Raises CodesUnknown."""
    row = await store.find(conn, actor.tenant_id, station, lock=True)
    if row is None or not row.shown:
        raise CodesUnknown
    wanted = CodesWanted(validity_s=row.validity_s, length=row.length)
    await _put(
        conn, actor, station, row.station_id, wanted, row.address, now, sealed=vault.seal.close(new_secret()),
        former=row.sealed, version=row.version + 1, doing="change secret of payment codes",
    )  # fmt: skip
    return await find_codes(conn, actor.tenant_id, station)


async def hide_codes(conn: Connection, actor: Actor, station: str, now: datetime) -> None:
    """Have a station show none any more. Its codes are good for nothing from now on. Raises CodesUnknown."""
    row = await store.find(conn, actor.tenant_id, station, lock=True)
    if row is None or not row.shown:
        raise CodesUnknown
    await store.put(
        conn, actor.tenant_id, row.station_id, sealed=row.sealed, former=None, version=row.version, shown=False,
        address=row.address, validity_s=row.validity_s, length=row.length, by=str(actor), at=now,
    )  # fmt: skip
    await want_many(conn, actor.tenant_id, [no_payment_codes(station)], str(actor), now)
    await audit(conn, actor, "hide payment codes", f"station:{station}")


async def check_password(
    conn: Connection, vault: CodeVault, tenant_id: int, station: str, password: str, now: datetime
) -> Password | None:
    """Which password of a station this is, within its validity and an interval around; None where it is none, or not
    any more. The station's own clock counts as far as it is known."""
    row = await store.find(conn, tenant_id, station)
    if row is None or not row.shown or len(password) != row.length:
        return None
    known = [vault.seal.open(row.sealed)]
    if row.former is not None and _former_counts(row, now):
        known.append(vault.seal.open(row.former))
    found = interval_of(password, known, row.validity_s, row.length, iter([now]))
    if found is None:
        offset = offset_of(await store.list_heard(conn, tenant_id, row.station_id, now))
        clocks: Iterator[datetime] = iter([] if offset is None else [now + offset])
        found = interval_of(password, known, row.validity_s, row.length, clocks)
    return None if found is None else Password(station_id=row.station_id, interval=found)


def new_secret() -> str:
    """What passwords are made of: letters and digits, which every station takes."""
    return "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))


async def _put(
    conn: Connection, actor: Actor, station: str, station_id: int, wanted: CodesWanted, address: str, now: datetime, *,
    sealed: bytes, former: bytes | None, version: int, doing: str,
) -> None:  # fmt: skip
    """Keep what a station shows, want it of it, and write down who did."""
    await store.put(
        conn, actor.tenant_id, station_id, sealed=sealed, former=former, version=version, shown=True, address=address,
        validity_s=wanted.validity_s, length=wanted.length, by=str(actor), at=now,
    )  # fmt: skip
    want = payment_codes(
        station, address=address, validity_s=wanted.validity_s, length=wanted.length, secret_version=version
    )
    await want_many(conn, actor.tenant_id, [want], str(actor), now)
    detail = {"validity_s": wanted.validity_s, "length": wanted.length, "secret": version}
    await audit(conn, actor, doing, f"station:{station}", detail)


def _former_counts(row: CodesRow, now: datetime) -> bool:
    """Whether the station may still make passwords of the secret before: until it has the new one, and one of the last
    of them has run out."""
    if row.state != State.REACHED or row.reached_at is None:
        return True
    return now <= row.reached_at + 2 * timedelta(seconds=row.validity_s)


def _shown(row: CodesRow) -> Codes:
    return Codes(
        station=row.station,
        shown=row.shown,
        address=row.address,
        validity_s=row.validity_s,
        length=row.length,
        version=row.version,
        set_by=row.set_by,
        set_at=row.set_at,
        state=None if row.state is None else State(row.state),
        why=row.why,
    )
