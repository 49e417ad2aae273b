"""Reading the message log page by page, each page bounded in what it looks through."""

from datetime import datetime

from msgspec import Struct, structs

from forecourt.stations import store
from forecourt.stations.store import Connection, MessageFilter, MessageRow


class LogPage(Struct, frozen=True, kw_only=True):
    """Some messages, newest first. `older` is where the next page begins, None at the end of the log.

    `searched_to` is set when the search ended because enough was looked through: older messages may match as well.
    """

    rows: list[MessageRow]
    older: int | None
    searched_to: datetime | None = None


async def read_log(
    conn: Connection, tenant_id: int, station_id: int, *, before: int, limit: int, wanted: MessageFilter
) -> LogPage:
    """A page of up to `limit` messages below `before`. A search for what no index knows stops after
    `store.messages.SCAN_LIMIT` messages."""
    floor = None
    if wanted.scans:
        floor = await store.find_floor(conn, tenant_id, station_id, before=before, wanted=wanted)
    rows = await store.list_messages(
        conn,
        tenant_id,
        station_id,
        before=before,
        after=None if floor is None else floor[0] - 1,
        limit=limit + 1,
        wanted=wanted,
    )
    if len(rows) > limit:
        return LogPage(rows=rows[:limit], older=rows[limit - 1].number)
    if floor is not None:
        return LogPage(rows=rows, older=floor[0], searched_to=floor[1])
    return LogPage(rows=rows, older=None)


async def read_news(
    conn: Connection, tenant_id: int, station_id: int, *, after: int, before: int, limit: int, wanted: MessageFilter
) -> list[MessageRow]:
    """Up to `limit` messages above `after`, newest first."""
    return await store.list_messages(
        conn, tenant_id, station_id, before=before, after=after, limit=limit, wanted=structs.replace(wanted, until=None)
    )
