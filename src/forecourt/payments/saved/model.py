"""A page on which somebody leaves a card, and the rules of its life. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from forecourt.platform.errors import ForecourtError

#: How long the provider's page waits: it takes no less than 30 minutes.
PAGE_LIFE: Final = timedelta(minutes=60)
#: A page that nobody told of is asked for so often, and no more so long after it ran out.
LOOK_EVERY: Final = timedelta(minutes=10)
GIVEN_UP_AFTER: Final = timedelta(hours=6)
#: How often a provider that was away is asked again to forget a card.
DROP_EVERY: Final = timedelta(hours=1)
#: Cards of one driver, and pages that wait for one at once.
MAX_CARDS: Final = 10
MAX_PAGES: Final = 5


class SetupState(StrEnum):
    """How far it is."""

    #: The provider was or will be asked for its page.
    ASKED = "asked"
    OPEN = "open"
    #: A card was left.
    KEPT = "kept"
    #: None was, and none will be by this page.
    OVER = "over"


class Setup(Struct, frozen=True, kw_only=True):
    """A page on which somebody leaves a card, as stored."""

    setup_id: UUID
    payer: str
    account_id: UUID
    key: str
    state: SetupState
    reference: str | None
    page_url: str | None
    customer: str | None
    method_id: UUID | None
    created_at: datetime


class TooManyCards(ForecourtError):
    """There are as many saved cards as one driver may have. Remove one first, then add another."""

    status = 409
    code = "too-many-cards"


class TooManyPages(ForecourtError):
    """Several pages for adding a card are open already. Finish one of them, or wait an hour."""

    status = 429
    code = "too-many-card-pages"


class SetupUnknown(ForecourtError):
    """There is no such page on which a card was to be left."""

    status = 404
    code = "card-page-unknown"
