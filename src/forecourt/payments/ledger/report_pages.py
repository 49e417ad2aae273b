"""The screens of what the books say in sum: what each site and connector earned, and who owes what since when."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec import Struct

from forecourt.access.guard import Asker
from forecourt.access.store import find_organisation
from forecourt.payments.ledger.pages import GUARDED, WebRequest
from forecourt.payments.ledger.reports import read_profit
from forecourt.payments.ledger.store.reports import Earned, SiteCost, name_debts, name_fleets, read_receivables
from forecourt.payments.ledger.store.vat import read_vat
from forecourt.payments.ledger.words import money
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

#: Lines of one page; the API has all of them.
MAX_SHOWN: Final = 500
MAX_SPAN: Final = timedelta(days=400)
WRONG_SPAN: Final = mark("The days must be such as 2026-03-01, the first before the last, and 400 at most.")
FLEETS: Final = "fleet_receivable:"


class SiteEarned(Struct, frozen=True, kw_only=True):
    """What a site came to in one currency, connector by connector."""

    name: str | None
    currency: str
    rows: Sequence[Earned]
    other: int

    @property
    def profit(self) -> int | None:
        """What its connectors earned, less what else the site cost; None: what its energy cost is not known."""
        known = [row.profit for row in self.rows if row.profit is not None]
        return sum(known) - self.other if len(known) == len(self.rows) else None


def by_site(rows: Sequence[Earned], costs: Sequence[SiteCost]) -> list[SiteEarned]:
    """Rows by their sites, in their order."""
    other = {(cost.site_id, cost.currency): cost.other for cost in costs}
    found: dict[tuple[int | None, str], list[Earned]] = {}
    for row in rows:
        found.setdefault((row.site_id, row.currency), []).append(row)
    return [
        SiteEarned(
            name=group[0].site, currency=currency, rows=group,
            other=0 if site_id is None else other.get((site_id, currency), 0),
        )
        for (site_id, currency), group in found.items()
    ]  # fmt: skip


def report_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/ledger/profit`, `/ledger/receivables`."""

    @get("/ledger/profit", opt=dict(GUARDED), include_in_schema=False)
    async def profit(
        request: WebRequest,
        actor: Asker,
        first: Annotated[str, QueryParameter(name="from", max_length=10, pattern="^[0-9-]*$")] = "",
        last: Annotated[str, QueryParameter(name="to", max_length=10, pattern="^[0-9-]*$")] = "",
    ) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            zone = ZoneInfo((await find_organisation(conn, actor.tenant_id)).time_zone)
            today = clock.now().astimezone(zone).date()
            span = _span(first, last, today)
            begin, end = span or (today.replace(day=1), today)
            since, until = _at(begin, zone), _at(end + timedelta(days=1), zone)
            rows, costs = await read_profit(conn, actor.tenant_id, since, until)
            taxes = await read_vat(conn, actor.tenant_id, since, until)
        return shell.page(
            "money/profit.html", request, viewer=actor, current="ledger", status=200 if span else 422,
            sites=by_site(rows, costs), taxes=taxes, money=money, first=first or begin.isoformat(),
            last=last or end.isoformat(), fault="" if span else WRONG_SPAN,
        )  # fmt: skip

    @get("/ledger/receivables", opt=dict(GUARDED), include_in_schema=False)
    async def receivables(request: WebRequest, actor: Asker) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            rows = await read_receivables(conn, actor.tenant_id, clock.now(), limit=MAX_SHOWN + 1)
            fleets: dict[str, Any] = await name_fleets(conn, actor.tenant_id)
            debts = await name_debts(conn, actor.tenant_id, [row.who for row in rows])
        return shell.page(
            "money/receivables.html", request, viewer=actor, current="ledger", rows=rows[:MAX_SHOWN], money=money,
            fleets=fleets, debts=debts, more=len(rows) > MAX_SHOWN,
        )  # fmt: skip

    return [profit, receivables]


def _span(first: str, last: str, today: date) -> tuple[date, date] | None:
    """The days that were asked for, this month where none were; None: they can't be meant."""
    try:
        begin = date.fromisoformat(first) if first else today.replace(day=1)
        end = date.fromisoformat(last) if last else max(today, begin)
    except ValueError:
        return None
    return (begin, end) if timedelta(0) <= end - begin <= MAX_SPAN and begin.year >= 2000 else None


def _at(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
