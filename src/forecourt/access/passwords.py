"""Passwords that people choose: argon2id, in threads, a few at a time.

One check takes some 50 ms of a core and 64 MiB on purpose, so how many run and wait at once is bounded: a flood of
sign-ins must not take the memory or the cores that the rest needs.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from forecourt.access.model import TooManyAttempts

MAX_AT_ONCE = 2
MAX_WAITING = 50
#: What is hashed at most: longer input is refused before it costs anything.
MAX_PASSWORD_LENGTH = 200

Result = TypeVar("Result")

_hasher = PasswordHasher()


def password_hash(password: str) -> str:
    """The argon2id hash that the database keeps; takes its time, so call it in a thread."""
    return _hasher.hash(password)


class PasswordChecks:
    """Checks passwords in threads, MAX_AT_ONCE at a time."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._waiting = 0
        self._decoy: str | None = None

    async def right(self, stored: str | None, password: str) -> bool:
        """Whether the password belongs to the stored hash; None takes as long and is always wrong.

        Raises TooManyAttempts when too many wait already.
        """
        if len(password) > MAX_PASSWORD_LENGTH:
            return False
        return await self._in_turn(lambda: self._check(stored, password))

    async def hashed(self, password: str) -> str:
        """What is kept of a new password; waits in the same line. Raises TooManyAttempts."""
        return await self._in_turn(lambda: password_hash(password))

    async def _in_turn(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= MAX_WAITING:
            raise TooManyAttempts
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1

    def _check(self, stored: str | None, password: str) -> bool:
        if self._decoy is None:
            self._decoy = password_hash(secrets.token_urlsafe())
        try:
            return _hasher.verify(stored or self._decoy, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False
