"""The verbs of access: find out who asks, sign in and out, make and revoke keys, write the audit."""

import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from forecourt.access import store
from forecourt.access.attempts import Attempts
from forecourt.access.model import Actor, KeyUnknown, Role, SignInRefused, TooManyAttempts
from forecourt.access.passwords import PasswordChecks
from forecourt.access.store import Connection, KeyRow, OperatorRow, SessionHolder
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest

KEY_PREFIX = "fc_"
KEY_BYTES = 32
SESSION_BYTES = 32
SESSION_LIFE = timedelta(hours=12)
#: The longest secret that is looked up at all.
MAX_SECRET_LENGTH = 512
#: The use of a key is written down this often, not at every request.
TOUCH_EVERY_S = 60.0
#: Keys whose last use is remembered; beyond it the oldest is forgotten, and written again at its next use.
MAX_TOUCHED = 10_000


class SignedIn(Struct, frozen=True, kw_only=True):
    """A browser session that began; `token` is what the browser keeps and is stored nowhere else."""

    token: str
    actor: Actor
    expires_at: datetime


class Access:
    """Finds out who asks; lives as long as the process."""

    def __init__(self, db: Pool, secret: bytes, clock: Clock) -> None:
        self._db = db
        self._secret = secret
        self._clock = clock
        self._attempts = Attempts(clock)
        self._passwords = PasswordChecks()
        self._touched: OrderedDict[int, float] = OrderedDict()

    async def of_key(self, key: str) -> Actor | None:
        """The actor that an API key stands for; None if it is unknown or was revoked."""
        if not 0 < len(key) <= MAX_SECRET_LENGTH:
            return None
        async with self._db.anyone() as conn:
            holder = await store.find_key(conn, key_digest(self._secret, key))
        if holder is None:
            return None
        await self._touch(holder.tenant_id, holder.key_id)
        return Actor(
            tenant_id=holder.tenant_id,
            organisation=holder.organisation,
            id=holder.key_id,
            kind="key",
            name=holder.name,
            role=Role(holder.role),
        )

    async def of_session(self, token: str) -> Actor | None:
        """The actor whose browser session this is; None if it is unknown or has ended."""
        if not 0 < len(token) <= MAX_SECRET_LENGTH:
            return None
        async with self._db.anyone() as conn:
            holder = await store.find_session(conn, self._session_digest(token), self._clock.now())
        if holder is None:
            return None
        return _person(holder)

    async def sign_in(self, email: str, password: str, address: str) -> SignedIn:
        """Begins a browser session for the right password; takes as long for an unknown e-mail address.

        `address` is where the attempt comes from on the network. Raises SignInRefused or TooManyAttempts.
        """
        email = email.strip().lower()
        if not self._attempts.begin(address, email):
            raise TooManyAttempts
        async with self._db.anyone() as conn:
            operator = await store.find_operator(conn, email)
        right = await self._passwords.right(operator.password_hash if operator else None, password)
        if operator is None or not right:
            raise SignInRefused
        self._attempts.succeeded(address, email)
        actor = _person(operator)
        token = secrets.token_urlsafe(SESSION_BYTES)
        now = self._clock.now()
        expires_at = now + SESSION_LIFE
        async with self._db.tenant(actor.tenant_id) as conn:
            digest = self._session_digest(token)
            await store.insert_session(conn, actor.tenant_id, actor.id, digest, now, expires_at)
            await audit(conn, actor, "sign in", str(actor), {"from": address})
        return SignedIn(token=token, actor=actor, expires_at=expires_at)

    async def sign_out(self, actor: Actor, token: str) -> None:
        """Ends a browser session."""
        async with self._db.tenant(actor.tenant_id) as conn:
            await store.delete_session(conn, actor.tenant_id, self._session_digest(token))
            await audit(conn, actor, "sign out", str(actor))

    async def create_key(self, actor: Actor, name: str, role: Role) -> tuple[KeyRow, str]:
        """Makes an API key for the actor's organisation; returns it with its secret, which is never shown again."""
        key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
        async with self._db.tenant(actor.tenant_id) as conn:
            row = await store.insert_key(conn, actor.tenant_id, name, role.value, key_digest(self._secret, key))
            if row is None:
                raise RuntimeError("256 random bits came twice")
            await audit(conn, actor, "create key", f"key:{row.key_id}", {"name": name, "role": role.value})
        return row, key

    def _session_digest(self, token: str) -> bytes:
        return keyed_digest(self._secret, "session", token)

    async def _touch(self, tenant_id: int, key_id: int) -> None:
        now = self._clock.monotonic()
        if now - self._touched.get(key_id, -TOUCH_EVERY_S) < TOUCH_EVERY_S:
            return
        self._touched[key_id] = now
        self._touched.move_to_end(key_id)
        if len(self._touched) > MAX_TOUCHED:
            self._touched.popitem(last=False)
        async with self._db.tenant(tenant_id) as conn:
            await store.touch_key(conn, tenant_id, key_id, self._clock.now())


def _person(row: OperatorRow | SessionHolder) -> Actor:
    return Actor(
        tenant_id=row.tenant_id,
        organisation=row.organisation,
        id=row.operator_id,
        kind="operator",
        name=row.name,
        role=Role(row.role),
    )


def key_digest(secret: bytes, key: str) -> bytes:
    """What the database keeps of an API key."""
    return keyed_digest(secret, "api key", key)


async def revoke_key(conn: Connection, actor: Actor, key_id: int) -> KeyRow:
    """Ends a key from the next request on, twice or once alike. Raises KeyUnknown."""
    row = await store.revoke_key(conn, actor.tenant_id, key_id)
    if row is None:
        raise KeyUnknown
    await audit(conn, actor, "revoke key", f"key:{key_id}", {"name": row.name})
    return row


async def audit(
    conn: Connection, actor: Actor, action: str, subject: str, detail: dict[str, Any] | None = None
) -> None:
    """Writes down who did what to what, in the transaction that does it. `detail` must hold no secret."""
    await store.insert_audit(
        conn, actor.tenant_id, actor=str(actor), action=action, subject=subject, detail=detail or {}
    )
