"""What every card provider must do behind the port, over HTTP by its own library. An adapter that is added joins
`DESKS`, with what stands for the driver and for the provider's bank."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from msgspec.structs import replace

from forecourt.payments.providers.stripe import Stripe, StripeKeys, open_stripe
from forecourt.payments.psp import Declined, Hold, HoldAsked, HoldState, HookRefused, ProviderAway, ProviderRefused
from forecourt.platform.money import Money
from tests.sandbox import Refused, Sandbox

HOOK_SECRET = "whsec_of_the_tests"


class StripeDesk:
    """Stripe's adapter, and what stands for drivers, by the sandbox."""

    def __init__(self, psp: Stripe, box: Sandbox) -> None:
        self.psp, self.box = psp, box

    async def pay(self, hold: Hold, card: str = "visa", **more: Any) -> Any:
        return await asyncio.to_thread(self.box.pay, hold.reference, card, **more)

    async def fail_once(self, what: str, on: str) -> None:
        paths = {"capture": "POST /v1/payment_intents/*/capture", "refund": "POST /v1/refunds"}
        plan = {"fault": what, "match": paths[on], "times": 1}
        await asyncio.to_thread(self.box.faults, next=[plan], hang_s=1)

    def done(self, what: str) -> list[int]:
        return [row["amount"] for row in self.box.ledger(self.box.account) if row["what"] == what]

    def hook(self, body: dict[str, Any], at: datetime, secret: str = HOOK_SECRET) -> tuple[bytes, dict[str, str]]:
        raw = json.dumps(body).encode()
        signed = hmac.digest(secret.encode(), f"{int(at.timestamp())}.".encode() + raw, sha256).hex()
        return raw, {"stripe-signature": f"t={int(at.timestamp())},v1={signed}"}


@pytest_asyncio.fixture(params=["stripe"])
async def desk(box: Sandbox) -> AsyncIterator[StripeDesk]:
    mine = box.another()
    psp = await open_stripe(StripeKeys(secret_key=mine.key, hook_secret=HOOK_SECRET), mine.address)
    yield StripeDesk(psp, mine)
    mine.faults()
    await psp.close()


def asked(amount: int = 4000, **more: Any) -> HoldAsked:
    return HoldAsked(
        intent=uuid4().hex, call=uuid4().hex, amount=Money(amount=amount, currency="EUR"), description="Charging",
        return_url="https://drive.test/back", cancel_url="https://drive.test/back",
        expires_at=datetime.now(UTC) + timedelta(minutes=31), **more,
    )  # fmt: skip


async def held(desk: StripeDesk, card: str = "visa", **more: Any) -> Hold:
    page = await desk.psp.start_hold(asked(**more), uuid4().hex)
    await desk.pay(page, card)
    return await desk.psp.get(page.reference)


async def test_the_same_key_does_nothing_twice_and_another_body_under_it_is_refused(desk: StripeDesk) -> None:
    wish, key = asked(), uuid4().hex
    first, second = await desk.psp.start_hold(wish, key), await desk.psp.start_hold(wish, key)
    assert first == second
    assert (first.state, first.url is not None) == (HoldState.OPEN, True)
    with pytest.raises(ProviderRefused):
        await desk.psp.start_hold(replace(wish, amount=Money(amount=4100, currency="EUR")), key)
    hold = await held(desk)
    assert (hold.state, hold.authorised, hold.captured) == (HoldState.AUTHORISED, 4000, 0)
    assert hold.capture_before is not None
    key = uuid4().hex
    once, twice = await desk.psp.capture(hold.reference, 1190, key), await desk.psp.capture(hold.reference, 1190, key)
    assert once.captured == twice.captured == 1190
    assert desk.done("capture") == [1190]


async def test_who_fails_3d_secure_holds_nothing_and_may_try_another_card(desk: StripeDesk) -> None:
    page = await desk.psp.start_hold(asked(), uuid4().hex)
    await desk.pay(page, "challenge")
    assert (await desk.psp.get(page.reference)).state is HoldState.OPEN
    with pytest.raises(Refused):
        await desk.pay(page, "declined")
    assert (await desk.psp.get(page.reference)).state is HoldState.OPEN
    await desk.pay(page, "challenge", challenge="pass")
    assert (await desk.psp.get(page.reference)).state is HoldState.AUTHORISED


