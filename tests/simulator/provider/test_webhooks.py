"""Events reach whoever asked for them: signed over the raw bytes, again after a refusal, and by mischief in any way."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import stripe

from tests.receiver import Receiver, receiving
from tests.sandbox import Sandbox
from tests.simulator.provider.said import connected, held, taken


@pytest_asyncio.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def in_thread(work: Any, *arguments: Any) -> Any:
    """The blocking SDK must not hold up the receiver, which lives in the loop of the test."""
    return await asyncio.to_thread(work, *arguments)


def listen(box: Sandbox, url: str, **more: Any) -> str:
    wanted: Any = {"url": url, "enabled_events": ["*"]} | more
    made = box.client.v1.webhook_endpoints.create(wanted)
    assert made.secret is not None
    return made.secret


def read(box: Sandbox, secret: str, got: tuple[dict[str, str], bytes]) -> Any:
    return box.client.construct_event(got[1], got[0]["stripe-signature"], secret)


def kinds(hook: Receiver) -> list[str]:
    return [json.loads(body)["type"] for _, body in hook.got]


async def test_events_are_signed_and_tell_things_as_they_were(box: Sandbox, hook: Receiver) -> None:
    secret = await in_thread(listen, box, hook.url)
    intent = await in_thread(held, box)
    await in_thread(box.delivered)
    # Several are brought at once, so which comes first is not told, as with the provider itself.
    assert sorted(kinds(hook)) == [
        "charge.succeeded", "checkout.session.completed", "payment_intent.amount_capturable_updated",
        "payment_intent.created",
    ]  # fmt: skip
    held_event = kinds(hook).index("payment_intent.amount_capturable_updated")
    event = read(box, secret, hook.got[held_event])
    assert (event.data.object["id"], event.data.object["status"]) == (intent.id, "requires_capture")
    assert event.api_version == "2026-10-28.endive"
    same = await in_thread(box.client.v1.events.retrieve, event.id)
    assert same.data.object == event.data.object
    assert b'"_' not in hook.got[0][1]
    headers, body = hook.got[0]
    with pytest.raises(stripe.SignatureVerificationError):
        read(box, secret, (headers, body.replace(b"eur", b"usd")))
    kept = await in_thread(box.client.v1.webhook_endpoints.list)
    assert kept.data[0].to_dict().get("secret") is None


async def test_only_what_was_asked_for_comes_and_nothing_of_others(box: Sandbox, hook: Receiver) -> None:
    await in_thread(lambda: listen(box, hook.url, enabled_events=["payment_intent.succeeded"]))
    await in_thread(taken, box)
    await in_thread(taken, box.another())
    await in_thread(box.delivered)
    assert kinds(hook) == ["payment_intent.succeeded"]


async def test_a_refused_event_comes_again_later_until_it_is_taken(box: Sandbox, hook: Receiver) -> None:
    hook.status = 500
    await in_thread(lambda: listen(box, hook.url, enabled_events=["customer.created"]))
    await in_thread(lambda: box.client.v1.customers.create({}))
    await in_thread(box.delivered)
    assert len(hook.got) == 1
    await in_thread(box.advance, 6)
    await in_thread(box.delivered)
    assert len(hook.got) == 2
    hook.status = 200
    await in_thread(box.advance, 61)
    await in_thread(box.delivered)
    await in_thread(box.advance, 86_400)
    await in_thread(box.delivered)
    assert len(hook.got) == 3
    assert len({json.loads(body)["id"] for _, body in hook.got}) == 1


async def test_events_of_a_connected_account_reach_the_platform_with_its_name(box: Sandbox, hook: Receiver) -> None:
    await in_thread(lambda: listen(box, hook.url, connect=True))
    host = await in_thread(connected, box)
    await in_thread(box.delivered)
    assert {json.loads(body)["account"] for _, body in hook.got} == {host}


@pytest.mark.parametrize(
    ("mischief", "times"), [({"triple": 1}, [3] * 8), ({"lose": 1}, []), ({"shuffle": 1, "seed": 3}, [1] * 8)]
)
async def test_events_are_tripled_lost_or_come_in_another_order(
    box: Sandbox, hook: Receiver, mischief: dict[str, Any], times: list[int]
) -> None:
    await in_thread(lambda: listen(box, hook.url, enabled_events=["customer.created"]))
    # All are due at once: nothing is delivered before the last of them is made.
    await in_thread(lambda: box.control("webhooks", {"delay": 1, "delay_s": 3000}))
    made = [(await in_thread(lambda: box.client.v1.customers.create({}))).id for _ in range(8)]
    await in_thread(box.delivered)
    assert hook.got == []
    await in_thread(lambda: box.control("webhooks", mischief))
    await in_thread(box.advance, 3001)
    await in_thread(box.delivered)
    came = [json.loads(body)["data"]["object"]["id"] for _, body in hook.got]
    assert sorted(Counter(came).values()) == times
    if "shuffle" in mischief:
        assert set(came) == set(made)
        assert came != made


@pytest.mark.parametrize(("mischief", "said"), [({"stale": 1}, "tolerance"), ({"forge": 1}, "No signatures found")])
async def test_a_stale_or_forged_event_is_told_from_a_true_one(
    box: Sandbox, hook: Receiver, mischief: dict[str, Any], said: str
) -> None:
    secret = await in_thread(lambda: listen(box, hook.url, enabled_events=["customer.created"]))
    await in_thread(lambda: box.control("webhooks", mischief))
    await in_thread(lambda: box.client.v1.customers.create({}))
    await in_thread(box.delivered)
    with pytest.raises(stripe.SignatureVerificationError, match=said):
        read(box, secret, hook.got[0])
    await in_thread(lambda: box.control("webhooks", {}))
    await in_thread(lambda: box.control(f"events/{json.loads(hook.got[0][1])['id']}/resend", {}))
    await in_thread(box.delivered)
    assert read(box, secret, hook.got[1]).type == "customer.created"
