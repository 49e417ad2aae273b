"""Steps: what somebody began and finishes with a token that only they hold, once, within minutes.

The second factor after a password, a passkey's challenge, the way to a provider and back, a new password by a letter.
The database keeps a digest of the token and the rest sealed.
"""

import secrets
from datetime import timedelta
from typing import Final, Literal

from msgspec import Struct, json

from forecourt.access.signin import store
from forecourt.access.signin.model import StepGone
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest
from forecourt.platform.sealing import Seal

TOKEN_BYTES: Final = 32
MAX_TOKEN_LENGTH: Final = 100
#: A second factor, a passkey or a provider's page takes no longer.
STEP_LIFE: Final = timedelta(minutes=10)
#: How long the link of a letter leads to a new password.
RESET_LIFE: Final = timedelta(minutes=30)

Purpose = Literal[
    "second factor", "passkey", "new passkey", "provider", "driver provider", "driver app", "driver token", "reset"
]


class Step(Struct, frozen=True, kw_only=True):
    """What was begun: by whom, if that is known, and what its second half needs."""

    person_id: int | None
    held: dict[str, str]


class Steps:
    """Begins steps and takes them."""

    def __init__(self, db: Pool, secret: bytes, clock: Clock) -> None:
        self._db = db
        self._secret = secret
        self._clock = clock
        self._seal = Seal(secret, "sign-in step")

    async def begin(self, purpose: Purpose, person_id: int | None = None, **held: str) -> str:
        """Begins a step and returns its token, which is stored nowhere."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        life = RESET_LIFE if purpose == "reset" else STEP_LIFE
        sealed = self._seal.close(json.encode(held).decode())
        async with self._db.anyone() as conn:
            await store.begin_step(conn, self._digest(token), purpose, person_id, sealed, self._clock.now() + life)
        return token

    async def find(self, purpose: Purpose, token: str) -> Step:
        """The step of this token, which can be found again. Raises StepGone."""
        self._check(token)
        async with self._db.anyone() as conn:
            return self._opened(await store.find_step(conn, self._digest(token), purpose, self._clock.now()))

    async def take(self, purpose: Purpose, token: str) -> Step:
        """The step of this token, which is gone afterwards: of two who take it at once, one does. Raises StepGone."""
        self._check(token)
        async with self._db.anyone() as conn:
            return self._opened(await store.take_step(conn, self._digest(token), purpose, self._clock.now()))

    def _check(self, token: str) -> None:
        if not 0 < len(token) <= MAX_TOKEN_LENGTH:
            raise StepGone

    def _opened(self, row: tuple[int | None, bytes] | None) -> Step:
        if row is None:
            raise StepGone
        return Step(person_id=row[0], held=json.decode(self._seal.open(row[1]), type=dict[str, str]))

    def _digest(self, token: str) -> bytes:
        return keyed_digest(self._secret, "sign-in step", token)
