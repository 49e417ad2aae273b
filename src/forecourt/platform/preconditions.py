"""Against lost updates: what is read carries an ETag; a change may say which one it was made from (RFC 9110 13.1.1).

A tag stands for what a change can change, not for what a station says by the minute: it stays the same until somebody
else has changed the thing.
"""

from hashlib import blake2b
from typing import Any

import msgspec

from forecourt.platform.errors import ForecourtError

_TAG_BYTES = 12


class ChangedMeanwhile(ForecourtError):
    """It was changed since you read it, so nothing was done. Read it again and decide anew."""

    status = 412
    code = "changed-meanwhile"


def etag(facts: Any) -> str:
    """The strong entity tag of these facts, quoted as the header has it."""
    return f'"{blake2b(msgspec.json.encode(facts), digest_size=_TAG_BYTES).hexdigest()}"'


def check_match(if_match: str | None, tag: str) -> None:
    """Raises ChangedMeanwhile unless the header is absent, `*`, or names this tag."""
    if if_match is None:
        return
    named = {each.strip() for each in if_match.split(",")}
    if "*" not in named and tag not in named:
        raise ChangedMeanwhile
