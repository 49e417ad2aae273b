"""Processes that carry money on until they are killed: each stands still at the place that the test chose, and says so.

For each line on the standard input, a child is made of this one, which has loaded all that they need. What a line
holds, as JSON, is what `main` takes.

`before`: the call is written down and not made yet. `in`: the provider acts on it. `after`: it has, and nothing of that
is kept. `keeping`: within the transaction that keeps it, some of it written and nothing committed. A `file` is made for
a bank in one transaction, so each of its places is within that.
"""

import asyncio
import importlib
import json
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from forecourt.access import Actor, Role
from forecourt.payments.accounts.service import Providers
from forecourt.payments.bank.model import Bank
from forecourt.payments.hosts.payouts import Payouts
from forecourt.payments.hosts.store import payouts as payouts_store
from forecourt.payments.intents import store as intents_store
from forecourt.payments.intents.beginning import Begin
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.service import Payments
from forecourt.payments.ledger import store as ledger_store
from forecourt.payments.providers.stripe import Stripe, StripeKeys
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from tests.support import FakeClock

SECRET = b"a secret of the tests"
#: The adapter's call of each kind.
CALLS = {"hold": "start_hold", "capture": "capture", "refund": "refund", "payout": "transfer"}
#: Statements of the transaction in which a file is made, in their order.
OF_FILE = {
    "before": (payouts_store, "insert_payout"),
    "keeping": (ledger_store, "insert_entry"),
    "in": (payouts_store, "insert_file"),
    "after": (payouts_store, "put_in_file"),
}


async def stand_still(number: int) -> None:
    """Says which process is there, and does nothing for ever."""
    os.write(sys.stdout.fileno(), f"{number} {os.getpid()}\n".encode())
    await asyncio.Event().wait()


def stopping(number: int, kind: str, place: str) -> None:
    """Has the process stand still for ever there."""
    if kind == "file":
        _after(number, *OF_FILE[place])
    elif place == "keeping":
        # Nothing is posted of a hold: its transaction ends its call.
        _after(number, *((intents_store, "end_call") if kind == "hold" else (ledger_store, "insert_entry")))
    else:
        _at_call(number, CALLS[kind], place)


def _after(number: int, module: Any, name: str) -> None:
    """Once this statement was carried out, and before its transaction ends."""
    real = getattr(module, name)

    async def stopped(*arguments: Any, **named: Any) -> Any:
        await real(*arguments, **named)
        await stand_still(number)

    setattr(module, name, stopped)


def _at_call(number: int, call: str, place: str) -> None:
    """At one of the adapter's calls."""
    real: Any = getattr(Stripe, call)

    async def stopped(self: Stripe, *arguments: Any) -> Any:
        if place == "before":
            await stand_still(number)
        asked = asyncio.ensure_future(real(self, *arguments))
        if place == "in":
            # The request is under way; whether the provider has acted on it is anybody's guess.
            await asyncio.sleep(0)
            await asyncio.wait([asked], timeout=0.002)
            await stand_still(number)
        await asked
        await stand_still(number)

    setattr(Stripe, call, stopped)


async def main(
    *, number: int, kind: str, place: str, url: str, address: str, key: str, tenant_id: int, station: str, evse: int,
    intent: str, day: str,
) -> None:  # fmt: skip
    """Does something of this kind until it is killed: at a new payment at that EVSE, at a payment that there is, or at
    what hosts are paid on a day."""
    stopping(number, kind, place)
    clock = SystemClock()
    async with Pool(url, "forecourt_app", size=2) as pool:
        keys = StripeKeys(secret_key=key, hook_secret="whsec_x")
        providers = Providers(pool, clock, SECRET, deployment=keys, address=address)
        payments = Payments(pool, providers, clock, Prices(clock))
        if kind == "hold":
            await payments.begin(tenant_id, Begin(station=station, evse=evse, return_url="https://drive.test/"))
        elif kind == "capture":
            await payments.saga.drive(tenant_id, UUID(intent))
        elif kind == "refund":
            actor = Actor(
                tenant_id=tenant_id, organisation="Till", id=1, kind="key", name="Payer", role=Role.OWNER
            )  # fmt: skip
            await payments.refund(actor, UUID(intent), 100, f"asked at {datetime.now(UTC)}")
        else:
            payouts = Payouts(pool, FakeClock(datetime.fromisoformat(day)), Bank(SECRET))
            await payouts.pay(tenant_id, await providers.by_name(tenant_id))


def serve() -> None:
    """Makes a child for each line."""
    importlib.import_module("stripe")
    # Nobody asks how they ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            asyncio.run(main(**json.loads(line)))
            os._exit(1)


if __name__ == "__main__":
    serve()
