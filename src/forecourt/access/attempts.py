"""How often someone may try to sign in, counted in memory within bounds.

Failures are counted for a network address alone and for it together with an e-mail address, never for the e-mail
address alone: a stranger who guesses can't lock the owner out. Each web process counts for itself.
"""

from collections import OrderedDict

from forecourt.platform.clock import Clock

WINDOW_S = 900.0
#: Failures within the window of one network address for one e-mail address.
MAX_FOR_PAIR = 10
#: Failures within the window of one network address, whomever it tries to be.
MAX_FOR_ADDRESS = 50
#: Counters kept; beyond it the oldest is forgotten.
MAX_COUNTERS = 20_000


class Attempts:
    """The failed attempts of the last minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, ...], tuple[float, int]] = OrderedDict()

    def begin(self, address: str, email: str) -> bool:
        """Whether this try is heard. It counts as failed until it succeeds, so that none slips through."""
        if self._count((address, email)) >= MAX_FOR_PAIR or self._count((address,)) >= MAX_FOR_ADDRESS:
            return False
        for counter in ((address, email), (address,)):
            self._add(counter, 1)
        while len(self._failures) > MAX_COUNTERS:
            self._failures.popitem(last=False)
        return True

    def succeeded(self, address: str, email: str) -> None:
        """Forgets the failures of the one who now came in."""
        self._failures.pop((address, email), None)
        self._add((address,), -1)

    def _add(self, counter: tuple[str, ...], tries: int) -> None:
        count = self._count(counter)
        began = self._failures[counter][0] if count else self._clock.monotonic()
        self._failures[counter] = (began, max(0, count + tries))
        self._failures.move_to_end(counter)

    def _count(self, counter: tuple[str, ...]) -> int:
        began, count = self._failures.get(counter, (0.0, 0))
        return count if count and self._clock.monotonic() - began < WINDOW_S else 0
