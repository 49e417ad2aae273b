"""Money that was taken and is nobody's is posted to where it belongs, and that is taken back by an entry against it."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from forecourt.access import Role
from forecourt.payments.intents import events
from forecourt.payments.intents import store as intents
from forecourt.payments.intents.errors import RefundTooHigh
from forecourt.payments.intents.model import Intent
from forecourt.payments.ledger import entries
from forecourt.payments.ledger.service import post
from forecourt.payments.unmatched import service
from forecourt.payments.unmatched.model import NotPosted, RefundedSince, TargetRefused, To, UnmatchedTooHigh
from forecourt.platform.database import Pool
from tests.http import House, Tenant, problem
from tests.payments.hosts import a_host
from tests.payments.test_by_hand import a_debtor, capture
from tests.payments.till import Till


@pytest_asyncio.fixture(scope="module")
async def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


async def taken(till: Till, amount: int = 1000) -> Intent:
    """So much was taken by hand for no session."""
    intent = await till.paid(evse=2)
    await till.work()
    await asyncio.to_thread(capture, till, intent, amount)
    return await till.payments.saga.heed(till.tenant_id, intent.intent_id)


async def posts(till: Till, intent: Intent, amount: int, to: To, **more: Any) -> int:
    async with till.tenants.tenant(till.tenant_id) as conn:
        row = await service.post_to(conn, till.actor, till.clock, intent.intent_id, amount, to, "as told", **more)
    return row.entry_id


async def back(till: Till, entry_id: int) -> None:
    async with till.tenants.tenant(till.tenant_id) as conn:
        await service.take_back(conn, till.actor, till.clock, entry_id, "by mistake")


async def test_it_is_posted_where_it_belongs_never_beyond_what_is_left_and_taken_back_once(till: Till) -> None:
    debt, intent = await a_debtor(till), await taken(till)
    host = await a_host(till)  # type: ignore[arg-type]
    before = till.balances()
    made = [
        await posts(till, intent, 300, To.INCOME),
        await posts(till, intent, 200, To.HOST, host=host.host_id),
        await posts(till, intent, 100, To.BANK),
        await posts(till, intent, 119, To.DEBT, debt=debt.intent_id),
    ]
    books = till.balances()
    moved = {name: books.get(name, 0) - before.get(name, 0) for name in books | before}
    assert {name: amount for name, amount in moved.items() if amount} == {
        "unmatched": 719, "other_income": -300, f"host_payable:{host.host_id}": -200, "bank": -100,
        "driver_receivable": -119,
    }  # fmt: skip
    assert (await till.find(debt)).owed_amount == 0
    [line] = till.rows("SELECT sum(amount) AS it FROM host_lines WHERE tenant_id = %s", till.tenant_id)
    assert line["it"] == 200
    for amount, to, more, refusal in (
        (282, To.INCOME, {}, UnmatchedTooHigh),
        (1, To.DEBT, {"debt": debt.intent_id}, TargetRefused),
        (1, To.HOST, {"host": 999_999}, TargetRefused),
        (1, To.HOST, {}, TargetRefused),
        (1, To.INCOME, {"host": host.host_id}, TargetRefused),
    ):
        with pytest.raises(refusal):
            await posts(till, intent, amount, to, **more)
    # What is posted goes back by no refund, and what is left does.
    with pytest.raises(RefundTooHigh):
        await till.payments.refund(till.actor, intent.intent_id, 282, "too much")
    for each in made:
        await back(till, each)
        with pytest.raises(NotPosted):
            await back(till, each)
    assert till.balances() == before
    assert (await till.find(debt)).owed_amount == 119
    said = till.rows("SELECT action FROM audit WHERE tenant_id = %s AND action LIKE '%%unmatched%%'", till.tenant_id)
    assert len(said) == 2 * len(made)


async def test_of_two_debts_paid_at_one_moment_each_is_owed_again_by_its_own_posting(till: Till) -> None:
    debts = [await a_debtor(till, payer) for payer in ("driver:7", "driver:8")]
    intent = await taken(till)
    await till.work()
    made = [await posts(till, intent, 119, To.DEBT, debt=debt.intent_id) for debt in debts]
    assert sorted(await till.work()) == [events.CAPTURED] * 2
    assert [(await till.find(debt)).owed_amount for debt in debts] == [0, 0]
    await back(till, made[1])
    assert [(await till.find(debt)).owed_amount for debt in debts] == [0, 119]
    await back(till, made[0])
    assert [(await till.find(debt)).owed_amount for debt in debts] == [119, 119]


async def test_two_who_post_the_same_at_once_post_what_there_is(till: Till) -> None:
    intent = await taken(till, 500)
    done = await asyncio.gather(*(posts(till, intent, 400, To.INCOME) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(each, int) for each in done) == 1
    assert till.balances()["unmatched"] == -100
    await till.payments.refund(till.actor, intent.intent_id, None, "the rest")
    assert till.balances().get("unmatched") is None
    [entry] = [each for each in done if isinstance(each, int)]
    with pytest.raises(RefundedSince):
        await back(till, entry)


async def test_what_is_posted_above_a_bill_leaves_refunds_to_the_bill(till: Till) -> None:
    intent = await till.paid()
    await till.work()
    await asyncio.to_thread(capture, till, intent, 1500)
    till.plug_in(intent, wh=20_000)
    await till.work()
    assert till.balances()["unmatched"] == -310
    await posts(till, intent, 310, To.INCOME)
    await till.payments.refund(till.actor, intent.intent_id, 595, "half")
    books = till.balances()
    assert (books.get("unmatched"), books["revenue:energy"], books["other_income"]) == (None, -500, -310)
    await till.payments.refund(till.actor, intent.intent_id, None, "all of the bill")
    books = till.balances()
    assert {name: amount for name, amount in books.items() if not name.startswith("psp")} == {"other_income": -310}


@pytest_asyncio.fixture
async def odd(house: House, tenant: Tenant) -> AsyncIterator[UUID]:
    """A payment of which 3.10 euro are nobody's."""
    now = house.clock.now()
    async with house.db.tenant(tenant.tenant_id) as conn:
        values = {
            "purpose": "session", "method": "hosted", "state": "captured", "currency": "EUR", "hold_amount": 310,
            "authorised_amount": 310, "captured_amount": 310, "language": "en", "hold_said": {}, "created_at": now,
            "updated_at": now,
        }  # fmt: skip
        intent = await intents.insert_intent(conn, tenant.tenant_id, values)
        entry = entries.capture_unbilled(intent=str(intent), at=now, account="acme", currency="EUR", captured=310)
        await post(conn, tenant.tenant_id, entry)
    yield intent


