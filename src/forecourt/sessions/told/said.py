"""What stations reckon themselves, held against the bill."""

from decimal import Decimal
from typing import Final
from uuid import UUID

from forecourt.platform import outbox
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.money import Money, minor_digits
from forecourt.pricing.discounts import Discounts, no_discounts
from forecourt.sessions.costing.model import CostSaid, SessionCost
from forecourt.sessions.costing.service import cost_of
from forecourt.sessions.remote.service import SessionUnknown
from forecourt.sessions.told import store

#: What a station says may be so far from the bill, in minor units: it rounds in its own way.
TOLERANCE_MINOR: Final = 1
#: The event after which a session is looked at again: its station reckoned otherwise, or does no more.
COMPARED: Final = "session.compared"


def differs(said: CostSaid, cost: SessionCost) -> bool:
    """Whether a station and the bill contradict each other, after taxes where both say it so. What a station could not
    reckon contradicts nothing."""
    if said.failed or cost.incl_vat is None or cost.excl_vat is None:
        return False
    if said.currency != cost.incl_vat.currency:
        return True
    if said.incl_tax is not None:
        return _apart(said.incl_tax, cost.incl_vat)
    return said.excl_tax is not None and _apart(said.excl_tax, cost.excl_vat)


def _apart(said: Decimal, ours: Money) -> bool:
    # A station's decimals may go on beyond the minor unit, as a half more of one.
    return abs(said.scaleb(minor_digits(ours.currency)) - ours.amount) >= TOLERANCE_MINOR + Decimal("0.5")


class SaidJobs:
    """`tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, discounts: Discounts = no_discounts) -> None:
        self._tenants = tenants
        self._clock = clock
        self._discounts = discounts

    async def compare(self, *, tenant_id: int, subject: str) -> None:
        """The cost of a session is final: what its station reckoned is held against it."""
        session_id = UUID(subject)
        async with self._tenants.tenant(tenant_id) as conn:
            said = await store.find_said(conn, tenant_id, session_id)
            if said is None:
                return
            try:
                cost = await cost_of(conn, tenant_id, session_id, self._clock.now(), self._discounts)
            except SessionUnknown:
                return
            if not cost.final:
                return
            apart = differs(said, cost)
            await store.note_compared(conn, tenant_id, session_id, differs=apart, at=self._clock.now())
            if apart != said.differs:
                await outbox.write(conn, tenant_id, COMPARED, subject)
