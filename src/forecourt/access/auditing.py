"""Writing the audit: every room says by it who changed what, in the transaction that does."""

from collections.abc import Mapping
from typing import Any

from forecourt.access.model import Actor, Service
from forecourt.access.store.audit import insert_audit
from forecourt.access.store.keys import Connection


async def audit(
    conn: Connection,
    actor: Actor | Service,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Writes down who did what to what, from where, in the transaction that does it.

    `before` and `after` hold what was changed, as it was and is. None of the three may hold a secret.
    """
    await insert_audit(
        conn,
        actor.tenant_id,
        actor=str(actor),
        action=action,
        subject=subject,
        detail=detail or {},
        before=before,
        after=after,
        origin=actor.origin,
    )
