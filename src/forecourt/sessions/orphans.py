"""What somebody says of orphan reports: 1.6 stops of transactions that were never given out."""

from forecourt.access import Actor, audit
from forecourt.platform.errors import ForecourtError
from forecourt.sessions import store
from forecourt.sessions.store import Connection, OrphanRow


class OrphanUnknown(ForecourtError):
    """There is no such orphan report. `GET /api/v1/orphan-reports` lists those that exist."""

    status = 404
    code = "orphan-unknown"


async def review_orphan(conn: Connection, actor: Actor, number: int) -> OrphanRow:
    """Marks it as looked at, twice or once alike: the first time counts. Raises OrphanUnknown."""
    if await store.review_orphan(conn, actor.tenant_id, number):
        await audit(conn, actor, "review orphan report", f"orphan:{number}")
    row = await store.find_orphan(conn, actor.tenant_id, number)
    if row is None:
        raise OrphanUnknown
    return row
