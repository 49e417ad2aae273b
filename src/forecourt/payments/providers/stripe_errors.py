"""What goes wrong at Stripe, in the words of the port."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from forecourt.payments.declines import DECLINES, READER_BUSY, READER_OFFLINE, Decline
from forecourt.payments.psp.errors import (
    BalanceLow,
    Declined,
    ProviderAway,
    ProviderRefused,
    ProviderUnknown,
    ReaderAway,
)

#: HTTP statuses by which Stripe says to come again: nothing is kept under the key.
_BUSY: Final = (409, 429)
#: The key is not let in, now: it may be wrong, or changed. An account of somebody else is closed to any key.
_SHUT: Final = (401, 403)
_NOT_OURS: Final = "account_invalid"
#: Why a reader asks for nothing.
_READER: Final = {
    "terminal_reader_offline": READER_OFFLINE,
    "terminal_reader_timeout": READER_OFFLINE,
    "terminal_reader_busy": READER_BUSY,
}
_FUNDS: Final = ("insufficient_funds", "card_velocity_exceeded", "withdrawal_count_limit_exceeded")


def why_of(*codes: Any) -> Decline:
    """What a decline comes to, by its code and the bank's reason."""
    if "authentication_required" in codes:
        return Decline.CONFIRM
    if "expired_card" in codes:
        return Decline.EXPIRED
    return Decline.FUNDS if any(each in _FUNDS for each in codes) else Decline.OTHER


@contextmanager
def in_our_words(*, moves: bool) -> Iterator[None]:
    """Turns Stripe's errors into the port's. `moves`: it moves money, or asks what came of that, so a refusal to let us
    in says nothing of it."""
    import stripe

    try:
        yield
    except stripe.CardError as fault:
        why = why_of(fault.code, getattr(fault.error, "decline_code", None))
        raise Declined(DECLINES[why], why=why) from fault
    except (stripe.APIConnectionError, TimeoutError, OSError) as fault:
        raise ProviderAway from fault
    except stripe.IdempotencyError as fault:
        if fault.http_status in _BUSY:
            raise ProviderAway from fault
        raise ProviderRefused(_said(fault)) from fault
    except stripe.StripeError as fault:
        status, code = fault.http_status or 500, _code(fault)
        if code in _READER:
            raise ReaderAway(_READER[code]) from fault
        if status in _BUSY or (moves and status in _SHUT and code != _NOT_OURS):
            raise ProviderAway from fault
        if status >= 500:
            raise ProviderAway(answered=True) from fault
        if code == "balance_insufficient":
            raise BalanceLow from fault
        if code == "resource_missing":
            raise ProviderUnknown(_said(fault)) from fault
        raise ProviderRefused(_said(fault)) from fault


def _code(fault: Any) -> str:
    """The error's code, which the library tells apart for some statuses only."""
    return str(fault.code or getattr(fault.error, "code", None) or "")


def _said(fault: Any) -> str:
    return f"The payment provider refused the request: {fault.user_message or type(fault).__name__}"


def keyed(key: str) -> Any:
    """What a call carries, so that it is done once."""
    return {"idempotency_key": key}