async def test_money_goes_back_in_parts_and_never_more_than_was_taken(desk: StripeDesk) -> None:
    hold = await held(desk)
    await desk.psp.capture(hold.reference, 1000, uuid4().hex)
    part = await desk.psp.refund(hold.reference, 400, uuid4().hex, "ours 1")
    now = await desk.psp.get(hold.reference)
    assert (now.refunded, [each.ours for each in now.refunds]) == (400, ["ours 1"])
    assert part.amount == 400
    with pytest.raises(ProviderRefused):
        await desk.psp.refund(hold.reference, 601, uuid4().hex, "ours 2")


@pytest.mark.parametrize("fault", ["timeout_after", "drop_after", "error_after", "timeout", "error", "rate_limit"])
async def test_what_is_not_known_is_read_back_and_never_done_twice(desk: StripeDesk, fault: str) -> None:
    hold = await held(desk)
    await desk.fail_once(fault, "capture")
    key = uuid4().hex
    desk.psp._deadline_s = 0.5
    with pytest.raises(ProviderAway) as away:
        await desk.psp.capture(hold.reference, 700, key)
    desk.psp._deadline_s = 15
    known = await desk.psp.get(hold.reference)
    assert (known.state is HoldState.CAPTURED) == fault.endswith("_after")
    if known.state is not HoldState.CAPTURED:
        await desk.psp.capture(hold.reference, 700, f"{key}-2" if away.value.answered else key)
    assert desk.done("capture") == [700]


async def test_holds_are_raised_given_back_and_left_pages_closed(desk: StripeDesk) -> None:
    hold = await held(desk)
    assert hold.may_increment
    assert (await desk.psp.increment(hold.reference, 6000, uuid4().hex)).authorised == 6000
    assert (await desk.psp.cancel(hold.reference, uuid4().hex)).state is HoldState.CANCELLED
    page = await desk.psp.start_hold(asked(), uuid4().hex)
    assert (await desk.psp.cancel(page.reference, uuid4().hex)).state is HoldState.EXPIRED


async def test_a_saved_card_pays_while_the_driver_is_away_or_says_why_not(desk: StripeDesk) -> None:
    hold = await held(desk, save=True)
    assert hold.saved is not None
    wish, key = asked(595, at_once=True), uuid4().hex
    taken = await desk.psp.charge_saved(wish, hold.saved, key)
    assert (taken.state, taken.captured) == (HoldState.CAPTURED, 595)
    found = await desk.psp.find(wish.call, hold.saved.customer)
    assert found is not None
    assert found.reference == taken.reference
    assert await desk.psp.find(uuid4().hex, hold.saved.customer) is None
    page = await desk.psp.start_hold(asked(save=True), uuid4().hex)
    await desk.pay(page, "challenge_always", challenge="pass")
    later = await desk.psp.get(page.reference)
    assert later.saved is not None
    with pytest.raises(Declined):
        await desk.psp.charge_saved(asked(595, at_once=True), later.saved, uuid4().hex)


def test_a_webhook_is_taken_signed_and_fresh_only(desk: StripeDesk) -> None:
    now = datetime.now(UTC)
    about = {"id": "pi_1", "object": "payment_intent", "metadata": {"forecourt_intent": "x"}}
    said = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": about}}
    body, headers = desk.hook(said, now)
    [notice] = desk.psp.parse_webhook(body, headers, now)
    assert (notice.event, notice.intent, notice.reference) == ("evt_1", "x", "pi_1")
    late = now + timedelta(seconds=301)
    for raw, signed, at in ((body, headers, late), (body + b" ", headers, now), (body, {}, now)):
        with pytest.raises(HookRefused):
            desk.psp.parse_webhook(raw, signed, at)
    with pytest.raises(HookRefused):
        desk.psp.parse_webhook(*desk.hook(said, now, "whsec_other"), now)
