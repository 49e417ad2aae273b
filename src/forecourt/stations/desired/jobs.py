"""What follows when a station is back, has booted, or has answered late. Each only says what is due, or settles it: the
reconciler sends."""

from typing import Final
from uuid import UUID

import msgspec

from forecourt.ocpp.neutral import CommandAnswer, Version
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations import store as stations
from forecourt.stations.batch import lifted
from forecourt.stations.desired import store
from forecourt.stations.desired.bring import Bringer
from forecourt.stations.desired.kinds import AVAILABILITY, KINDS
from forecourt.stations.desired.model import LOOK_REST

#: Events of the outbox, written for stations of which something is wanted: a socket was accepted, an accepted
#: station has booted, or a socket was lost; the subject is the station's number.
LINKED: Final = "desired.linked"
BOOTED: Final = "desired.booted"
UNLINKED: Final = "desired.unlinked"
#: A connector says otherwise than a station has said yes to; the subject is the station's number.
DRIFTED: Final = "desired.drifted"
#: An answer came after whoever asked had stopped waiting; the subject is the command's id.
ANSWERED: Final = "desired.answered"


class DesireJobs:
    """Idempotent. `pool` is of role forecourt_app."""

    def __init__(self, pool: Pool, bringer: Bringer, clock: Clock) -> None:
        self._pool = pool
        self._bringer = bringer
        self._clock = clock

    async def linked(self, *, tenant_id: int, subject: str) -> None:
        """A station is connected: what it is not yet is due."""
        async with self._pool.tenant(tenant_id) as conn:
            await store.make_due(conn, tenant_id, int(subject), self._clock.now(), booted=False)

    async def booted(self, *, tenant_id: int, subject: str) -> None:
        """A station has booted, and may have forgotten everything: all is due."""
        async with self._pool.tenant(tenant_id) as conn:
            await store.make_due(conn, tenant_id, int(subject), self._clock.now(), booted=True)

    async def drifted(self, *, tenant_id: int, subject: str) -> None:
        """A station may not be, any more, what it has said yes to: it is looked at soon."""
        async with self._pool.tenant(tenant_id) as conn:
            await store.look_soon(conn, tenant_id, int(subject), AVAILABILITY, self._clock.now(), LOOK_REST)

    async def answered(self, *, tenant_id: int, subject: str) -> None:
        """A late answer: it settles the version that it is an answer to."""
        command_id = UUID(subject)
        async with self._pool.tenant(tenant_id) as conn:
            row = await store.find_desire_of(conn, tenant_id, command_id)
            if row is None:
                return
            found = await stations.find_commands(conn, tenant_id, [command_id])
            holders = await stations.find_holders(conn, tenant_id, [row.station])
        version = holders[row.station].version if row.station in holders else None
        said = found[0].answer if found else None
        if said is not None and version is not None:
            answer = _meant(row, said, version, subject)
            await self._bringer.settle_late(tenant_id, command_id, answer)


def _meant(row: store.DesireRow, said: str, version: Version, command_id: str) -> CommandAnswer | ForecourtError:
    """What a recorded answer means; that of a CALLERROR is recorded by its code."""
    content = msgspec.json.decode(said)
    code = content.get("code") if isinstance(content, dict) else None
    if code is not None and "status" not in content:
        return CommandAnswer(accepted=False, status=str(code))
    return lifted(version, KINDS[row.kind].command(row.key, row.wanted), said.encode(), command_id)
