"""A card reader, and what can't be done with one. Pure."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from forecourt.platform.errors import ForecourtError

#: Card readers of one organisation.
MAX_READERS: Final = 500
MAX_NAME: Final = 100
#: What a provider calls its readers, such as tmr_F1a2b3.
REFERENCE_PATTERN: Final = "^[A-Za-z0-9_]{1,100}$"


class CardReader(Struct, frozen=True, kw_only=True):
    """A card reader as stored. `station`: the only one that it serves; None: all of the site and of those below it."""

    reader_id: UUID
    account_id: UUID
    account: str
    reference: str
    name: str
    site_id: int
    site: str
    site_name: str
    station: str | None
    created_at: datetime


class ReaderUnknown(ForecourtError):
    """There is no such card reader. `GET /api/v1/card-readers` lists those that exist."""

    status = 404
    code = "card-reader-unknown"


class ReaderRefused(ForecourtError):
    """This can't be said of a card reader. Correct what is named and try again."""

    status = 422
    code = "card-reader-refused"


class ReaderTaken(ForecourtError):
    """This card reader is here already. Remove it first if it stands elsewhere now."""

    status = 409
    code = "card-reader-taken"


class TooManyReaders(ForecourtError):
    """There are as many card readers as an organisation may have. Remove one that is not used any more."""

    status = 409
    code = "too-many-card-readers"


class ElsewhereStation(ForecourtError):
    """This card reader doesn't serve that station. Choose a station of its place."""

    status = 409
    code = "card-reader-elsewhere"


class NothingAsked(ForecourtError):
    """The card reader asks for no card just now."""

    status = 409
    code = "card-reader-idle"
