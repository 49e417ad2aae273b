"""Receipts have consecutive numbers where the law wants that: without a gap, whoever posts at once or gives up."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from forecourt.payments.intents import store as intents
from forecourt.payments.intents.model import Intent
from forecourt.payments.intents.store import IntentFilter
from forecourt.payments.receipts.model import Numbered, Series
from forecourt.payments.receipts.service import number
from forecourt.payments.receipts.store import find_numbered
from tests.payments.till import Till


async def sold(till: Till, evse: int = 1) -> Intent:
    intent = await till.paid(evse=evse)
    await till.work()
    till.plug_in(intent, wh=20_000)
    await till.work()
    return await till.find(intent)


async def numbered(till: Till, intent: Intent) -> Numbered:
    async with till.tenants.tenant(till.tenant_id) as conn:
        return await find_numbered(conn, till.tenant_id, intent.intent_id)


async def test_what_is_sold_in_spain_is_numbered_in_its_order_and_what_goes_back_in_a_series_of_its_own(
    till: Till,
) -> None:
    at_home = await sold(till)
    till.rows("UPDATE sites SET country = 'ES' WHERE tenant_id = %s", till.tenant_id)
    year = till.clock.now().year
    first, second = await sold(till), await sold(till)
    await till.payments.refund(till.actor, first.intent_id, 100, "too warm")
    await till.payments.refund(till.actor, second.intent_id, 100, "too cold")
    await till.payments.refund(till.actor, first.intent_id, None, "all of it")
    third = await sold(till)
    assert [await numbered(till, each) for each in (at_home, first, second, third)] == [
        Numbered(),
        Numbered(number=f"ES-{year}-00001", corrections=(f"ESC-{year}-00001", f"ESC-{year}-00003")),
        Numbered(number=f"ES-{year}-00002", corrections=(f"ESC-{year}-00002",)),
        Numbered(number=f"ES-{year}-00003"),
    ]
    async with till.tenants.tenant(till.tenant_id) as conn:
        for name in (f"es-{year}-00002", f"ESC-{year}-00002"):
            found = await intents.list_intents(conn, till.tenant_id, IntentFilter(search=name), limit=9)
            assert [each.intent_id for each in found] == [second.intent_id]
    for statement in ("UPDATE receipts SET serial = 9", "DELETE FROM receipts"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            till.rows(statement)


async def test_numbers_have_no_gap_and_no_twin_whoever_takes_them_at_once_or_gives_up(till: Till) -> None:
    made = [await till.begin(evse=evse) for evse in (1, 2, 3)]
    at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)

    async def take(entry: int, payment: UUID) -> None:
        async with till.tenants.tenant(till.tenant_id) as conn:
            for _ in range(2):
                await number(
                    conn, till.tenant_id, Series.RECEIPT, "PT", payment=payment, entry=f"capture:{entry}", at=at
                )
            if entry % 3 == 0:
                raise RuntimeError("given up")

    tries = [take(each, made[each % 3].intent_id) for each in range(24)]
    over = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, RuntimeError) for each in over) == 8
    rows = till.rows("SELECT number FROM receipts WHERE tenant_id = %s ORDER BY serial", till.tenant_id)
    assert [row["number"] for row in rows] == [f"PT-2026-{each:05}" for each in range(1, 17)]
    # In Madrid the next year has begun.
    async with till.tenants.tenant(till.tenant_id) as conn:
        for country in ("ES", "DE"):
            await number(
                conn, till.tenant_id, Series.RECEIPT, country, payment=made[0].intent_id, entry=f"new:{country}", at=at
            )
    [new] = till.rows("SELECT number FROM receipts WHERE tenant_id = %s AND country <> 'PT'", till.tenant_id)
    assert new["number"] == "ES-2027-00001"
