"""The verbs of access: find out who asks, begin and end sessions, make and revoke keys, write the audit.

How people prove who they are otherwise than by a password is in `signin`.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from forecourt.access import store
from forecourt.access.auditing import audit
from forecourt.access.errors import ExpiryRefused
from forecourt.access.limits import check_gift
from forecourt.access.model import (
    Actor,
    BrowserSession,
    KeyUnknown,
    NoOrganisation,
    NotAMember,
    Origin,
    Role,
    SignInRefused,
    Verb,
)
from forecourt.access.passwords import PasswordChecks
from forecourt.access.signin import store as proofs
from forecourt.access.signin.attempts import Attempts, place_of
from forecourt.access.signin.letters import Letters
from forecourt.access.signin.model import SecondFactorAsked
from forecourt.access.signin.steps import Steps
from forecourt.access.store import Connection, KeyRow, Membership, NewSession, SessionHolder
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest

KEY_PREFIX = "fc_"
KEY_BYTES = 32
#: How much of a key is kept and shown, so that its owner recognises it.
SHOWN_LENGTH = len(KEY_PREFIX) + 6
SESSION_BYTES = 32
#: A browser session ends after this, however much it is used ...
SESSION_LIFE = timedelta(days=7)
#: ... and when it was not used for so long. Live values that reach an open page are no use.
SESSION_IDLE = timedelta(hours=12)
#: The longest secret that is looked up at all.
MAX_SECRET_LENGTH = 512
#: The use of a key or a session is written down this often, not at every request.
TOUCH_EVERY_S = 60.0
#: Keys and sessions whose last use is remembered; beyond it the oldest is forgotten, and written again at its next use.
MAX_TOUCHED = 10_000
#: Of what no request asked for.
NOWHERE = Origin()


class SignedIn(Struct, frozen=True, kw_only=True):
    """A browser session that began; `token` is what the browser keeps and is stored nowhere else."""

    token: str
    actor: Actor
    expires_at: datetime


class Access:
    """Finds out who asks; lives as long as the process."""

    def __init__(self, db: Pool, secret: bytes, clock: Clock, *, console_url: str = "http://localhost:8000") -> None:
        self._db = db
        self._secret = secret
        self._clock = clock
        self.attempts = Attempts(db, secret, clock)
        self.passwords = PasswordChecks()
        self.steps = Steps(db, secret, clock)
        self.letters = Letters(console_url)
        self._touched: OrderedDict[tuple[str, int], float] = OrderedDict()

    async def of_key(self, key: str, origin: Origin = NOWHERE) -> Actor | None:
        """The actor that an API key stands for; None if it is unknown, was revoked or has expired."""
        if not 0 < len(key) <= MAX_SECRET_LENGTH:
            return None
        async with self._db.anyone() as conn:
            holder = await store.find_key(conn, key_digest(self._secret, key), self._clock.now())
        if holder is None:
            return None
        if self._is_due("key", holder.key_id):
            async with self._db.tenant(holder.tenant_id) as conn:
                await store.touch_key(conn, holder.tenant_id, holder.key_id, self._clock.now(), origin.address)
        return Actor(
            tenant_id=holder.tenant_id,
            organisation=holder.organisation,
            id=holder.key_id,
            kind="key",
            name=holder.name,
            role=Role(holder.role),
            sites=limit_of(holder.site_ids),
            scopes=None if holder.scopes is None else verbs_of(holder.scopes),
            origin=origin,
        )

    async def of_session(self, token: str, origin: Origin = NOWHERE, *, used: bool = True) -> Actor | None:
        """The actor whose browser session this is; None if it is unknown or has ended.

        `used`: somebody did something, which keeps the session from ending by itself.
        """
        if not 0 < len(token) <= MAX_SECRET_LENGTH:
            return None
        now = self._clock.now()
        async with self._db.anyone() as conn:
            holder = await store.find_session(conn, self._session_digest(token), now, now - SESSION_IDLE)
        if holder is None:
            return None
        if used and self._is_due("session", holder.session_id):
            async with self._db.tenant(holder.tenant_id, person_id=holder.person_id) as conn:
                await store.touch_session(conn, holder.person_id, holder.session_id, now)
        return _person(holder, origin)

    async def sign_in(self, email: str, password: str, origin: Origin) -> SignedIn:
        """Begins a browser session for the right password; takes as long for an unknown e-mail address.

        Raises SignInRefused, TooManyAttempts, NoOrganisation, and SecondFactorAsked for whoever has a second factor.
        """
        email = email.strip().lower()
        async with self._db.anyone() as conn:
            person = await store.find_person(conn, email)
        # Asked for nobody as well, so that an unknown address takes as long.
        asked_for = 0 if person is None else person.person_id
        async with self._db.person(asked_for) as conn:
            known = await proofs.has_place(conn, asked_for, place_of(origin.address))
            factors = await proofs.count_factors(conn, asked_for)
        await self.attempts.begin("password", origin.address, email, known=known)
        right = await self.passwords.right(person.password_hash if person else None, password)
        if person is None or not right:
            raise SignInRefused
        await self.attempts.succeeded("password", origin.address, email, known=known)
        if factors.any:
            raise SecondFactorAsked(await self.steps.begin("second factor", person.person_id, name=person.name))
        return await self.begin_session(person.person_id, person.name, origin, how="password")

    async def note_refused(self, email: str, origin: Origin, *, by: str) -> None:
        """Writes in the audit of a person's organisation that somebody who said to be them was refused."""
        async with self._db.anyone() as conn:
            person = await store.find_person(conn, email.strip().lower())
        if person is None:
            return
        async with self._db.person(person.person_id) as conn:
            memberships = await store.list_memberships(conn, person.person_id)
        if memberships:
            actor = unsigned(chosen_of(memberships).tenant_id, person.person_id, person.name, origin)
            async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
                await audit(conn, actor, "refused sign in", str(actor), {"by": by})

    async def begin_session(
        self,
        person_id: int,
        name: str,
        origin: Origin,
        *,
        how: str,
        second_factor: bool = False,
        provider_of: int | None = None,
    ) -> SignedIn:
        """Begins a browser session of somebody who has proven who they are, in the organisation they were in last.

        `how` tells the audit what proved it. `provider_of`: the organisation whose provider proved it; the session is
        in no other. Tells the person of a place that is new. Raises NoOrganisation.
        """
        async with self._db.person(person_id) as conn:
            memberships = await store.list_memberships(conn, person_id)
        if provider_of is not None:
            memberships = [each for each in memberships if each.tenant_id == provider_of]
        if not memberships:
            raise NoOrganisation
        chosen = chosen_of(memberships)
        token = secrets.token_urlsafe(SESSION_BYTES)
        now = self._clock.now()
        session = NewSession(
            token_hash=self._session_digest(token),
            how=how,
            second_factor=second_factor,
            by_provider=provider_of is not None,
            address=origin.address,
            user_agent=origin.user_agent,
            now=now,
            expires_at=now + SESSION_LIFE,
        )
        actor = _member(person_id, name, chosen, origin)
        async with self._db.tenant(chosen.tenant_id, person_id=person_id) as conn:
            await store.insert_session(conn, chosen.tenant_id, person_id, session)
            new, first = await proofs.add_place(conn, person_id, place_of(origin.address), now)
            await audit(
                conn, actor, "sign in", str(actor), {"by": how, "second_factor": second_factor, "new_place": new}
            )
            if new and not first:
                await self.letters.new_place(conn, chosen.tenant_id, person_id, now, origin)
        return SignedIn(token=token, actor=actor, expires_at=session.expires_at)

    async def prove(self, actor: Actor, *, how: str, second_factor: bool = False) -> str:
        """Notes that a person who is signed in proved again who they are; returns the new token of their session."""
        assert actor.session is not None
        token = secrets.token_urlsafe(SESSION_BYTES)
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            await proofs.mark_proven(
                conn,
                actor.id,
                actor.session.id,
                self._session_digest(token),
                self._clock.now(),
                second_factor=second_factor,
            )
            await audit(conn, actor, "prove identity", str(actor), {"by": how})
        return token

    async def sign_out(self, actor: Actor, token: str) -> None:
        """Ends a browser session."""
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            await store.delete_session(conn, actor.id, self._session_digest(token))
            await audit(conn, actor, "sign out", str(actor))

    async def choose_organisation(self, actor: Actor, token: str, tenant_id: int) -> None:
        """Moves a browser session to another organisation of its person. Raises NotAMember."""
        async with self._db.person(actor.id) as conn:
            memberships = await store.list_memberships(conn, actor.id)
        chosen = next((each for each in memberships if each.tenant_id == tenant_id), None)
        elsewhere = actor.session is not None and actor.session.by_provider and tenant_id != actor.tenant_id
        if chosen is None or elsewhere:
            raise NotAMember
        there = _member(actor.id, actor.name, chosen, actor.origin)
        async with self._db.tenant(tenant_id, person_id=actor.id) as conn:
            await store.choose_organisation(conn, tenant_id, actor.id, self._session_digest(token))
            await audit(conn, there, "enter organisation", f"organisation:{tenant_id}")

    async def create_key(
        self,
        conn: Connection,
        actor: Actor,
        name: str,
        role: Role,
        *,
        scopes: frozenset[Verb] | None = None,
        site_ids: list[int] | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[KeyRow, str]:
        """Makes an API key for the actor's organisation; returns it with its secret, which is never shown again.

        Raises RightsExceeded, ExpiryRefused.
        """
        check_gift(actor, role, scopes)
        if expires_at is not None and expires_at <= self._clock.now():
            raise ExpiryRefused
        key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
        named = None if scopes is None else [verb.scope for verb in Verb if verb in scopes]
        row = await store.insert_key(
            conn,
            actor.tenant_id,
            name,
            role.value,
            key_digest(self._secret, key),
            site_ids=site_ids,
            scopes=named,
            prefix=key[:SHOWN_LENGTH],
            created_by=str(actor),
            expires_at=expires_at,
        )
        if row is None:
            raise RuntimeError("256 random bits came twice")
        after = {"name": name, "role": role.value, "scopes": named, "site_ids": site_ids}
        until = {} if expires_at is None else {"expires_at": expires_at.isoformat()}
        await audit(conn, actor, "create key", f"key:{row.key_id}", after={**after, **until})
        return row, key

    def _session_digest(self, token: str) -> bytes:
        return keyed_digest(self._secret, "session", token)

    def _is_due(self, kind: str, subject_id: int) -> bool:
        """Whether it is time to write down that this was used."""
        now, subject = self._clock.monotonic(), (kind, subject_id)
        if now - self._touched.get(subject, -TOUCH_EVERY_S) < TOUCH_EVERY_S:
            return False
        self._touched[subject] = now
        self._touched.move_to_end(subject)
        if len(self._touched) > MAX_TOUCHED:
            self._touched.popitem(last=False)
        return True


def chosen_of(memberships: Sequence[Membership]) -> Membership:
    """The one they were in last, or else the one they joined first: not one that a provider has just joined them to."""
    return next((each for each in memberships if each.chosen), min(memberships, key=lambda each: each.joined_at))


def _person(row: SessionHolder, origin: Origin) -> Actor:
    return Actor(
        tenant_id=row.tenant_id,
        organisation=row.organisation,
        id=row.person_id,
        kind="person",
        name=row.name,
        role=Role(row.role),
        sites=limit_of(row.site_ids),
        origin=origin,
        session=BrowserSession(
            id=row.session_id,
            proved_at=row.proved_at,
            second_factor=row.second_factor,
            needs_second_factor=row.needs_second_factor,
            by_provider=row.by_provider,
        ),
        time_zone=row.time_zone,
    )


def _member(person_id: int, name: str, membership: Membership, origin: Origin) -> Actor:
    return Actor(
        tenant_id=membership.tenant_id,
        organisation=membership.organisation,
        id=person_id,
        kind="person",
        name=name,
        role=Role(membership.role),
        sites=limit_of(membership.site_ids),
        origin=origin,
    )


def unsigned(tenant_id: int, person_id: int, name: str, origin: Origin) -> Actor:
    """Whom the audit names when nobody is signed in: the person whose letter or account it is, who may do nothing."""
    return Actor(
        tenant_id=tenant_id,
        organisation="",
        id=person_id,
        kind="person",
        name=name,
        role=Role.VIEWER,
        sites=(),
        scopes=frozenset(),
        origin=origin,
    )


def limit_of(site_ids: list[int] | None) -> tuple[int, ...] | None:
    """The limit that stored sites stand for, always written alike."""
    return None if site_ids is None else tuple(sorted(set(site_ids)))


def verbs_of(scopes: Iterable[str]) -> frozenset[Verb]:
    """What the names of scopes stand for; one that this version doesn't know allows nothing."""
    return frozenset(verb for verb in Verb if verb.scope in set(scopes))


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
