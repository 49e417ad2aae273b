"""What goes wrong at Adyen, in the words of the port."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from forecourt.payments.psp.errors import ProviderAway, ProviderRefused

#: Adyen's error for a key whose first request is still in work.
_IN_WORK: Final = "704"
_BUSY: Final = 429
#: The key is not let in, now: it may be wrong, or changed.
_SHUT: Final = (401, 403)
_BROKEN: Final = 500


@contextmanager
def in_our_words(*, moves: bool) -> Iterator[None]:
    """Turns the library's errors, and those of the client below it, into the port's."""
    from Adyen.exceptions import AdyenAPIResponseError, AdyenError

    try:
        yield
    except AdyenAPIResponseError as fault:
        status = int(fault.status_code or _BROKEN)
        shut = moves and status in _SHUT
        if shut or status == _BUSY or status >= _BROKEN or str(fault.error_code) == _IN_WORK:
            raise ProviderAway from fault
        raise ProviderRefused(_said(fault)) from fault
    except AdyenError as fault:
        raise ProviderRefused(f"The payment provider can't be asked: {type(fault).__name__}.") from fault
    except (TimeoutError, OSError, RuntimeError, msgspec.ValidationError, AttributeError) as fault:
        # The threads are let go, as the account has other keys; or an answer that is none of Adyen's, as a proxy gives.
        raise ProviderAway from fault


def _said(fault: Any) -> str:
    said = fault.message.get("message") if isinstance(fault.message, dict) else None
    return f"The payment provider refused the request: {str(said or type(fault).__name__)[:200]}"
