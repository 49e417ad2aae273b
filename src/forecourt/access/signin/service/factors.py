"""Second factors: an authenticator app that shows codes by time, and recovery codes for the day it is lost."""

from datetime import timedelta
from typing import Final

from msgspec import Struct, ValidationError, json

from forecourt.access import store as people
from forecourt.access.auditing import audit
from forecourt.access.model import Actor, Origin
from forecourt.access.service import Access, SignedIn
from forecourt.access.signin import store
from forecourt.access.signin.attempts import place_of
from forecourt.access.signin.letters import Change
from forecourt.access.signin.model import (
    CodeRefused,
    StepGone,
    matching_step,
    new_recovery_codes,
    new_seed,
    plain_recovery_code,
    provisioning_uri,
)
from forecourt.access.signin.service.proof import check_recent, session_of
from forecourt.access.signin.store import FactorCounts
from forecourt.access.store import Connection
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest
from forecourt.platform.errors import ForecourtError
from forecourt.platform.sealing import Seal, SealBroken

#: How long a QR code that was shown may be answered by a code.
ENROLMENT_LIFE: Final = timedelta(minutes=15)
ISSUER: Final = "Forecourt"


class Enrolment(Struct, frozen=True, kw_only=True):
    """An authenticator that is being set up: what the app needs, and the same, sealed, for the form to bring back."""

    seed: str
    uri: str
    sealed: str


class _Draft(Struct, frozen=True, kw_only=True):
    person_id: int
    seed: str
    until_s: float


