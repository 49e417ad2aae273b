"""Who is sent to first, and what becomes of a delivery that can't be signed."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from forecourt.platform.outward import UNSIGNED
from forecourt.webhooks import sender, store
from forecourt.webhooks.model import RETRY_AFTER
from forecourt.webhooks.sender import EACH, EACH_ORGANISATION, LEASE, MAX_AT_ONCE
from forecourt.webhooks.store import Room
from tests.http import House, Tenant, walk
from tests.receiver import receiving
from tests.support import WAIT_S
from tests.webhooks.conftest import CARD, Receiver, Works, a_webhook, signature


async def happened(house: House, tenant: Tenant, works: Works, url: str, *, webhooks: int, events: int) -> list[int]:
    """So many webhooks of an organisation with so many deliveries each that are due; their ids."""
    client = await tenant.client()
    made = [(await a_webhook(client, url))[0] for _ in range(webhooks)]
    works.rows("UPDATE webhooks SET url = %s WHERE webhook_id = ANY (%s) RETURNING 1", url, made)
    for number in range(events):
        await client.post("/api/v1/tokens", json={**CARD, "uid": f"{tenant.tenant_id:04}{number:04}"})
    await works.line_up()
    house.clock.advance(60)
    return made


def tried(works: Works, tenant: Tenant) -> int:
    [(number,)] = works.rows(
        "SELECT count(*) FROM webhook_deliveries WHERE tenant_id = %s AND attempts > 0", tenant.tenant_id
    )
    return int(number)


async def test_slow_receivers_of_one_organisation_hold_up_no_other(
    house: House, tenant: Tenant, stranger: Tenant, works: Works, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They hang for as long as the test takes, however long that is.
    monkeypatch.setattr(sender, "DEADLINE_S", 10 * WAIT_S)
    async with receiving() as slow:
        slow.delay_s = 10 * WAIT_S
        full = MAX_AT_ONCE // EACH
        await happened(house, tenant, works, slow.url, webhooks=full, events=EACH)
        await happened(house, stranger, works, receiver.url, webhooks=1, events=1)
        sending = asyncio.create_task(works.sender.run())
        try:
            async with asyncio.timeout(WAIT_S):
                while not receiver.got:
                    await asyncio.sleep(0.01)
            assert tried(works, tenant) == EACH_ORGANISATION, "the older ones are begun, and leave room"
            # What happens while they hang goes out as well.
            await (await stranger.client()).post("/api/v1/tokens", json=CARD)
            await works.line_up()
            async with asyncio.timeout(WAIT_S):
                while len(receiver.got) < 2:
                    await asyncio.sleep(0.01)
            assert tried(works, tenant) == EACH_ORGANISATION
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending


@pytest.mark.parametrize(
    ("held", "free", "shares"), [(0, 6, (3, 3)), (0, 20, (10, 4)), (2, 4, (1, 3)), (3, 3, (0, 3)), (10, 20, (2, 4))]
)
async def test_who_has_the_fewest_in_the_air_comes_first_and_its_webhooks_by_turns(
    house: House, tenant: Tenant, stranger: Tenant, works: Works, held: int, free: int, shares: tuple[int, int]
) -> None:
    first, second = await happened(house, tenant, works, "http://127.0.0.1/", webhooks=2, events=5)
    await happened(house, stranger, works, "http://127.0.0.1/", webhooks=1, events=4)
    now = house.clock.now()
    room = Room(busy=[], held={tenant.tenant_id: held}, each=8, each_organisation=12, free=free)
    async with works.pool.anyone() as conn:
        taken = await store.take_due(conn, now, now + LEASE, room)
    of = [due.tenant_id for due in taken]
    assert (of.count(tenant.tenant_id), of.count(stranger.tenant_id)) == shares
    turns = [due.webhook_id for due in taken]
    assert abs(turns.count(first) - turns.count(second)) <= 1


async def test_what_another_sender_has_in_hand_is_passed_and_not_waited_for(
    house: House, tenant: Tenant, works: Works
) -> None:
    await happened(house, tenant, works, "http://127.0.0.1/", webhooks=2, events=5)
    now = house.clock.now()
    room = Room(busy=[], held={}, each=8, each_organisation=16, free=3)
    async with works.pool.anyone() as one, works.pool.anyone() as other:
        begun = await store.take_due(one, now, now + LEASE, room)
        meanwhile = await store.take_due(other, now, now + LEASE, room)
    assert (len(begun), len(meanwhile)) == (3, 3)
    assert {due.delivery_id for due in begun}.isdisjoint(due.delivery_id for due in meanwhile)


async def test_a_secret_that_can_not_be_opened_is_a_failed_try_that_says_what_to_do_and_a_new_one_mends_it(
    house: House, tenant: Tenant, works: Works, receiver: Receiver, point: Any
) -> None:
    client = await tenant.client()
    webhook_id, _ = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    works.rows(
        "UPDATE webhooks SET secret = %s WHERE webhook_id = %s RETURNING 1", b"sealed by another key", webhook_id
    )
    await client.post("/api/v1/tokens", json=CARD)
    path = f"/api/v1/webhooks/{webhook_id}"
    assert await works.work() == 1
    [delivery] = await walk(client, f"{path}/deliveries")
    assert (delivery["state"], delivery["status"], delivery["error"]) == ("waiting", None, UNSIGNED)
    house.clock.advance(LEASE.total_seconds())
    assert await works.work() == 1
    for wait in RETRY_AFTER[1:]:
        house.clock.advance((wait - timedelta(seconds=1)).total_seconds())
        assert await works.work() == 0, "it is tried too early"
        house.clock.advance(1)
        assert await works.work() == 1
    whole = (await client.get(f"{path}/deliveries/{delivery['id']}")).json()
    assert [attempt["error"] for attempt in whole["attempts"]] == [UNSIGNED] * (len(RETRY_AFTER) + 1)
    assert (await client.get(path)).json()["pause_reason"] == "failing"
    assert receiver.got == []

    # The former secret would sign as well, if it could be opened.
    secret = (await client.post(f"{path}/rotate-secret")).json()["secret"]
    await client.patch(path, json={"active": True})
    await client.post(f"{path}/deliveries/{delivery['id']}/replay")
    assert await works.work() == 1
    [(headers, body)] = receiver.got
    assert headers["webhook-signature"] == signature(secret, headers, body)
