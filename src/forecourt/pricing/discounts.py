"""What makes a bill less: vouchers, members' prices. Who gives them lies above; how they change a bill is told here.

Free kWh and minutes are those that come first and make the quantities less; a percentage and an amount are taken off
what is left within the tariff's caps and limits, in the order in which they are given, and never more than there is.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.pricing.bill import Bill
from forecourt.pricing.model import Circumstances, Discount


class Priced(Struct, frozen=True, kw_only=True):
    """What a discount may depend on. `token_uid`: by whom it is paid, as far as that is known; `final`: the session is
    over, so what is given is given. `bill`: before discounts; `less`: the same with some of them."""

    session_id: UUID | None
    tariff_id: UUID
    circumstances: Circumstances
    token_uid: str | None
    started_at: datetime
    final: bool
    bill: Bill
    less: Callable[[Sequence[Discount]], Bill]


@runtime_checkable
class Discounts(Protocol):
    """Who gives discounts. Called in the transaction in which a session is priced, again for the same session whenever
    that is priced again: the same question gets the same answer."""

    async def __call__(
        self, connection: AsyncConnection[Any], tenant_id: int, priced: Priced, /
    ) -> tuple[Discount, ...]: ...


async def no_discounts(_connection: AsyncConnection[Any], _tenant_id: int, _priced: Priced, /) -> tuple[Discount, ...]:
    """Where nobody gives any."""
    return ()
