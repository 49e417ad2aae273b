"""Why nothing was paid, in words for whoever stands there: they are shown in the driver's language."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from forecourt.ui.i18n import mark


class Decline(StrEnum):
    """Why a card was declined, as far as its driver can do something about it."""

    #: The bank wants its customer to confirm, who is not there.
    CONFIRM = "confirm"
    FUNDS = "funds"
    EXPIRED = "expired"
    OTHER = "other"


#: What a driver is told.
DECLINES: Final[Mapping[Decline, str]] = {
    Decline.CONFIRM: mark("Your bank wants you to confirm this payment. Pay on the payment page."),
    Decline.FUNDS: mark("Your bank says that there is not enough money or limit for this. Try another card."),
    Decline.EXPIRED: mark("This card has expired. Try another card."),
    Decline.OTHER: mark("Your bank declined the card. Try another card, or ask your bank."),
}
READER_OFFLINE: Final = mark("The card reader is not connected. See whether it has power and network, then try again.")
READER_BUSY: Final = mark("The card reader is busy with another payment. Wait until it is done, then try again.")
READER_LEFT: Final = mark("It was cancelled at the card reader, or no card was held to it in time.")
