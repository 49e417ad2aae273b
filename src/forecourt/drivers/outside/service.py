"""The verbs of the hook. Each runs in the caller's transaction, in which it also writes the audit."""

from datetime import datetime

from forecourt.access import Actor, audit
from forecourt.drivers.outside import store
from forecourt.drivers.outside.authorizer import SEAL_PURPOSE, Asked, OutsideAuthorizer
from forecourt.drivers.outside.model import OVERLAP, Fallback, HookMissing
from forecourt.drivers.outside.store import Connection, HookRow
from forecourt.ocpp.neutral import Token
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.outward import Outward, check_address, new_secret
from forecourt.platform.sealing import Seal


class AuthorizationHooks:
    """What the verbs share: how secrets are sealed, whether private addresses may be called, and the time."""

    def __init__(self, secret_key: bytes, clock: Clock, *, private: bool) -> None:
        self._seal = Seal(secret_key, SEAL_PURPOSE)
        self.secret_key = secret_key
        self.clock = clock
        self.private = private

    def now(self) -> datetime:
        """The time of the deployment."""
        return self.clock.now()

    async def put(
        self,
        conn: Connection,
        actor: Actor,
        *,
        url: str,
        deadline_ms: int,
        cache_s: int,
        fallback: Fallback,
        active: bool,
    ) -> tuple[HookRow, str | None]:
        """Names the service, or changes how it is asked; returns the hook, and its secret if it is new.

        Raises AddressRefused.
        """
        check_address(url, private=self.private)
        secret = new_secret()
        row, new = await store.upsert_hook(
            conn,
            actor.tenant_id,
            url=url,
            deadline_ms=deadline_ms,
            cache_s=cache_s,
            fallback=fallback.value,
            active=active,
            secret=self._seal.close(secret),
        )
        detail = {"url": url, "deadline_ms": deadline_ms, "cache_s": cache_s, "fallback": fallback.value}
        await audit(conn, actor, "set authorization hook", "authorization-hook", {**detail, "active": active})
        return row, secret if new else None

    async def rotate(self, conn: Connection, actor: Actor) -> tuple[HookRow, str]:
        """Makes another secret; the present one signs as well for OVERLAP. Raises HookMissing."""
        secret = new_secret()
        row = await store.rotate_secret(conn, actor.tenant_id, self._seal.close(secret), self.now() + OVERLAP)
        if row is None:
            raise HookMissing
        await audit(conn, actor, "rotate authorization secret", "authorization-hook")
        return row, secret

    async def ask_now(self, db: Pool, actor: Actor, token: Token) -> Asked:
        """Asks the service about a token, to see how it answers; nothing is kept of it. Raises HookMissing."""
        async with db.tenant(actor.tenant_id) as conn:
            hook = await store.find_asked(conn, actor.tenant_id)
        if hook is None:
            raise HookMissing
        async with Outward(private=self.private) as outward:
            return await OutsideAuthorizer(outward, self.secret_key, self.clock).ask(actor.tenant_id, hook, token, "")


async def find(conn: Connection, tenant_id: int) -> HookRow:
    """The hook of an organisation. Raises HookMissing."""
    row = await store.find_hook(conn, tenant_id)
    if row is None:
        raise HookMissing
    return row


async def delete(conn: Connection, actor: Actor) -> None:
    """From now on tokens are decided here again. Raises HookMissing."""
    if not await store.delete_hook(conn, actor.tenant_id):
        raise HookMissing
    await audit(conn, actor, "delete authorization hook", "authorization-hook")
