"""How many unpaid payments may be open at once, where anybody may begin one: by the client's address and by the EVSE.

Nobody is refused for what others do: past a bound the oldest unpaid payment gives way to the new one, of whoever has
the most. So who fills the bounds pushes out himself.
"""

from datetime import timedelta
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from typing import Final
from uuid import UUID

import structlog

from forecourt.driver import store
from forecourt.driver.store import OpenStart
from forecourt.payments.intents.errors import PaymentOver, PaymentUnknown
from forecourt.payments.intents.model import State
from forecourt.payments.intents.service import Payments
from forecourt.payments.psp.errors import ProviderAway
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: Unpaid payments of one client address at one EVSE: the page was loaded anew, or one more phone is in the car.
MAX_UNPAID_OF_ONE_HERE: Final = 3
#: Unpaid payments of one client address: many phones share one, behind a mobile carrier or in a garage's own network.
MAX_UNPAID_OF_ONE: Final = 100
#: Unpaid payments at one EVSE.
MAX_UNPAID_HERE: Final = 10
#: Payments that give way to one.
MAX_GIVING_WAY: Final = 3
#: So long it is known from where a payment was begun; by then its page is over.
KEPT: Final = timedelta(hours=1)
DIGEST_BYTES: Final = 16
#: Of an address of IPv6 the part that a provider gives to one customer.
CUSTOMER_BITS: Final = 64


def who_of(address: str, secret: bytes) -> bytes:
    """An address as it is kept: one can be told from another, and none can be read back."""
    try:
        there = ip_address(address)
    except ValueError:
        known = address
    else:
        if isinstance(there, IPv6Address) and there.ipv4_mapped is None:
            known = format(int(there) >> (128 - CUSTOMER_BITS), "x")
        else:
            known = str(there.ipv4_mapped or there) if isinstance(there, IPv6Address) else str(there)
    return blake2b(known.encode(), key=secret[:64], person=b"driver starts", digest_size=DIGEST_BYTES).digest()


def giving_way(open_starts: list[OpenStart], station: str, evse: int, who: bytes) -> list[UUID]:
    """Which unpaid payments end so that one more may begin, the oldest of whoever has the most first. `open_starts`:
    those at the EVSE and those of the address, the oldest first."""
    left = list(open_starts)
    gone: list[UUID] = []

    def end(each: OpenStart) -> None:
        left.remove(each)
        gone.append(each.intent_id)

    def here() -> list[OpenStart]:
        return [each for each in left if each.station == station and each.evse == evse]

    while len(mine := [each for each in here() if each.address == who]) >= MAX_UNPAID_OF_ONE_HERE:
        end(mine[0])
    while len(mine := [each for each in left if each.address == who]) >= MAX_UNPAID_OF_ONE:
        end(mine[0])
    while len(all_here := here()) >= MAX_UNPAID_HERE:
        counts = {each.address: sum(one.address == each.address for one in all_here) for each in all_here}
        end(max(all_here, key=lambda each: counts[each.address]))
    return gone


class Gates:
    """Holds the bounds. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, payments: Payments, clock: Clock, secret: bytes) -> None:
        self._tenants = tenants
        self._payments = payments
        self._clock = clock
        self._secret = secret

    async def make_way(self, tenant_id: int, station: str, evse: int, address: str) -> None:
        """Ends what is too much beside a payment that shall begin."""
        who = who_of(address, self._secret)
        async with self._tenants.tenant(tenant_id) as conn:
            await store.forget_starts(conn, tenant_id, self._clock.now() - KEPT)
            found = await store.list_open_starts(conn, tenant_id, station, evse, who)
        for intent_id in giving_way(found, station, evse, who)[:MAX_GIVING_WAY]:
            try:
                # Who has just paid keeps his place, whether we heard of it or not.
                if (await self._payments.returned(tenant_id, intent_id)).state is State.HOLD_REQUESTED:
                    await self._payments.abandon(tenant_id, intent_id)
            except (PaymentOver, PaymentUnknown, ProviderAway):
                continue
            log.info("an unpaid payment gave way", intent=str(intent_id), station=station, evse=evse)

    async def note(self, tenant_id: int, intent_id: UUID, station: str, evse: int, address: str) -> None:
        """Writes down from where a payment was begun."""
        who = who_of(address, self._secret)
        async with self._tenants.tenant(tenant_id) as conn:
            await store.insert_start(conn, tenant_id, intent_id, station, evse, who, self._clock.now())
