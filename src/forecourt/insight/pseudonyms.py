"""Drivers by another name: the same driver by the same pseudonym within an organisation, and nowhere else.

A pseudonym is a keyed digest (HMAC-SHA-256, 16 bytes in hex). The organisation's key never leaves PostgreSQL, where the
tokens themselves are: what the lake holds leads back to nobody without it.
"""

import hmac
from typing import Final

from forecourt.drivers.model import uid_key

KEY_BYTES: Final = 32
#: Characters of a pseudonym.
LENGTH: Final = 32


def of_token(key: bytes, uid: str) -> str:
    """The pseudonym of who shows this token, however its letters are written."""
    return _named(key, f"token:{uid_key(uid)}")


def of_driver(key: bytes, driver_id: int) -> str:
    """The pseudonym of a driver with an account, by whichever token."""
    return _named(key, f"driver:{driver_id}")


def _named(key: bytes, subject: str) -> str:
    return hmac.digest(key, subject.encode(), "sha256").hex()[:LENGTH]
