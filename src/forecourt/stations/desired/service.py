"""The verbs: what a station shall be, in the caller's transaction. What is wanted is sent by the worker within a
moment, or at once by `bring.Bringer`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.platform.unchanged import Texts
from forecourt.stations.desired import store
from forecourt.stations.desired.kinds import CHARGING_PROFILE, KINDS, ConnectorSaid
from forecourt.stations.desired.model import State, Want
from forecourt.stations.desired.store import Connection


class Desired(Struct, frozen=True, kw_only=True, gc=False):
    """What a station is wanted to be, and how far it is. `reported` is what the station says, by its connectors or by
    the last yes to a call, `reported_at` when; `drifts`: that it is not, or not any more, as it is wanted. `unsure`:
    what else it may be, for it was asked and nobody knows what came of it, or it has booted since."""

    station: str
    kind: str
    key: str
    wanted: Any
    by: str
    since: datetime
    expires_at: datetime | None
    state: State
    drifts: bool
    reported: Any
    reported_at: datetime | None
    why: str | None
    attempts: int
    next_try_at: datetime | None
    command_id: str | None
    unsure: tuple[Any, ...] = ()
    refusals: int = 0


async def want(
    conn: Connection,
    tenant_id: int,
    station: str,
    kind: str,
    key: str,
    wanted: Any,
    by: str,
    at: datetime,
    expires_at: datetime | None = None,
) -> None:
    """Want one thing of one station; see `want_many`."""
    one = Want(station=station, kind=kind, key=key, wanted=wanted, expires_at=expires_at)
    await want_many(conn, tenant_id, [one], by, at)


async def want_many(
    conn: Connection, tenant_id: int, wants: Sequence[Want], by: str, at: datetime, *, again: bool = False
) -> None:
    """Want things of stations; the same once more changes nothing, unless it is to be sent `again`. Those of stations
    that are not known are left out. Each may be named once."""
    placed = await place(conn, tenant_id, wants)
    if placed:
        await store.put_desires(conn, tenant_id, placed, by, at, again=again)


async def place(conn: Connection, tenant_id: int, wants: Sequence[Want]) -> dict[store.Place, Want]:
    """Wants by what each is told by; those of stations that are not known are left out."""
    numbers = await store.find_numbers(conn, tenant_id, [want.station for want in wants])
    return {(numbers[want.station], want.kind, want.key): want for want in wants if want.station in numbers}


async def forget(conn: Connection, tenant_id: int, station: str, kind: str, key: str | None = None) -> int:
    """Want nothing any more of a kind and key, or of all of that kind; how many were wanted. The station stays as it
    is: to have it changed, want something else."""
    return await store.forget_desires(conn, tenant_id, station, kind, key)


async def try_now(conn: Connection, tenant_id: int, station: str, kind: str, key: str, at: datetime) -> bool:
    """Have it tried anew, whatever came of it before; whether it is wanted at all."""
    return await store.retry_desire(conn, tenant_id, station, kind, key, at)


async def lose(conn: Connection, tenant_id: int, station: str, kind: str, key: str, at: datetime) -> bool:
    """A station says that it is not, any more, what it has said yes to: it is tried anew, and until then counts as what
    was never reached. Whether it was reached."""
    return await store.lose_desire(conn, tenant_id, station, kind, key, at)


async def list_desired(conn: Connection, tenant_id: int, stations: Sequence[str]) -> list[Desired]:
    """What is wanted of stations, and how far each is."""
    rows = await store.list_desires(conn, tenant_id, stations)
    said = await store.list_said(conn, tenant_id, sorted({row.station_id for row in rows}))
    return [_shown(row, said.get(row.station_id, [])) for row in rows]


_decode_row: Final = msgspec.json.Decoder(store.DesireRow).decode


def profiles_held() -> Texts[Desired]:
    """Where `list_profiles` finds again what it has read before."""
    # Connectors tell nothing of profiles.
    return Texts(lambda text: _shown(_decode_row(text), []))


async def list_profiles(
    conn: Connection, tenant_id: int, station_ids: Sequence[int], held: Texts[Desired]
) -> list[Desired]:
    """Which charging profiles are wanted of stations, and how far each is. `held`: what was read before."""
    return held.of(await store.list_texts(conn, tenant_id, station_ids, CHARGING_PROFILE))


def _shown(row: store.DesireRow, said: list[ConnectorSaid]) -> Desired:
    reported = KINDS[row.kind].reported(row.key, said) if row.kind in KINDS else None
    seen = reported is not None
    return Desired(
        station=row.station,
        kind=row.kind,
        key=row.key,
        wanted=row.wanted,
        by=row.set_by,
        since=row.wanted_at,
        expires_at=row.expires_at,
        state=State(row.state),
        drifts=row.state != State.REACHED or (seen and reported != row.wanted),
        reported=reported if seen else row.reported,
        reported_at=max((each.state_at for each in said), default=None) if seen else row.reported_at,
        why=row.why,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        command_id=None if row.last_command_id is None else str(row.last_command_id),
        unsure=(*row.unsure, *(() if row.sent is None else (row.sent,))),
        refusals=row.refusals,
    )
