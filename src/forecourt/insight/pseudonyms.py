"""Drivers by another name: the same driver by the same pseudonym within an organisation, and nowhere else.

A pseudonym is a keyed digest (HMAC-SHA-256, 16 bytes in hex). The organisation's key never leaves PostgreSQL, where the
tokens themselves are: what the lake holds, the first half of it as a number, leads back to nobody without it.
"""

import hmac
from typing import Final

from forecourt.drivers.model import uid_key
from forecourt.insight import store

#: Characters of a pseudonym.
LENGTH: Final = 32
#: Of them the number in the lake is made: 64 bits, which two of a million drivers share once in 30 million lakes.
_NUMBERED: Final = 16
_MIDDLE: Final = 1 << 63


async def key_of(conn: store.Connection, tenant_id: int) -> bytes:
    """The organisation's key, for other rooms: made when it is first needed, in the caller's transaction."""
    return await store.pseudonym_key(conn, tenant_id)


def of_token(key: bytes, uid: str) -> str:
    """The pseudonym of who shows this token, however its letters are written."""
    return _named(key, f"token:{uid_key(uid)}")


def of_driver(key: bytes, driver_id: int) -> str:
    """The pseudonym of a driver with an account, by whichever token."""
    return _named(key, f"driver:{driver_id}")


def number_of(pseudonym: str) -> int:
    """What a pseudonym is in the lake, from -2**63 to 2**63 - 1. Raises ValueError where it is none."""
    return int(pseudonym[:_NUMBERED], 16) - _MIDDLE


def _named(key: bytes, subject: str) -> str:
    return hmac.digest(key, subject.encode(), "sha256").hex()[:LENGTH]
