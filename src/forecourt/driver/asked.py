"""What all pages of drivers take in their addresses and forms, and what they say where something went wrong."""

import re
from typing import Annotated, Final

from litestar.params import PathParameter, QueryParameter
from msgspec import Meta

from forecourt.drivers.accounts.model import EMAIL_PATTERN, MAX_EMAIL
from forecourt.energy.errors import NeedsRefused
from forecourt.loyalty.errors import AccountNeeded, VoucherUnknown, VoucherUsed
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.intents.errors import (
    ConnectorInUse,
    ConnectorOutOfOrder,
    ConnectorTaken,
    NothingOwed,
    PaymentOver,
    PriceChanged,
    PriceMissing,
    StationOutOfReach,
    TriedJustNow,
)
from forecourt.payments.intents.prices import PRICE_ID_LENGTH
from forecourt.sessions.reserving.model import HeldForAnother
from forecourt.stations.model import IDENTITY_PATTERN
from forecourt.ui.i18n import mark

PUBLIC: Final = {"public": True}
#: Characters of what is typed for one that are read at all.
MAX_TYPED: Final = 1_000
#: What is said of an address that doesn't match.
EMAIL_UNREAD: Final = "email-unread"
#: Why nobody can start at a connector now, by the code of what refuses it.
SHUT: Final = {
    StationOutOfReach.code: mark("This station is out of reach just now. Try another one, or call for help."),
    ConnectorOutOfOrder.code: mark("This connector is out of order. Try another one."),
    ConnectorInUse.code: mark("Somebody charges at this connector. Choose another, or come back later."),
    ConnectorTaken.code: mark("Somebody else is just paying at this connector. Wait a moment, or choose another."),
    HeldForAnother.code: mark("This connector is held for somebody who waited."),
}
#: What is said where a debt is told of and a payment just failed.
DEBT_FAILED: Final = "debt-payment-failed"
#: What went wrong with something that a driver asked for, said where he is.
SAID: Final = {
    AccountMissing.code: mark("Nobody can pay here yet. Ask whoever runs this station."),
    PriceMissing.code: mark("Nobody can pay here yet. Ask whoever runs this station."),
    PriceChanged.code: mark("The price is another one by now: this one. Nothing was begun."),
    **SHUT,
    NothingOwed.code: mark("Nothing is owed of this any more."),
    TriedJustNow.code: mark("This could not be paid a moment ago. Try again in a minute."),
    DEBT_FAILED: mark("It was declined or not completed. Nothing was taken."),
    PaymentOver.code: mark("That can't be changed any more."),
    EMAIL_UNREAD: mark("This e-mail address can't be read. It must be like name@example.com."),
    NeedsRefused.code: mark("That time can't be planned for. Choose another."),
}
#: What is said of a voucher that doesn't count, by the fault's code.
VOUCHER_SAID: Final = {
    VoucherUnknown.code: mark("There is no such voucher, or it doesn't count here and now."),
    VoucherUsed.code: mark("This voucher was used already, or nothing is left of it."),
    AccountNeeded.code: mark("This voucher is for drivers with an account. Sign in and enter it there."),
}

StationInPath = Annotated[str, PathParameter(min_length=1, max_length=255, pattern=IDENTITY_PATTERN)]
EvseInPath = Annotated[int, PathParameter(ge=1, le=1_000)]
Lang = Annotated[str | None, QueryParameter(name="lang", pattern="^[a-z]{2}$")]
Said = Annotated[str, QueryParameter(name="said", max_length=60)]
#: Which price was on the page.
PriceShown = Annotated[str, Meta(max_length=PRICE_ID_LENGTH, pattern="^[0-9a-f]*$")] | None
Flag = Annotated[str, QueryParameter(max_length=1)]


def email_of(typed: str) -> str | None:
    """The address that was typed; None for what is none."""
    email = typed.strip()
    return email if len(email) <= MAX_EMAIL and re.match(EMAIL_PATTERN, email) else None
