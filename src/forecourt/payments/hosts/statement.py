"""What a host is told for a span of time: every line with its session, what was carried, VAT, and what is left.

As a CSV sheet of any length; `paper` makes a PDF of it. It is made anew whenever it is asked for; what a host is billed
by is a document that stays, see `documents`.
"""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.payments.files import kwh, plain
from forecourt.payments.hosts.model import HostUnknown
from forecourt.payments.hosts.store import Connection, lines
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.hosts.store.lines import LineRow, Sums
from forecourt.payments.hosts.words import line_words, memo_words
from forecourt.platform.database import Pool
from forecourt.platform.ordering import Place
from forecourt.platform.sheets import plain_cell

HEADINGS: Final = (
    "date", "kind", "entry", "session", "started", "station", "evse", "connector", "energy_kwh", "net", "share",
    "platform_fee", "vat", "amount", "balance", "currency", "payout", "note", "session_url", "signed_values_url",
    "what", "why",
)  # fmt: skip
#: Lines of a sheet that are read in one transaction.
AT_ONCE: Final = 5_000
#: The first and the last row of a sheet: what was open before, and what is left. By their kinds, what each is.
EDGES: Final = {"carried": "Carried over", "left": "Left"}


class Statement(Struct, frozen=True, kw_only=True):
    """One host, one currency, [since, until): what was carried there, what its lines come to, and what is left. Amounts
    in minor units, summed by the database, so they are right whatever of the lines is shown."""

    organisation: str
    host: HostRow
    currency: str
    since: datetime
    until: datetime
    zone: str
    opening: int
    sums: Sums

    @property
    def number(self) -> str:
        """Its own number: the same span of the same host has the same."""
        return f"H{self.host.host_id}-{self.currency}-{self.since:%Y%m%d}-{self.until:%Y%m%d}"

    @property
    def closing(self) -> int:
        """What is left at the end."""
        return self.opening + self.sums.amount


async def read(
    conn: Connection, tenant_id: int, organisation: str, host_id: int, currency: str, since: datetime, until: datetime
) -> Statement:
    """The statement of a host. Raises HostUnknown."""
    host = await store.find_host(conn, tenant_id, host_id)
    if host is None:
        raise HostUnknown
    before = await lines.owed(conn, tenant_id, host_ids=[host_id], before=since)
    return Statement(
        organisation=organisation, host=host, currency=currency, since=since, until=until,
        zone=await store.time_zone(conn, tenant_id),
        opening=sum(each.amount for each in before if each.currency == currency),
        sums=await lines.sum_lines(conn, tenant_id, host_id, currency, since, until),
    )  # fmt: skip


async def read_lines(
    conn: Connection, tenant_id: int, statement: Statement, *, place: Place = None, limit: int
) -> list[LineRow]:
    """The lines of a statement behind the number of a place, the oldest first: those that it was summed of."""
    return await lines.list_lines(
        conn, tenant_id, statement.host.host_id, currency=statement.currency, since=statement.since,
        until=statement.until, up_to=statement.sums.last_line, order="oldest", place=place, limit=limit,
    )  # fmt: skip


def session_path(line: LineRow) -> str:
    """Where the session is shown."""
    return "" if line.session_id is None else f"/sessions/{line.session_id}"


def signed_path(line: LineRow) -> str:
    """Where the signed meter values of a session are."""
    return "" if line.session_id is None else f"/api/v1/sessions/{line.session_id}/signed-values"


async def as_csv(pool: Pool, tenant_id: int, statement: Statement, public_url: str) -> AsyncIterator[str]:
    """The sheet in parts, read in short transactions; the first row carries what was open, the last says what is
    left."""
    zone, balance = ZoneInfo(statement.zone), statement.opening
    yield _sheet([HEADINGS, _edge(statement, "carried", statement.since.astimezone(zone), balance)])
    place: Place = None
    while True:
        async with pool.tenant(tenant_id) as conn:
            some = await read_lines(conn, tenant_id, statement, place=place, limit=AT_ONCE)
        rows = []
        for line in some:
            balance += line.amount
            rows.append(_row(statement, line, zone, balance, public_url))
        yield _sheet(rows)
        if len(some) < AT_ONCE:
            break
        place = (some[-1].line_id,)
    yield _sheet([_edge(statement, "left", statement.until.astimezone(zone), statement.closing)])


def _sheet(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _edge(statement: Statement, kind: str, at: datetime, balance: int) -> list[str]:
    cells = dict.fromkeys(HEADINGS, "")
    cells |= {"date": f"{at:%Y-%m-%d}", "kind": kind, "what": EDGES[kind], "currency": statement.currency}
    return list((cells | {"balance": plain(balance, statement.currency)}).values())


def _row(statement: Statement, line: LineRow, zone: ZoneInfo, balance: int, public_url: str) -> list[str]:
    def money(amount: int | None) -> str:
        return plain(amount, statement.currency)

    session = line.session_id is not None
    return [
        f"{line.at.astimezone(zone):%Y-%m-%d}", line.kind, str(line.entry_id), plain_cell(str(line.session_id or "")),
        "" if line.started_at is None else line.started_at.astimezone(zone).isoformat(), plain_cell(line.station or ""),
        str(line.evse or ""), str(line.connector or ""), kwh(line.energy_wh), money(line.net) if session else "",
        money(line.share) if session else "", money(line.platform_fee), money(line.vat), money(line.amount),
        money(balance), line.currency, str(line.payout_id or ""), plain_cell(line.memo),
        f"{public_url}{session_path(line)}" if session else "", f"{public_url}{signed_path(line)}" if session else "",
        line_words(line, own=True), plain_cell(memo_words(line)),
    ]  # fmt: skip