class Factors:
    """The verbs of second factors."""

    def __init__(self, access: Access, db: Pool, secret: bytes, clock: Clock) -> None:
        self._access = access
        self._db = db
        self._secret = secret
        self._clock = clock
        self._seeds = Seal(secret, "totp seed")
        self._drafts = Seal(secret, "totp draft")

    async def counts(self, actor: Actor) -> FactorCounts:
        """What a person has."""
        async with self._db.person(actor.id) as conn:
            return await store.count_factors(conn, actor.id)

    async def begin(self, actor: Actor) -> Enrolment:
        """A new seed; nothing is kept before a code proves that the app has it. Raises ProofTooOld, BySomebodyElse."""
        check_recent(actor, self._clock)
        email = await self._email(actor)
        seed, until = new_seed(), self._clock.now() + ENROLMENT_LIFE
        draft = _Draft(person_id=actor.id, seed=seed, until_s=until.timestamp())
        sealed = self._drafts.close(json.encode(draft).decode()).hex()
        return Enrolment(seed=seed, uri=provisioning_uri(seed, email, ISSUER), sealed=sealed)

    async def again(self, actor: Actor, sealed: str) -> Enrolment:
        """The enrolment that a form brought back, to be shown once more. Raises StepGone."""
        draft = self._opened(actor, sealed)
        return Enrolment(
            seed=draft.seed, uri=provisioning_uri(draft.seed, await self._email(actor), ISSUER), sealed=sealed
        )

    async def enrol(self, actor: Actor, sealed: str, code: str) -> tuple[list[str], str]:
        """Keeps the authenticator that a form brought back, whose code shows that the app has it.

        Returns new recovery codes, which are shown this once, and the session's new token. Raises CodeRefused,
        StepGone, ProofTooOld, BySomebodyElse.
        """
        check_recent(actor, self._clock)
        draft = self._opened(actor, sealed)
        step = matching_step(draft.seed, code, int(self._clock.now().timestamp()))
        if step is None:
            raise CodeRefused
        codes, now = new_recovery_codes(), self._clock.now()
        kept = self._seeds.close(f"{actor.id} {draft.seed}")
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            await store.put_authenticator(conn, actor.id, kept, step, now)
            await store.put_recovery_codes(conn, actor.id, self._digests(actor.id, codes))
            await audit(conn, actor, "add authenticator", str(actor))
            await self._tell(conn, actor, Change(kind="authenticator"))
        return codes, await self._access.prove(actor, how="authenticator", second_factor=True)

    async def remove(self, actor: Actor) -> None:
        """Takes the authenticator away, and the recovery codes with the last factor. Raises ProofTooOld,
        BySomebodyElse."""
        check_recent(actor, self._clock)
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            if not await store.delete_authenticator(conn, actor.id):
                return
            if not (await store.count_factors(conn, actor.id)).any:
                await store.put_recovery_codes(conn, actor.id, [])
            await audit(conn, actor, "remove authenticator", str(actor))
            await self._tell(conn, actor, Change(kind="no authenticator"))

    async def renew_codes(self, actor: Actor) -> list[str]:
        """New recovery codes instead of all there were; shown this once. Raises ProofTooOld, BySomebodyElse."""
        check_recent(actor, self._clock)
        codes = new_recovery_codes()
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            await store.put_recovery_codes(conn, actor.id, self._digests(actor.id, codes))
            await audit(conn, actor, "renew recovery codes", str(actor))
            await self._tell(conn, actor, Change(kind="recovery codes"))
        return codes

    async def waiting(self, token: str) -> FactorCounts:
        """What the person of a sign-in that waits for its second factor can show. Raises StepGone."""
        step = await self._access.steps.find("second factor", token)
        assert step.person_id is not None
        async with self._db.person(step.person_id) as conn:
            return await store.count_factors(conn, step.person_id)

    async def show(self, token: str, code: str, origin: Origin) -> SignedIn:
        """Ends a sign-in that waits for its second factor: by a code of the app, or a recovery code.

        Raises CodeRefused, StepGone, TooManyAttempts, NoOrganisation.
        """
        step = await self._access.steps.find("second factor", token)
        assert step.person_id is not None
        person_id, name = step.person_id, step.held["name"]
        how = await self.check(person_id, code, origin)
        await self._access.steps.take("second factor", token)
        signed_in = await self._access.begin_session(
            person_id, name, origin, how=f"password and {how}", second_factor=True
        )
        if how == "recovery code":
            await self._tell_of_recovery(signed_in.actor)
        return signed_in

    async def check(self, person_id: int, code: str, origin: Origin) -> str:
        """Takes a code of a person, once: which kind it is. Raises CodeRefused, TooManyAttempts."""
        async with self._db.person(person_id) as conn:
            known = await store.has_place(conn, person_id, place_of(origin.address))
        await self._access.attempts.begin("factor", origin.address, str(person_id), known=known)
        async with self._db.person(person_id) as conn:
            how = await self._take(conn, person_id, code)
        if how is None:
            raise CodeRefused
        await self._access.attempts.succeeded("factor", origin.address, str(person_id), known=known)
        return how

    async def _take(self, conn: Connection, person_id: int, code: str) -> str | None:
        now = self._clock.now()
        row = await store.find_authenticator(conn, person_id)
        if row is not None:
            owner, _, seed = self._seeds.open(row.seed).partition(" ")
            if int(owner) != person_id:
                raise SealBroken
            step = matching_step(seed, code, int(now.timestamp()))
            if step is not None and await store.take_step_of_time(conn, person_id, step):
                return "authenticator"
        plain = plain_recovery_code(code)
        if plain is not None and await store.use_recovery_code(conn, person_id, self._digest(person_id, plain), now):
            return "recovery code"
        return None

    async def _tell_of_recovery(self, actor: Actor) -> None:
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            left = (await store.count_factors(conn, actor.id)).recovery_codes
            await audit(conn, actor, "use recovery code", str(actor), {"left": left})
            await self._tell(conn, actor, Change(kind="recovery code", left=left))

    async def _tell(self, conn: Connection, actor: Actor, change: Change) -> None:
        now = self._clock.now()
        await self._access.letters.changed(conn, actor.tenant_id, actor.id, now, actor.origin, change)

    async def _email(self, actor: Actor) -> str:
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            return (await people.find_addressee(conn, actor.tenant_id, actor.id)).email

    def _opened(self, actor: Actor, sealed: str) -> _Draft:
        session_of(actor)
        try:
            draft = json.decode(self._drafts.open(bytes.fromhex(sealed)), type=_Draft)
        except (ValueError, ValidationError, ForecourtError) as fault:
            raise StepGone from fault
        if draft.person_id != actor.id or draft.until_s < self._clock.now().timestamp():
            raise StepGone
        return draft

    def _digests(self, person_id: int, codes: list[str]) -> list[bytes]:
        return [self._digest(person_id, plain_recovery_code(code) or "") for code in codes]

    def _digest(self, person_id: int, plain: str) -> bytes:
        return keyed_digest(self._secret, "recovery code", f"{person_id} {plain}")
