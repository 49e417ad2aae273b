"""The message log as it is read: filters, pages, searches that end, calls with their answers."""

import itertools
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from forecourt.platform.ordering import Age
from forecourt.stations import store
from forecourt.stations.log import LogPage, read_log, read_news
from forecourt.stations.store import MessageFilter, MessageRow
from tests.http import House, Tenant
from tests.support import EPOCH

_numbers = itertools.count(1)


def a_station(house: House, tenant: Tenant) -> int:
    with house.admin() as connection:
        row = connection.execute(
            "INSERT INTO stations (tenant_id, identity) VALUES (%s, %s) RETURNING station_id",
            (tenant.tenant_id, f"LOG{next(_numbers)}"),
        ).fetchone()
    assert row is not None
    return int(row[0])


def say(house: House, tenant: Tenant, station_id: int, *frames: dict[str, Any]) -> None:
    """Frames in the order in which they were logged, a second apart."""
    with house.admin() as connection:
        for second, frame in enumerate(frames):
            known = {
                "at": EPOCH + timedelta(seconds=second),
                "direction": "i",
                "kind": 2,
                "message_id": f"m{second}",
                "action": "Heartbeat",
                "payload": "{}",
                "deviations": None,
                **frame,
                "tenant_id": tenant.tenant_id,
                "station_id": station_id,
            }
            connection.execute(
                f"INSERT INTO messages ({', '.join(known)}) VALUES ({', '.join(['%s'] * len(known))})",
                list(known.values()),
            )


async def read(house: House, tenant: Tenant, station_id: int, limit: int = 50, **wanted: Any) -> list[MessageRow]:
    async with house.db.tenant(tenant.tenant_id) as conn:
        page = await read_log(conn, tenant.tenant_id, station_id, limit=limit, wanted=MessageFilter(**wanted))
    return page.rows


async def pages(
    house: House, tenant: Tenant, station_id: int, order: Age, limit: int, wanted: MessageFilter
) -> AsyncIterator[LogPage]:
    """The log page by page, to its end."""
    place = None
    for _ in range(10):
        async with house.db.tenant(tenant.tenant_id) as conn:
            page = await read_log(
                conn, tenant.tenant_id, station_id, order=order, place=place, limit=limit, wanted=wanted
            )
        yield page
        if page.next is None:
            return
        place = (page.next,)
    raise AssertionError("the log never ends")


async def test_every_filter_keeps_what_it_names_and_nothing_else(house: House, tenant: Tenant) -> None:
    station_id = a_station(house, tenant)
    say(
        house,
        tenant,
        station_id,
        {"action": "StatusNotification", "payload": '{"status":"Faulted"}'},
        {"action": "StatusNotification", "message_id": "m0", "direction": "o", "kind": 3},
        {"action": "Reset", "direction": "o", "message_id": "r", "payload": '{"type":"Hard"}'},
        {"action": "Reset", "message_id": "r", "kind": 4, "payload": '{"code":"NotSupported"}'},
        {"action": "MeterValues", "deviations": "unknown-field $.x", "payload": '{"100%_sure":1}'},
    )

    async def seconds(**wanted: Any) -> list[int]:
        rows = await read(house, tenant, station_id, **wanted)
        return [int((row.at - EPOCH).total_seconds()) for row in rows]

    assert await seconds() == [4, 3, 2, 1, 0]
    assert await seconds(action="Reset") == [3, 2]
    assert await seconds(action="StatusNotification") == [1, 0]
    assert await seconds(direction="o") == [2, 1]
    assert await seconds(kinds=(3,)) == [1]
    assert await seconds(kinds=store.messages.REFUSALS) == [3]
    assert await seconds(deviating=True) == [4]
    assert await seconds(message_id="r") == [3, 2]
    assert await seconds(text="faULTed") == [0]
    assert await seconds(text="100%_") == [4]
    assert await seconds(text="%") == [4]
    assert await seconds(since=EPOCH + timedelta(seconds=2), until=EPOCH + timedelta(seconds=4)) == [3, 2]


@pytest.mark.parametrize(("order", "count"), [("newest", 25), ("oldest", 27)])
async def test_pages_follow_each_other_without_a_gap_while_new_messages_come(
    house: House, tenant: Tenant, order: Age, count: int
) -> None:
    station_id = a_station(house, tenant)
    say(house, tenant, station_id, *[{} for _ in range(25)])
    seen: list[int] = []
    async for page in pages(house, tenant, station_id, order, 10, MessageFilter()):
        seen += [row.number for row in page.rows]
        if len(seen) < 25:
            say(house, tenant, station_id, {})
    assert len(seen) == len(set(seen)) == count
    assert seen == sorted(seen, reverse=order == "newest")


