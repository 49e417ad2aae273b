"""Why a payment provider did not do it, in words of our own."""

from forecourt.payments.declines import Decline
from forecourt.platform.errors import ForecourtError


class ProviderError(ForecourtError):
    """The payment provider could not do it. Try again in a few minutes."""

    status = 502
    code = "payment-provider"


class Declined(ProviderError):
    """The payment was declined. Try another card."""

    status = 402
    code = "payment-declined"

    def __init__(self, detail: str | None = None, *, why: Decline = Decline.OTHER) -> None:
        super().__init__(detail)
        self.why = why


class ProviderAway(ProviderError):
    """The payment provider doesn't answer, and whether it acted is not known yet. It is asked again within a minute."""

    status = 504
    code = "payment-provider-away"

    def __init__(self, detail: str | None = None, *, answered: bool = False) -> None:
        """`answered`: the provider said that it failed, and will say so again to the same key."""
        super().__init__(detail)
        self.answered = answered


class OutcomeOpen(ProviderAway):
    """The payment provider took the request and will tell what came of it. That is looked for until it does."""

    code = "payment-outcome-open"


class ProviderRefused(ProviderError):
    """The payment provider refused the request. See the account's settings, and what it said."""

    code = "payment-provider-refused"


class ProviderUnknown(ProviderRefused):
    """The payment provider doesn't know what it was asked about. See whether it was removed there."""

    code = "payment-provider-unknown"


class ReaderAway(ProviderRefused):
    """The card reader can't ask for a card now. See that it is connected and free, then try again."""

    status = 409
    code = "card-reader-away"


class BalanceLow(ProviderRefused):
    """The provider doesn't have enough of our money at hand yet to pass it on. It is tried again."""

    code = "payment-balance-low"


class HookRefused(ForecourtError):
    """This webhook is not signed by the provider of the account, or is too old. Check the webhook's secret."""

    status = 400
    code = "payment-hook-refused"