async def test_it_is_posted_by_the_api_and_the_console(house: House, tenant: Tenant, odd: UUID) -> None:
    owner, viewer = await tenant.client(Role.OWNER), await tenant.client(Role.VIEWER)
    path = "/api/v1/ledger/unmatched"
    there = (await owner.get(path)).json()["items"]
    assert there == [{"payment": str(odd), "amount": {"amount": 310, "currency": "EUR"}}]
    asked = {"payment": str(odd), "amount": 110, "to": "income", "why": "A fee agreed by telephone"}
    assert (await viewer.post(path, json=asked)).status_code == 403
    key = {"Idempotency-Key": "once"}
    first, second = [await owner.post(path, json=asked, headers=key) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, second.json())
    assert {leg["account"]: leg["amount"]["amount"] for leg in first.json()["legs"]} == {
        "unmatched": 110, "other_income": -110,
    }  # fmt: skip
    problem(await owner.post(path, json=asked | {"amount": 201}), 409, "unmatched-too-high")
    problem(await owner.post(path, json=asked | {"to": "host"}), 422, "unmatched-target-refused")
    undone = f"{path}/{first.json()['id']}/take-back"
    assert (await owner.post(undone, json={"why": "No such fee"})).status_code == 200
    problem(await owner.post(undone, json={"why": "No such fee"}), 409, "unmatched-not-posted")
    page = await owner.get("/ledger/unmatched", headers={"accept": "text/html"})
    assert 'name="left" value="310"' in page.text
    form = {"to": "income", "amount": "1.00", "left": "310", "why": "A fee", "host": "", "debt": ""}
    for _ in range(2):
        assert (await owner.post(f"/ledger/unmatched/{odd}", data=form)).status_code == 303
    [left] = (await owner.get(path)).json()["items"]
    assert left["amount"]["amount"] == 210
    page = await owner.get("/ledger/unmatched", headers={"accept": "text/html"})
    assert "A fee" in page.text
    wrong = await owner.post(f"/ledger/unmatched/{odd}", data=form | {"to": "debt", "debt": "x", "left": "210"})
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (422, True)
    # What is kept for good has a reason.
    [entry] = re.findall(r"/ledger/unmatched/(\d+)/take-back", page.text)
    for place, said in ((odd, form | {"why": " ", "left": "210"}), (f"{entry}/take-back", {"why": " "})):
        silent = await owner.post(f"/ledger/unmatched/{place}", data=said)
        assert (silent.status_code, "Say why" in silent.text) == (422, True)
    assert (await owner.get(path)).json()["items"] == [left]