@pytest.mark.parametrize(("order", "reached"), [("newest", [20, 10, 0]), ("oldest", [9, 19, 29])])
async def test_a_search_ends_after_so_many_messages_and_says_where_to_go_on(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, order: Age, reached: list[int]
) -> None:
    monkeypatch.setattr(store.messages, "SCAN_LIMIT", 10)
    station_id = a_station(house, tenant)
    say(house, tenant, station_id, {"payload": '"needle"'}, *[{} for _ in range(29)])
    wanted = MessageFilter(text="needle")
    read = [page async for page in pages(house, tenant, station_id, order, 50, wanted)]
    assert [row.payload for page in read for row in page.rows] == ['"needle"']
    assert [(at - EPOCH).total_seconds() for page in read if (at := page.searched_to)] == reached


async def test_a_call_is_found_with_its_answer_though_others_use_the_same_id(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    station_id, other, theirs = a_station(house, tenant), a_station(house, tenant), a_station(house, stranger)
    say(house, tenant, station_id, {"message_id": "1"}, {"message_id": "1", "kind": 3, "direction": "o"})
    say(house, tenant, other, {"message_id": "1"})
    say(house, stranger, theirs, {"message_id": "1"})
    async with house.db.tenant(tenant.tenant_id) as conn:
        rows = await store.list_messages(conn, tenant.tenant_id, station_id, limit=1)
        partners = await store.list_partners(conn, tenant.tenant_id, station_id, rows)
        foreign = await store.list_messages(conn, tenant.tenant_id, theirs, limit=5)
    assert [(row.kind, row.direction) for row in partners] == [(2, "i")]
    assert foreign == []


async def test_what_is_new_is_what_stands_above_the_newest_seen(house: House, tenant: Tenant) -> None:
    station_id = a_station(house, tenant)
    say(house, tenant, station_id, {}, {})
    newest = (await read(house, tenant, station_id))[0].number
    say(house, tenant, station_id, {"action": "Reset"}, {})
    async with house.db.tenant(tenant.tenant_id) as conn:
        news = await read_news(
            conn,
            tenant.tenant_id,
            station_id,
            after=newest,
            limit=50,
            wanted=MessageFilter(action="Reset"),
        )
    assert [row.action for row in news] == ["Reset"]


async def test_deviations_are_counted_by_kind_and_only_what_the_station_said(house: House, tenant: Tenant) -> None:
    station_id = a_station(house, tenant)
    say(
        house,
        tenant,
        station_id,
        {"deviations": "unknown-field $.a; unknown-field $.b; too-long $.c"},
        {"deviations": "TypeConstraintViolation: $.d must be a number"},
        {"deviations": "unknown-field $.a", "direction": "o"},
    )
    async with house.db.tenant(tenant.tenant_id) as conn:
        counts = await store.count_deviations(
            conn, tenant.tenant_id, station_id, EPOCH - timedelta(days=1), EPOCH + timedelta(days=1)
        )
    assert [(each.kind, each.count) for each in counts] == [
        ("unknown-field", 2),
        ("TypeConstraintViolation", 1),
        ("too-long", 1),
    ]


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("action = 'Reset' AND action <> ALL (ARRAY['Heartbeat', 'MeterValues', 'StatusNotification',"
         " 'TransactionEvent'])", "action"),
        ("deviations IS NOT NULL", "deviations"),
        ("kind IN (0, 4, 5)", "kind"),
    ],
)  # fmt: skip
def test_each_new_day_of_the_log_has_an_index_for_what_is_rare(house: House, condition: str, index: str) -> None:
    with house.admin() as connection, connection.transaction():
        connection.execute("SELECT stations_make_message_partition('2031-01-01')")
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT * FROM messages WHERE at >= '2031-01-01' AND at < '2031-01-02' AND station_id = 1"
            f" AND number < 9 AND {condition} ORDER BY number DESC LIMIT 50"
        ).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "messages_20310101" in text
    assert "Sort" not in text
    used = re.search(r"Index Scan.* using (\w+)", text)
    assert used is not None, text
    with house.admin() as connection:
        row = connection.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", (used[1],)).fetchone()
    assert row is not None
    assert re.search(rf"WHERE .*{index}", row[0]), row[0]
