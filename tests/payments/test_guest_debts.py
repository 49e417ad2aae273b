"""What somebody without an account owes is paid by its link: once, and by the books, whoever dies or comes twice."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation

from forecourt.payments.intents import store
from forecourt.payments.intents.errors import NothingOwed, PaymentUnknown
from forecourt.payments.intents.model import Intent, State
from forecourt.payments.intents.outcomes import Turn
from forecourt.payments.providers.stripe import Stripe
from forecourt.payments.psp.errors import ProviderRefused
from tests.ground import Ground
from tests.payments.till import Till, a_till
from tests.sandbox import Sandbox, sandbox
from tests.support import FakeClock

BACK = "https://drive.test/charging/{intent}/back"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """One for each test: its clock goes on by days."""
    with sandbox() as running:
        yield running


async def owes(till: Till, monkeypatch: pytest.MonkeyPatch, **about: Any) -> Intent:
    """Somebody who owes 11.90 euro, as the provider refused to take them of a hold that stands."""
    intent = await till.paid(**about)
    await till.work()

    async def refuse(*_: Any) -> Any:
        raise ProviderRefused("Not now.")

    with monkeypatch.context() as shut:
        shut.setattr(Stripe, "capture", refuse)
        till.plug_in(intent, wh=20_000)
        await till.work()
        await till.settle()
    owed = await till.find(intent)
    assert (owed.state, owed.owed_amount, owed.payer) == (State.FAILED, 1190, about.get("payer"))
    return owed


async def begin(till: Till, debt: Intent) -> Intent:
    return await till.payments.pay_debt_of(till.tenant_id, debt.intent_id, return_url=BACK)


async def pay(till: Till, paying: Intent) -> None:
    """On the provider's page; nobody comes back from it."""
    assert paying.reference is not None
    await asyncio.to_thread(till.box.pay, paying.reference, "visa")


def check_what_was_taken(till: Till) -> None:
    """Everything is taken once, and every entry comes to nothing."""
    taken = Counter(row["payment_intent"] for row in till.happened("capture"))
    assert list(taken.values()) == [1]
    loose = till.rows("SELECT sum(amount) AS it FROM postings WHERE tenant_id = %s GROUP BY entry_id", till.tenant_id)
    assert all(row["it"] == 0 for row in loose)


def receivable(till: Till) -> int:
    return till.balances().get("driver_receivable", 0)


