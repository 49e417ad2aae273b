"""The verbs of held connectors: hold one, let one more token in, let go. Each in the caller's transaction; the station
is asked afterwards, by the jobs."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog

from forecourt.access.model import Service
from forecourt.drivers.model import uid_key
from forecourt.ocpp.neutral import CancelReservation, Token
from forecourt.platform import outbox
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.sessions.reserving import store
from forecourt.sessions.reserving.events import ENDED, MADE
from forecourt.sessions.reserving.model import How, Reservation
from forecourt.sessions.reserving.store import Connection
from forecourt.stations.commands import Commander

log = structlog.get_logger(__name__)


def keeper(tenant_id: int) -> Service:
    """Who asks stations to keep connectors and to stop who took one that is held: named so in the audit."""
    return Service(tenant_id=tenant_id, id="reservations", name="Reservations")


async def hold(
    conn: Connection, tenant_id: int, station_id: int, evse: int, *, token: Token, others: Sequence[str],
    now: datetime, until: datetime,
) -> UUID | None:  # fmt: skip
    """Holds an EVSE for a token and others of the same driver; None where it is held already."""
    keys = list(dict.fromkeys(uid_key(each) for each in (token.uid, *others)))
    reservation_id = await store.insert(
        conn, tenant_id, station_id=station_id, evse=evse, token_uid=token.uid, token_type=token.type,
        token_keys=keys, held_at=now, until_at=until,
    )  # fmt: skip
    if reservation_id is not None:
        await outbox.write(conn, tenant_id, MADE, str(reservation_id))
    return reservation_id


async def let_go(conn: Connection, tenant_id: int, reservation_id: UUID, how: How, now: datetime) -> bool:
    """Ends a hold; twice is once. Whether it was still held."""
    ended = await store.end(conn, tenant_id, reservation_id, how.value, now)
    if ended:
        await outbox.write(conn, tenant_id, ENDED, str(reservation_id))
    return ended


async def admit(conn: Connection, tenant_id: int, reservation_id: UUID, uid: str, until: datetime) -> bool:
    """A token of a payment that was begun for a held connector may charge there. For the first one it is held at least
    until then. False where it is held no more."""
    return await store.admit(conn, tenant_id, reservation_id, uid_key(uid), until)


async def make_way(db: Pool, commander: Commander, held: Reservation) -> None:
    """The station lets go of what it keeps, right before somebody whom it is held for is started there by another token
    than the station knows; nobody else is let in meanwhile. A station that doesn't answer may refuse the start."""
    if held.at_station is False:
        return
    try:
        await commander.command(
            held.tenant_id, held.station, CancelReservation(id=held.number), str(keeper(held.tenant_id))
        )
    except ForecourtError as fault:
        log.info("a station did not let go of a connector", station=held.station, fault=fault.code)
        return
    async with db.tenant(held.tenant_id) as conn:
        await store.note_answer(conn, held.tenant_id, held.reservation_id, False, "Cancelled")
