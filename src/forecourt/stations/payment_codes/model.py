"""One-time passwords of codes, as OCPP 2.1 has them (Part 2 C25, "TOTP algorithm, version 1"). Pure.

The specification says it twice and not the same way: in words, that the start of the interval in seconds is hashed, and
in its reference code, that the number of the interval is. What stations run is the code, so the number is taken, as
eight bytes with the highest first. The secret counts as its UTF-8 bytes, whatever it looks like.
"""

import hmac
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final

from msgspec import Meta, Struct

VERSION: Final = "v1"
ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: Intervals before and after the present one whose passwords are taken, for the way here and for clocks (C25.FR.07).
SLACK: Final = 1
#: A clock that is further off is no clock: its codes are refused until it is set.
MAX_OFFSET: Final = timedelta(hours=2)
#: The least and most that a password may be good for (WebPaymentsCtrlr.ValidityTime), and its length.
LEAST_VALIDITY_S: Final = 6
MOST_VALIDITY_S: Final = 3_600
LEAST_LENGTH: Final = 8
MOST_LENGTH: Final = 32
SECRET_LENGTH: Final = 40


class CodesWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the codes of a station shall be."""

    validity_s: Annotated[
        int,
        Meta(ge=LEAST_VALIDITY_S, le=MOST_VALIDITY_S, description="So long a code is good for.", examples=[60]),
    ] = 60
    length: Annotated[
        int, Meta(ge=LEAST_LENGTH, le=MOST_LENGTH, description="Characters of its password.", examples=[16])
    ] = 16


def totp(secret: str, interval: int, length: int) -> str:
    """The password of an interval, which is counted from 1970 in lengths of its validity."""
    digest = hmac.digest(secret.encode(), interval.to_bytes(8, "big"), sha256)
    first = digest[-1] & 0x0F
    return "".join(ALPHABET[digest[(first + place) % len(digest)] % len(ALPHABET)] for place in range(length))


def interval_at(at: datetime, validity_s: int) -> int:
    """The number of the interval that a moment is in."""
    return int(at.timestamp()) // validity_s


def interval_of(
    password: str, secrets: Sequence[str], validity_s: int, length: int, clocks: Iterator[datetime]
) -> int | None:
    """The interval that a password is of, by one of the secrets, near one of the times that a station's clock may show;
    None where it is of none. All are compared in the same time."""
    for at in clocks:
        now = interval_at(at, validity_s)
        for interval in (now, now - SLACK, now + SLACK):
            for secret in secrets:
                if hmac.compare_digest(totp(secret, interval, length).encode(), password.encode()):
                    return interval
    return None


def offset_of(heard: Sequence[tuple[datetime, datetime]]) -> timedelta | None:
    """How far a station's clock is ahead, from what it said and when that came: what it says may come late and never
    early, so the highest difference is next to the truth. None where nothing tells, or it is beyond all measure."""
    offset = max((said - came for said, came in heard), default=None)
    return None if offset is None or abs(offset) > MAX_OFFSET else offset