async def test_whoever_presses_twice_pays_once_and_the_debt_is_gone(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    debt = await owes(till, monkeypatch)
    assert receivable(till) == 1190
    begun = await asyncio.gather(*(begin(till, debt) for _ in range(4)))
    assert len({each.intent_id for each in begun}) == 1
    assert begun[0].hold_amount == 1190
    assert begun[0].return_url == BACK.replace("{intent}", str(begun[0].intent_id))
    await pay(till, await till.find(begun[0]))
    # Nobody comes back, and no webhook is heard: it is found out all the same.
    till.clock.advance(301)
    await till.sweeper.sweep()
    assert (await till.find(begun[0])).state is State.CAPTURED
    assert ((await till.find(debt)).owed_amount, receivable(till)) == (0, 0)
    with pytest.raises(NothingOwed):
        await begin(till, debt)
    check_what_was_taken(till)


async def test_who_dies_while_it_is_posted_has_posted_nothing_and_the_next_one_posts_it_once(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    debt = await owes(till, monkeypatch)
    paying = await begin(till, debt)
    await pay(till, paying)
    step, at = Turn.step, []

    async def die(self: Turn, kind: str, **about: Any) -> None:
        await step(self, kind, **about)
        if kind == "debt_paid":
            at.append(kind)
            raise ConnectionResetError

    with monkeypatch.context() as dying:
        dying.setattr(Turn, "step", die)
        with pytest.raises(ConnectionResetError):
            await till.payments.returned(till.tenant_id, paying.intent_id)
    assert (at, (await till.find(debt)).owed_amount, receivable(till)) == (["debt_paid"], 1190, 1190)
    for _ in range(2):
        await till.payments.returned(till.tenant_id, paying.intent_id)
    assert ((await till.find(debt)).owed_amount, receivable(till)) == (0, 0)
    steps = till.rows("SELECT amount FROM payment_steps WHERE intent_id = %s AND kind = 'debt_paid'", debt.intent_id)
    assert [row["amount"] for row in steps] == [1190]
    check_what_was_taken(till)


async def test_what_is_owed_no_more_when_it_is_paid_goes_back(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    debt = await owes(till, monkeypatch)
    paying = await begin(till, debt)
    await till.payments.write_off(till.actor, debt.intent_id, "as a courtesy")
    await pay(till, paying)
    await till.payments.returned(till.tenant_id, paying.intent_id)
    await till.settle()
    paid = await till.find(paying)
    assert (paid.captured_amount, paid.refunded_amount, receivable(till)) == (1190, 1190, 0)
    check_what_was_taken(till)


async def test_what_the_provider_takes_back_is_owed_again_and_paid_by_the_same_link(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    debt = await owes(till, monkeypatch)
    first = await begin(till, debt)
    await pay(till, first)
    await till.payments.returned(till.tenant_id, first.intent_id)
    async with till.payments.saga.turn(till.tenant_id, first.intent_id) as turn:
        await turn.capture_lost("taken back")
    second = await begin(till, debt)
    assert (second.intent_id != first.intent_id, second.hold_amount) == (True, 1190)
    await pay(till, second)
    await till.payments.returned(till.tenant_id, second.intent_id)
    assert ((await till.find(first)).owed_amount, receivable(till)) == (0, 0)
    with pytest.raises(NothingOwed):
        await begin(till, debt)


@pytest.mark.parametrize("payer", [None, "driver:7"])
async def test_what_paid_a_debt_is_held_before_it_as_who_refunds_holds_them(
    till: Till, monkeypatch: pytest.MonkeyPatch, payer: str | None
) -> None:
    debt = await owes(till, monkeypatch, **({} if payer is None else {"payer": payer}))
    first = await (
        begin(till, debt) if payer is None else till.payments.pay_debt(till.tenant_id, payer, return_url=BACK)
    )
    await pay(till, first)
    await till.payments.returned(till.tenant_id, first.intent_id)
    async with till.payments.saga.turn(till.tenant_id, first.intent_id) as turn:
        await turn.capture_lost("taken back")
    till.rows("UPDATE payment_intents SET owed_amount = 1 WHERE intent_id = %s", debt.intent_id)

    async def held() -> list[Intent]:
        async with till.tenants.tenant(till.tenant_id) as conn:
            if payer is None:
                return await store.owed_of(conn, till.tenant_id, debt.intent_id, lock=True)
            return await store.owed_by(conn, till.tenant_id, payer, lock=True)

    hold = "SELECT FROM payment_intents WHERE intent_id = %s FOR UPDATE"
    with till.admin.transaction():
        till.admin.execute(hold, (first.intent_id,))
        holding = asyncio.create_task(held())
        blocked = "SELECT pid FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))"
        async with asyncio.timeout(30):
            while not till.rows(blocked, till.admin.info.backend_pid):
                await asyncio.sleep(0.01)
        till.admin.execute(f"{hold} NOWAIT".encode(), (debt.intent_id,))
    # What is paid first is the oldest all the same.
    assert [each.intent_id for each in await holding] == [debt.intent_id, first.intent_id]


async def test_who_pays_the_debt_of_what_paid_a_debt_pays_the_first(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    debt = await owes(till, monkeypatch)
    first = await begin(till, debt)
    await pay(till, first)
    await till.payments.returned(till.tenant_id, first.intent_id)
    async with till.payments.saga.turn(till.tenant_id, first.intent_id) as turn:
        await turn.capture_lost("taken back")
    second, again = await begin(till, first), await begin(till, debt)
    assert (second.intent_id, second.debt_of) == (again.intent_id, debt.intent_id)


async def test_a_debt_is_paid_by_a_payment_of_its_own_organisation_alone(
    till: Till, ground: Ground, clock: FakeClock, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_till(ground, clock, box) as another:
        theirs = await another.paid()
    debt = await owes(till, monkeypatch)
    paying = await begin(till, debt)
    change = "UPDATE payment_intents SET debt_of = %s WHERE intent_id = %s"
    with pytest.raises(ForeignKeyViolation):
        till.rows(change, theirs.intent_id, paying.intent_id)
    with pytest.raises(CheckViolation):
        till.rows(change, debt.intent_id, debt.intent_id)
    rows = till.rows(
        "SELECT convalidated FROM pg_constraint WHERE conrelid = 'payment_intents'::regclass"
        " AND pg_get_constraintdef(oid) LIKE '%%debt_of%%'"
    )
    assert [row["convalidated"] for row in rows] == [True, True]


async def test_only_what_is_owed_by_nobody_with_an_account_is_paid_so_and_nothing_else_of_others(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = await owes(till, monkeypatch, payer="driver:7")
    with pytest.raises(NothingOwed):
        await begin(till, theirs)
    with pytest.raises(PaymentUnknown):
        await till.payments.pay_debt_of(till.tenant_id, uuid4(), return_url=BACK)
