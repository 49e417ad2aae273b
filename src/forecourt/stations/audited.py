"""What the audit tells of a call to a station: who asked for what, and where to read what came of it.

It is one entry for each call, written with the command's record before the call is sent: it names the command, by which
the outcome is found. Of a call that was refused before there was anything to record it tells that nothing was sent.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.access.model import Service
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.store import Connection


class Audited(Struct, frozen=True, kw_only=True):
    """An entry of the audit, as soon as it is known what it tells of."""

    actor: Actor | Service
    action: str
    subject: str
    detail: Mapping[str, Any] = {}

    async def entered(self, conn: Connection, command_id: str) -> None:
        """In the transaction that records the command."""
        await audit(conn, self.actor, self.action, self.subject, {**self.detail, "command": command_id})

    async def not_sent(self, pool: Pool, fault: ForecourtError) -> None:
        """Where there is no command."""
        async with pool.tenant(self.actor.tenant_id) as conn:
            await audit(conn, self.actor, self.action, self.subject, {**self.detail, "not_sent": fault.code})
