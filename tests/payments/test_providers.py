"""What every card provider must do behind the port, over HTTP by its own library. An adapter that is added joins the
params of `desk`, with what stands for the driver and for the provider's bank."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from msgspec.structs import replace

from forecourt.payments.providers.stripe import StripeKeys, open_stripe
from forecourt.payments.psp.errors import Declined, HookRefused, ProviderAway, ProviderRefused
from forecourt.payments.psp.words import Hold, HoldAsked, HoldState
from forecourt.payments.reconcile.model import CHARGES, REFUNDS
from forecourt.platform.money import Money
from tests.adyen import AdyenBox
from tests.payments.desks import HOOK_SECRET, AdyenDesk, Desk, StripeDesk
from tests.sandbox import Refused, Sandbox


@pytest_asyncio.fixture(params=["stripe", "adyen"])
async def desk(request: pytest.FixtureRequest, box: Sandbox, second: AdyenBox) -> AsyncIterator[Desk]:
    made: Desk
    if request.param == "stripe":
        mine = box.another()
        keys = StripeKeys(secret_key=mine.key, hook_secret=HOOK_SECRET)
        made = StripeDesk(await open_stripe(keys, mine.address), mine)
    else:
        made = AdyenDesk(second.another())
    yield made
    made.calm()
    await made.psp.close()


def asked(amount: int = 4000, **more: Any) -> HoldAsked:
    return HoldAsked(
        intent=uuid4().hex, call=uuid4().hex, amount=Money(amount=amount, currency="EUR"), description="Charging",
        return_url="https://drive.test/back", cancel_url="https://drive.test/back",
        expires_at=datetime.now(UTC) + timedelta(minutes=31), **more,
    )  # fmt: skip


async def held(desk: Desk, card: str = "visa", **more: Any) -> Hold:
    page = await desk.psp.start_hold(asked(**more), uuid4().hex)
    await desk.pay(page, card)
    hold: Hold = await desk.psp.get(page.reference)
    return hold


async def captured(desk: Desk, amount: int) -> Hold:
    hold, key = await held(desk), uuid4().hex
    return await desk.done(lambda: desk.psp.capture(hold.reference, amount, key))


async def test_the_same_key_does_nothing_twice_and_another_body_under_it_is_refused(desk: Desk) -> None:
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
    once = await desk.done(lambda: desk.psp.capture(hold.reference, 1190, key))
    twice = await desk.done(lambda: desk.psp.capture(hold.reference, 1190, key))
    assert once.captured == twice.captured == 1190
    assert once.state is HoldState.CAPTURED
    assert desk.happened("capture") == [1190]


async def test_a_hold_is_taken_from_once_and_never_beyond_what_is_held(desk: Desk) -> None:
    hold, key = await held(desk), uuid4().hex
    with pytest.raises(ProviderRefused):
        await desk.done(lambda: desk.psp.capture(hold.reference, 4001, key))
    assert (await desk.psp.get(hold.reference)).state is HoldState.AUTHORISED
    first, second = uuid4().hex, uuid4().hex
    await desk.done(lambda: desk.psp.capture(hold.reference, 1000, first))
    with pytest.raises(ProviderRefused):
        await desk.done(lambda: desk.psp.capture(hold.reference, 1000, second))
    assert (await desk.psp.get(hold.reference)).captured == 1000
    assert desk.happened("capture") == [1000]


async def test_who_fails_3d_secure_holds_nothing_and_may_try_another_card(desk: Desk) -> None:
    page = await desk.psp.start_hold(asked(), uuid4().hex)
    await desk.pay(page, "challenge")
    assert (await desk.psp.get(page.reference)).state is HoldState.OPEN
    with pytest.raises(Refused):
        await desk.pay(page, "declined")
    assert (await desk.psp.get(page.reference)).state is HoldState.OPEN
    await desk.pay(page, "challenge", challenge="pass")
    assert (await desk.psp.get(page.reference)).state is HoldState.AUTHORISED


async def test_money_goes_back_in_parts_and_never_more_than_was_taken(desk: Desk) -> None:
    hold = await captured(desk, 1000)
    key, more = uuid4().hex, uuid4().hex
    part = await desk.done(lambda: desk.psp.refund(hold.reference, 400, key, "ours 1"))
    now = await desk.psp.get(hold.reference)
    assert (now.refunded, [each.ours for each in now.refunds]) == (400, ["ours 1"])
    assert part.amount == 400
    with pytest.raises(ProviderRefused):
        await desk.done(lambda: desk.psp.refund(hold.reference, 601, more, "ours 2"))
    assert (await desk.psp.get(hold.reference)).refunded == 400
    assert desk.happened("refund") == [400]


@pytest.mark.parametrize(
    "fault", ["timeout_after", "drop_after", "error_after", "timeout", "error", "rate_limit", "shut"]
)
async def test_what_is_not_known_is_read_back_and_never_done_twice(desk: Desk, fault: str) -> None:
    hold = await held(desk)
    await desk.fail_once(fault, "capture")
    key = uuid4().hex
    if fault.startswith("timeout"):
        desk.psp._deadline_s = 0.5
    with pytest.raises(ProviderAway) as away:
        await desk.psp.capture(hold.reference, 700, key)
    desk.psp._deadline_s = 15
    known = await desk.psp.get(hold.reference)
    if desk.psp.reads_back:
        assert (known.state is HoldState.CAPTURED) == fault.endswith("_after")
    else:
        assert known.state is HoldState.AUTHORISED
    if known.state is not HoldState.CAPTURED:
        again = f"{key}-2" if away.value.answered else key
        known = await desk.done(lambda: desk.psp.capture(hold.reference, 700, again))
    assert (known.state, known.captured) == (HoldState.CAPTURED, 700)
    assert desk.happened("capture") == [700]


async def test_holds_are_raised_given_back_and_left_pages_closed(desk: Desk) -> None:
    hold, more, back, left = await held(desk), uuid4().hex, uuid4().hex, uuid4().hex
    assert hold.may_increment
    assert (await desk.done(lambda: desk.psp.increment(hold.reference, 6000, more))).authorised == 6000
    assert (await desk.psp.get(hold.reference)).authorised == 6000
    assert (await desk.done(lambda: desk.psp.cancel(hold.reference, back))).state is HoldState.CANCELLED
    page = await desk.psp.start_hold(asked(), uuid4().hex)
    assert (await desk.done(lambda: desk.psp.cancel(page.reference, left))).state is HoldState.EXPIRED
    with pytest.raises(Refused):
        await desk.pay(page)


async def test_a_page_that_was_paid_on_is_not_closed_but_names_the_hold_to_give_back(desk: Desk) -> None:
    page = await desk.psp.start_hold(asked(), uuid4().hex)
    await desk.pay(page)
    with pytest.raises(ProviderRefused):
        await desk.psp.cancel(page.reference, uuid4().hex)
    hold = await desk.psp.get(page.reference)
    assert hold.reference != page.reference
    key = uuid4().hex
    assert (await desk.done(lambda: desk.psp.cancel(hold.reference, key))).state is HoldState.CANCELLED
    assert (await desk.psp.get(page.reference)).state is HoldState.CANCELLED


async def test_a_saved_card_pays_while_the_driver_is_away_or_says_why_not(desk: Desk) -> None:
    hold = await held(desk, save=True)
    assert hold.saved is not None
    wish, key = asked(595, at_once=True), uuid4().hex
    taken = await desk.psp.charge_saved(wish, hold.saved, key)
    assert (taken.state, taken.captured) == (HoldState.CAPTURED, 595)
    assert (await desk.psp.charge_saved(wish, hold.saved, key)).reference == taken.reference
    found = await desk.psp.find(wish.call, hold.saved.customer)
    assert found is not None
    assert found.reference == taken.reference
    assert await desk.psp.find(uuid4().hex, hold.saved.customer) is None
    assert desk.happened("capture") == [595]
    only = await desk.psp.charge_saved(asked(2000), hold.saved, uuid4().hex)
    assert (only.state, only.authorised, only.captured) == (HoldState.AUTHORISED, 2000, 0)
    page = await desk.psp.start_hold(asked(save=True), uuid4().hex)
    await desk.pay(page, "challenge_always", challenge="pass")
    later = await desk.psp.get(page.reference)
    assert later.saved is not None
    with pytest.raises(Declined):
        await desk.psp.charge_saved(asked(595, at_once=True), later.saved, uuid4().hex)


async def test_money_may_be_taken_on_the_page_at_once(desk: Desk) -> None:
    hold = await held(desk, at_once=True)
    assert (hold.state, hold.captured) == (HoldState.CAPTURED, 4000)
    assert hold.card is not None
    assert (hold.card.brand, len(hold.card.last4)) == ("visa", 4)


async def test_what_moved_is_told_with_what_it_cost_by_our_name_of_the_payment(desk: Desk) -> None:
    intents = [uuid4() for _ in range(2)]
    for intent, amount in zip(intents, (1190, 2380), strict=True):
        page = await desk.psp.start_hold(replace(asked(), intent=intent.hex), uuid4().hex)
        await desk.pay(page)
        hold, key = await desk.psp.get(page.reference), uuid4().hex
        await desk.done(lambda: desk.psp.capture(hold.reference, amount, key))  # noqa: B023  done before the next
    back = uuid4().hex
    await desk.done(lambda: desk.psp.refund(hold.reference, 400, back, "ours"))
    moved = await desk.moved()
    charges = {UUID(str(each.intent)): each for each in moved if each.kind in CHARGES}
    assert {intent: each.amount for intent, each in charges.items()} == dict(zip(intents, (1190, 2380), strict=True))
    assert all(0 < each.fee < each.amount // 10 for each in charges.values())
    [refund] = [each for each in moved if each.kind in REFUNDS]
    assert (refund.amount, refund.currency, refund.hold or charges[intents[1]].hold) == (
        -400, "EUR", charges[intents[1]].hold,
    )  # fmt: skip
    assert len({each.reference for each in moved}) == len(moved)
    assert all(each.available_at >= each.at for each in moved)


def test_a_webhook_is_taken_signed_and_fresh_only(desk: Desk) -> None:
    now = datetime.now(UTC)
    body, headers = desk.hook(now)
    [notice] = desk.psp.parse_webhook(body, headers, now)
    assert (notice.intent, bool(notice.event), bool(notice.reference)) == (desk.intent, True, True)
    late = now + desk.hook_life + timedelta(seconds=1)
    for raw, signed, at in (
        (body, headers, late),
        (body[:-1], headers, now),
        (body.replace(b"4000", b"9000").replace(b"pi_1", b"pi_2"), headers, now),
        (b"", headers, now),
        (b"[]", headers, now),
        (body, headers, now - timedelta(seconds=302)),
        (*desk.hook(now, forged=True), now),
    ):
        with pytest.raises(HookRefused):
            desk.psp.parse_webhook(raw, signed, at)
