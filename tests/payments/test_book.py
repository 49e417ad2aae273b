"""Wallets, and fleets that are billed later: held and spent like every other money, and never twice."""

import asyncio
from unittest.mock import AsyncMock

import pytest

from forecourt.payments.intents.model import Method, State
from forecourt.payments.intents.saga import Saga
from forecourt.payments.psp.errors import ProviderAway
from forecourt.platform.money import Money
from tests.payments.till import RETURN, Till


async def test_a_wallet_is_topped_up_and_never_spent_twice(till: Till) -> None:
    top_up = await till.payments.top_up(
        till.tenant_id, "driver:7", Money(amount=5000, currency="EUR"), return_url=RETURN
    )
    assert top_up.reference is not None
    await asyncio.to_thread(till.box.pay, top_up.reference)
    assert (await till.payments.returned(till.tenant_id, top_up.intent_id)).state is State.CAPTURED
    assert till.balances() == {"psp_receivable:deployment": 5000, "wallet:7": -5000}

    first = await till.begin(method=Method.WALLET, payer="driver:7")
    assert (first.state, first.authorised_amount) == (State.AUTHORISED, 4000)
    second = await till.begin(method=Method.WALLET, payer="driver:7", evse=2)
    assert (second.state, second.authorised_amount) == (State.AUTHORISED, 1000)
    third = await till.begin(method=Method.WALLET, payer="driver:7", evse=3)
    assert (third.state, third.authorised_amount) == (State.FAILED, 0)
    assert "wallet" in str(third.reason)

    await till.work()
    till.plug_in(second, wh=40_000)
    await till.work()
    # 23.80 by the tariff, of which 10 are held.
    assert (await till.find(second)).captured_amount == 1000
    assert till.balances()["wallet:7"] == -4000
    await till.payments.refund(till.actor, second.intent_id, None, "too slow")
    assert till.balances()["wallet:7"] == -5000


async def test_a_hold_in_a_wallet_whose_answer_was_lost_goes_back_however_late_it_is_found(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    top_up = await till.payments.top_up(
        till.tenant_id, "driver:7", Money(amount=5000, currency="EUR"), return_url=RETURN
    )
    await asyncio.to_thread(till.box.pay, str(top_up.reference))
    await till.payments.returned(till.tenant_id, top_up.intent_id)
    monkeypatch.setattr(Saga, "_keep", AsyncMock(side_effect=ProviderAway))
    lost = await till.begin(method=Method.WALLET, payer="driver:7")
    monkeypatch.undo()
    assert lost.state is State.HOLD_REQUESTED
    till.clock.advance(24 * 3600)
    await till.settle()
    assert ((await till.find(lost)).state, till.stations.starts) == (State.ABANDONED, [])
    again = await till.begin(method=Method.WALLET, payer="driver:7")
    assert (again.state, again.authorised_amount) == (State.AUTHORISED, 4000)


async def test_a_fleet_charges_up_to_its_limit_and_owes_it(till: Till) -> None:
    refused = await till.begin(method=Method.INVOICE, payer="fleet:9")
    assert refused.state is State.FAILED
    till.rows("INSERT INTO payment_limits VALUES (%s, 'fleet:9', 'EUR', 6000, now())", till.tenant_id)
    intent = await till.begin(method=Method.INVOICE, payer="fleet:9")
    assert intent.authorised_amount == 4000
    await till.work()
    till.plug_in(intent, wh=20_000)
    await till.work()
    assert (await till.find(intent)).captured_amount == 1190
    assert till.balances()["fleet_receivable:9"] == 1190
