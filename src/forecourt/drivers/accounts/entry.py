"""Signing in as a driver: a letter with a link that is good once, and the session that it begins.

What a link and a session are known by is random and kept as a digest under the deployment's key, so that neither the
database nor its backups let anybody in. Nothing says whether an address has an account: a letter goes to each, and the
account is made when its link is used.
"""

import base64
import secrets
from datetime import datetime
from typing import Any, Final, Protocol

from psycopg import AsyncConnection

from forecourt.access import audit
from forecourt.access.model import Origin, TooManyAttempts
from forecourt.access.signin.attempts import Attempts
from forecourt.drivers.accounts import store
from forecourt.drivers.accounts.model import (
    CODE_BYTES,
    LINK_LIFE,
    SEEN_EVERY,
    SESSION_IDLE,
    SESSION_LIFE,
    TOKEN_PREFIX,
    AccountBlocked,
    AccountState,
    Driver,
    LinkGone,
    plain_code,
)
from forecourt.drivers.accounts.store import entry as rows
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest

TOKEN_BYTES: Final = 32

Connection = AsyncConnection[Any]


class Letters(Protocol):
    """Writes to drivers, in their languages, in the transaction that it is told of."""

    async def link(self, conn: Connection, tenant_id: int, email: str, language: str, code: str, /) -> None:
        """The letter with the link that signs somebody in."""
        ...


class Entry:
    """The verbs of signing in, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, secret: bytes, clock: Clock, letters: Letters) -> None:
        self._tenants = tenants
        self._secret = secret
        self._clock = clock
        self._letters = letters
        self._attempts = Attempts(tenants, secret, clock)

    async def ask_link(self, tenant_id: int, email: str, language: str, origin: Origin) -> None:
        """Writes a letter with a link to an address. Beyond the limits it does nothing and says nothing of it, so
        that nobody learns who signs in here; and nobody is sent more letters than they ask for."""
        email = email.strip().lower()
        try:
            await self._attempts.begin("reset", origin.address, f"driver {tenant_id} {email}")
        except TooManyAttempts:
            return
        code, now = _code(), self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            known = await store.find_by_email(conn, tenant_id, email)
            spoken = language if known is None else known.language
            await rows.insert_link(conn, tenant_id, self._link(code), email, spoken, now, now + LINK_LIFE)
            await self._letters.link(conn, tenant_id, email, spoken, code)

    async def enter(self, code: str, origin: Origin) -> tuple[str, Driver]:
        """Signs in by the code of a letter, once; the token of the session, and whose it is.

        All other letters to the address are void with it. Raises LinkGone, AccountBlocked, TooManyAttempts.
        """
        await self._attempts.begin("step", origin.address)
        digest = self._link(plain_code(code))
        async with self._tenants.anyone() as conn:
            tenant_id = await rows.tenant_of_link(conn, digest)
        if tenant_id is None:
            raise LinkGone
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            link = await rows.take_link(conn, tenant_id, digest)
            if link is not None and link.expires_at > now:
                await rows.forget_links(conn, tenant_id, link.email)
                driver = await account_of(conn, tenant_id, link.email, link.language, now, origin)
                if driver.state is AccountState.ACTIVE:
                    return await self._begin(conn, driver, "letter", now, origin), driver
        # Out of the transaction: the link is used up whatever it came to.
        if link is None or link.expires_at <= now:
            raise LinkGone
        raise AccountBlocked

    async def begin(self, conn: Connection, driver: Driver, how: str, origin: Origin) -> str:
        """A session of somebody who proved to be a driver; its token."""
        return await self._begin(conn, driver, how, self._clock.now(), origin)

    async def of_session(self, token: str) -> Driver | None:
        """Who is signed in by a token, as of now; None for nobody."""
        if not token.startswith(TOKEN_PREFIX):
            return None
        digest, now = self._session(token), self._clock.now()
        async with self._tenants.anyone() as conn:
            tenant_id = await rows.tenant_of_session(conn, digest)
        if tenant_id is None:
            return None
        async with self._tenants.tenant(tenant_id) as conn:
            found = await rows.find_session(conn, tenant_id, digest)
            if found is None or found.expires_at <= now or found.seen_at + SESSION_IDLE <= now:
                return None
            driver = await store.find_driver(conn, tenant_id, found.driver_id)
            if driver is None or driver.state is not AccountState.ACTIVE:
                return None
            if found.seen_at + SEEN_EVERY <= now:
                await rows.note_seen(conn, tenant_id, digest, now)
        return driver

    async def sign_out(self, driver: Driver, token: str) -> None:
        """Ends the session of a token; twice is once."""
        async with self._tenants.tenant(driver.tenant_id) as conn:
            await rows.end_session(conn, driver.tenant_id, self._session(token))

    async def sign_out_everywhere(self, driver: Driver, origin: Origin) -> int:
        """Ends all sessions of a driver; how many."""
        async with self._tenants.tenant(driver.tenant_id) as conn:
            ended = await rows.end_sessions(conn, driver.tenant_id, driver.driver_id)
            await audit(conn, driver.acting(origin), "sign out everywhere", driver.payer, {"sessions_ended": ended})
        return ended

    async def _begin(self, conn: Connection, driver: Driver, how: str, now: datetime, origin: Origin) -> str:
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        await rows.insert_session(
            conn, driver.tenant_id, driver.driver_id, self._session(token), how=how, address=origin.address,
            user_agent=origin.user_agent, now=now, expires_at=now + SESSION_LIFE,
        )  # fmt: skip
        await store.update_driver(conn, driver.tenant_id, driver.driver_id, {"seen_at": now}, now)
        return token

    def _link(self, code: str) -> bytes:
        return keyed_digest(self._secret, "driver link", code)

    def _session(self, token: str) -> bytes:
        return keyed_digest(self._secret, "driver session", token)


def _code() -> str:
    return base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode()


async def account_of(
    conn: Connection, tenant_id: int, email: str, language: str, now: datetime, origin: Origin
) -> Driver:
    """The account of an address that was proven; made where there was none."""
    found = await store.find_by_email(conn, tenant_id, email)
    if found is not None:
        return found
    made = await store.insert_driver(conn, tenant_id, email=email, name=None, language=language, at=now)
    if made is None:
        made = await store.find_by_email(conn, tenant_id, email)
        assert made is not None, "somebody made it meanwhile"
        return made
    await audit(conn, made.acting(origin), "create driver account", made.payer)
    return made
