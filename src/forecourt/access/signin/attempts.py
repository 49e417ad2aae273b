"""How often someone may try, counted in PostgreSQL for all web processes together.

Failures are counted for a network address, for whom it tries to be, and for both together, and each makes the next
wait longer. Whoever guesses from many addresses makes an account wait, but never for good and never for its owner: from
an address that they signed in from before, only what was tried there for them counts, and the wait is short: such a try
neither heeds the address's own counter nor moves it, be it wrong or right. A wait ends by itself; tries during it
change nothing.
"""

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, Literal

from msgspec import Struct

from forecourt.access.model import TooManyAttempts
from forecourt.access.signin import store
from forecourt.access.signin.model import Patience
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest

#: Failures are remembered for so long after the last one.
WINDOW: Final = timedelta(hours=24)
#: Failures of one network address for one person before it has to wait.
FREE_FOR_PAIR: Final = 5
#: Failures of one network address, whomever it tries to be.
FREE_FOR_ADDRESS: Final = 50
#: Failures for one person, from wherever they don't usually come.
FREE_FOR_PERSON: Final = 50
#: The longest wait.
MAX_WAIT_S: Final = 900
#: The longest wait at an address from which the person signed in before.
MAX_WAIT_KNOWN_S: Final = 30
#: Letters with a link to a new password that one address is sent before it has to wait, and the longest wait.
FREE_RESETS: Final = 3
MAX_WAIT_RESET_S: Final = 3600
#: Steps, such as a passkey's challenge, that one network address begins before it has to wait.
FREE_STEPS: Final = 200
#: The part of an IPv6 address that one household has.
_HOUSEHOLD_BITS: Final = 64

Kind = Literal["password", "factor", "reset", "step"]


class _Rules(Struct, frozen=True, kw_only=True):
    address: Patience
    pair: Patience
    person: Patience


_GUESSES: Final = _Rules(
    address=Patience(free=FREE_FOR_ADDRESS, first_s=1, most_s=MAX_WAIT_S),
    pair=Patience(free=FREE_FOR_PAIR, first_s=1, most_s=MAX_WAIT_S),
    person=Patience(free=FREE_FOR_PERSON, first_s=1, most_s=MAX_WAIT_S),
)
_RESETS: Final = Patience(free=FREE_RESETS, first_s=300, most_s=MAX_WAIT_RESET_S)
_STEPS: Final = Patience(free=FREE_STEPS, first_s=1, most_s=60)
RULES: Final[Mapping[Kind, _Rules]] = {
    "password": _GUESSES,
    # A code has six digits: who tries it knows the password already, from wherever.
    "factor": _Rules(address=_GUESSES.address, pair=_GUESSES.pair, person=_GUESSES.pair),
    "reset": _Rules(address=_GUESSES.address, pair=_RESETS, person=_RESETS),
    "step": _Rules(address=_STEPS, pair=_STEPS, person=_STEPS),
}
_KNOWN: Final = Patience(free=FREE_FOR_PAIR, first_s=1, most_s=MAX_WAIT_KNOWN_S)
#: Failures after which no wait grows any further.
_LONGEST: Final = 32


def place_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or the /64 of an IPv6 address, which one household has to itself."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ip_network((ip, _HOUSEHOLD_BITS), strict=False))
    return str(ip)


class Attempts:
    """Counts what was tried."""

    def __init__(self, db: Pool, secret: bytes, clock: Clock) -> None:
        self._db = db
        self._secret = secret
        self._clock = clock

    async def begin(self, kind: Kind, address: str, who: str = "", *, known: bool = False) -> None:
        """Counts a try as failed until it succeeds, so that none slips through. Raises TooManyAttempts.

        `known`: the person signed in from this address before.
        """
        place, rules = place_of(address), RULES[kind]
        pair = self._digest(kind, place, who)
        counted = {pair: _KNOWN}
        if not known:
            counted = {self._digest(kind, place, ""): rules.address}
            if who:
                counted |= {pair: rules.pair, self._digest(kind, "", who): rules.person}
        async with self._db.anyone() as conn:
            held = await store.hold_attempts(conn, list(counted), self._clock.now())
            # Looked at once nobody else counts: who waited for that must not be before whoever he waited for.
            now = self._clock.now()
            until = max(held.values(), default=now)
            if until > now:
                # Out of the transaction, so that it leaves no counter behind that it made to hold.
                wait_s = int((until - now).total_seconds()) + 1
                raise TooManyAttempts(f"Too many attempts. Wait {wait_s} s and try again.", wait_s=wait_s)
            for digest, patience in sorted(counted.items()):
                waits = [patience.wait_s(failures) for failures in range(1, patience.free + _LONGEST)]
                await store.begin_attempt(conn, digest, now, now - WINDOW, waits)
            # Last, for what it takes may be what another waits to count: nothing is waited for after it.
            await store.clear_old_attempts(conn, now - WINDOW)

    async def succeeded(self, kind: Kind, address: str, who: str, *, known: bool) -> None:
        """Forgets the failures of the one who now came in.

        `known`: as the try began, or true where none did. Only a try that the address was charged with is taken back
        from it: or whoever has an account could lift its wait by coming in between guesses at others.
        """
        place = place_of(address)
        own = [self._digest(kind, place, who), self._digest(kind, "", who)]
        charged = [] if known else [self._digest(kind, place, "")]
        async with self._db.anyone() as conn:
            await store.hold_attempts(conn, [*own, *charged], self._clock.now())
            await store.clear_attempts(conn, own)
            for digest in charged:
                await store.forgive_attempt(conn, digest)

    def _digest(self, kind: Kind, place: str, who: str) -> bytes:
        return keyed_digest(self._secret, "attempt", f"{kind}\n{place}\n{who}")
