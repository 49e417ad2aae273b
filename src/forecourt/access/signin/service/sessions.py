"""A person's own sessions: which there are, and how to end them."""

from forecourt.access.auditing import audit
from forecourt.access.model import Actor
from forecourt.access.service import SESSION_IDLE
from forecourt.access.signin import store
from forecourt.access.signin.model import SessionUnknown
from forecourt.access.signin.service.proof import session_of
from forecourt.access.signin.store import SessionRow
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool


class Sessions:
    """The verbs of sessions. Who was signed in by a provider sees those that the same provider began, no other."""

    def __init__(self, db: Pool, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def list(self, actor: Actor) -> list[SessionRow]:
        """Those that are open, used last first."""
        now = self._clock.now()
        async with self._db.person(actor.id) as conn:
            return await store.list_sessions(conn, actor.id, now, now - SESSION_IDLE, _only(actor))

    async def end(self, actor: Actor, session_id: int) -> None:
        """Ends one from its next request on. Raises SessionUnknown."""
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            if not await store.end_session(conn, actor.id, session_id, _only(actor)):
                raise SessionUnknown
            await audit(conn, actor, "end session", f"session:{session_id}")

    async def end_others(self, actor: Actor) -> int:
        """Ends all but the one that asks; how many."""
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            ended = await store.delete_other_sessions(conn, actor.id, session_of(actor).id, _only(actor))
            await audit(conn, actor, "end other sessions", str(actor), {"sessions_ended": ended})
        return ended


def _only(actor: Actor) -> int | None:
    return actor.tenant_id if session_of(actor).by_provider else None
