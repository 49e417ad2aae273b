"""Reading the message log page by page, each page bounded in what it looks through."""

from datetime import datetime

from msgspec import Struct, structs

from forecourt.platform.ordering import Age, Place
from forecourt.stations import store
from forecourt.stations.store import Connection, MessageFilter, MessageRow


class LogPage(Struct, frozen=True, kw_only=True):
    """Some messages. `next` is the number behind which the next page begins, None at the end of the log.

    `searched_to` is set when the search ended because enough was looked through: further messages may match as well.
    """

    rows: list[MessageRow]
    next: int | None
    searched_to: datetime | None = None


async def read_log(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    *,
    order: Age = "newest",
    place: Place = None,
    limit: int,
    wanted: MessageFilter,
) -> LogPage:
    """A page of up to `limit` messages behind the number of a place. A search for what no index knows stops after
    `store.messages.SCAN_LIMIT` messages."""
    end = None
    if wanted.scans:
        end = await store.find_scan_end(conn, tenant_id, station_id, order=order, place=place, wanted=wanted)
    rows = await store.list_messages(
        conn,
        tenant_id,
        station_id,
        order=order,
        place=place,
        to=None if end is None else end[0],
        limit=limit + 1,
        wanted=wanted,
    )
    if len(rows) > limit:
        return LogPage(rows=rows[:limit], next=rows[limit - 1].number)
    if end is not None:
        return LogPage(rows=rows, next=end[0], searched_to=end[1])
    return LogPage(rows=rows, next=None)


async def read_news(
    conn: Connection, tenant_id: int, station_id: int, *, after: int, limit: int, wanted: MessageFilter
) -> list[MessageRow]:
    """Up to `limit` messages above `after`, newest first."""
    return await store.list_messages(
        conn, tenant_id, station_id, to=after + 1, limit=limit, wanted=structs.replace(wanted, until=None)
    )
