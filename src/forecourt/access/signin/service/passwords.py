"""Changing a password, and choosing a new one by a letter."""

from forecourt.access import store as people
from forecourt.access.auditing import audit
from forecourt.access.model import Actor, Origin, SignInRefused, TooManyAttempts
from forecourt.access.service import Access, chosen_of, unsigned
from forecourt.access.signin import store
from forecourt.access.signin.attempts import place_of
from forecourt.access.signin.letters import Change
from forecourt.access.signin.model import check_password
from forecourt.access.signin.service.proof import check_own, check_recent, session_of
from forecourt.access.signin.steps import RESET_LIFE
from forecourt.access.store import Connection
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool


class Passwords:
    """The verbs of passwords."""

    def __init__(self, access: Access, db: Pool, clock: Clock) -> None:
        self._access = access
        self._db = db
        self._clock = clock

    async def confirm(self, actor: Actor, password: str) -> str:
        """Proves by the password that a person who is signed in is still there; returns their session's new token.

        Raises SignInRefused, TooManyAttempts, BySomebodyElse.
        """
        check_own(actor)
        email, hashed = await self._hash_of(actor)
        async with self._db.person(actor.id) as conn:
            known = await store.has_place(conn, actor.id, place_of(actor.origin.address))
        await self._access.attempts.begin("password", actor.origin.address, email, known=known)
        if not await self._access.passwords.right(hashed, password):
            raise SignInRefused
        await self._access.attempts.succeeded("password", actor.origin.address, email, known=known)
        return await self._access.prove(actor, how="password")

    async def has_one(self, actor: Actor) -> bool:
        """Whether a person signs in by password at all."""
        return (await self._hash_of(actor))[1] is not None

    async def change(self, actor: Actor, password: str) -> None:
        """Gives the person another password and ends all their other sessions.

        Raises PasswordRefused, ProofTooOld, BySomebodyElse.
        """
        check_recent(actor, self._clock)
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            hashed = await self._checked(conn, actor.id, password)
            await self._set(conn, actor, hashed)
            ended = await store.delete_other_sessions(conn, actor.id, session_of(actor).id, None)
            await audit(conn, actor, "change password", str(actor), {"sessions_ended": ended})

    async def ask_reset(self, email: str, origin: Origin) -> None:
        """Writes a letter with a link to a new password, if there is such a person; says nothing about it either way.

        Call it after the answer was sent, so that its time tells nothing. Beyond the limits it does nothing.
        """
        email = email.strip().lower()
        try:
            await self._access.attempts.begin("reset", origin.address, email)
        except TooManyAttempts:
            return
        async with self._db.anyone() as conn:
            person = await people.find_person(conn, email)
        if person is None:
            return
        async with self._db.person(person.person_id) as conn:
            memberships = await people.list_memberships(conn, person.person_id)
        if not memberships:
            return
        there = chosen_of(memberships).tenant_id
        token = await self._access.steps.begin("reset", person.person_id, email=email)
        actor = unsigned(there, person.person_id, person.name, origin)
        async with self._db.tenant(there, person_id=person.person_id) as conn:
            minutes = int(RESET_LIFE.total_seconds() // 60)
            await self._access.letters.reset(conn, there, person.person_id, token, minutes)
            await audit(conn, actor, "ask for new password", str(actor))

    async def reset(self, token: str, password: str, origin: Origin) -> None:
        """Gives whoever holds the token of a letter a new password, once; ends all their sessions and other letters.

        The address it comes from is one of theirs from now on, so no guesser elsewhere can keep them out. Their second
        factor stays. Raises StepGone, PasswordRefused.
        """
        found = await self._access.steps.find("reset", token)
        assert found.person_id is not None
        person_id, email = found.person_id, found.held["email"]
        async with self._db.anyone() as conn:
            person = await people.find_person(conn, email)
        async with self._db.person(person_id) as conn:
            memberships = await people.list_memberships(conn, person_id)
            hashed = await self._checked(conn, person_id, password)
        # Only now is it used up: a password that was refused can be chosen better.
        await self._access.steps.take("reset", token)
        if person is None or not memberships:
            return
        there = chosen_of(memberships).tenant_id
        actor = unsigned(there, person_id, person.name, origin)
        async with self._db.tenant(there, person_id=person_id) as conn:
            await self._set(conn, actor, hashed)
            await store.delete_steps(conn, person_id, "reset")
            await store.delete_steps(conn, person_id, "second factor")
            ended = await store.delete_sessions(conn, person_id)
            await store.add_place(conn, person_id, place_of(origin.address), self._clock.now())
            await audit(conn, actor, "reset password", str(actor), {"sessions_ended": ended})
        await self._access.attempts.succeeded("password", origin.address, email, known=True)

    async def _set(self, conn: Connection, actor: Actor, hashed: str) -> None:
        to = await people.find_addressee(conn, actor.tenant_id, actor.id)
        await people.set_password(conn, to.email, hashed)
        now = self._clock.now()
        await self._access.letters.changed(conn, actor.tenant_id, actor.id, now, actor.origin, Change(kind="password"))

    async def _checked(self, conn: Connection, person_id: int, password: str) -> str:
        """The hash of a password that is good enough for the person that the transaction acts as."""
        check_password(password, await people.list_words_of(conn, person_id))
        return await self._access.passwords.hashed(password)

    async def _hash_of(self, actor: Actor) -> tuple[str, str | None]:
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            email = (await people.find_addressee(conn, actor.tenant_id, actor.id)).email
            person = await people.find_person(conn, email)
        return email, None if person is None else person.password_hash
