"""A process that carries a payment on until it is killed: it stops at the call that the test chose, before it is made,
while the provider acts on it, or after that and before anything of it is kept, and says so.

Arguments: the database's address, the provider's address and key, the tenant, a station and an EVSE for a new payment,
a payment, the kind of call, and where to stop.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from forecourt.access import Actor, Role
from forecourt.payments.accounts.service import Providers
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.service import Begin, Payments
from forecourt.payments.providers.stripe import Stripe, StripeKeys
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool

CALLS = {"hold": "start_hold", "capture": "capture", "refund": "refund"}


def stopping(kind: str, where: str) -> None:
    """Has the adapter stand still for ever at one of its calls."""
    real: Any = getattr(Stripe, CALLS[kind])

    async def stop() -> None:
        sys.stdout.write(f"in {kind}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    async def stopped(self: Stripe, *arguments: Any) -> Any:
        if where == "before":
            await stop()
        asked = asyncio.ensure_future(real(self, *arguments))
        if where == "in":
            # The request is under way; whether the provider has acted on it is anybody's guess.
            await asyncio.sleep(0)
            await asyncio.wait([asked], timeout=0.002)
            await stop()
        await asked
        await stop()

    setattr(Stripe, CALLS[kind], stopped)


async def main(
    url: str, address: str, key: str, tenant: str, station: str, evse: str, intent: str, kind: str, where: str
) -> None:
    stopping(kind, where)
    clock, tenant_id = SystemClock(), int(tenant)
    async with Pool(url, "forecourt_app", size=2) as pool:
        keys = StripeKeys(secret_key=key, hook_secret="whsec_x")
        providers = Providers(pool, clock, b"a secret of the tests", deployment=keys, address=address)
        payments = Payments(pool, providers, clock, Prices(clock))
        if kind == "hold":
            await payments.begin(tenant_id, Begin(station=station, evse=int(evse), return_url="https://drive.test/"))
        elif kind == "capture":
            await payments.saga.drive(tenant_id, UUID(intent))
        else:
            actor = Actor(
                tenant_id=tenant_id, organisation="Till", id=1, kind="key", name="Payer", role=Role.OWNER
            )  # fmt: skip
            await payments.refund(actor, UUID(intent), 100, f"asked at {datetime.now(UTC)}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
