"""The screens of hosts: who they are, what they are owed and were paid. Site hosts see their own here."""

from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.payments.hosts import service
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store import lines
from forecourt.payments.hosts.store import payouts as kept
from forecourt.payments.ledger.words import EVERY, KINDS, STATES, money
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui import formats
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

PAGE_SIZE: Final = 50
MAX_LISTED: Final = 500

WebRequest = Request[Any, Any, Any]
Done = Annotated[str, QueryParameter(name="done", max_length=30)]
HostId = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
#: Of a share rule, in percent of what was earned before VAT.
PERCENTS: Final = {
    "energy": mark("Percent of energy"),
    "time": mark("Percent of charging time"),
    "idle": mark("Percent of parking"),
    "flat": mark("Percent of session fees"),
    "reservation": mark("Percent of reservations"),
}
GUARDED: Final[dict[str, Any]] = {"verb": Verb.READ_HOSTS}


def host_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/hosts`, `/hosts/{host_id}`."""

    def page(name: str, request: WebRequest, actor: Asker, **values: Any) -> Response[str]:
        return shell.page(
            f"money/{name}.html", request, viewer=actor, current="hosts", kinds=KINDS, money=money, every=EVERY,
            states=STATES, date_of=formats.date_of, **values,
        )  # fmt: skip

    @get("/hosts", opt=GUARDED, include_in_schema=False)
    async def hosts(request: WebRequest, actor: Asker) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            rows = await store.list_hosts(conn, actor.tenant_id, limit=MAX_LISTED)
            owed = await lines.owed(conn, actor.tenant_id)
            sites = await store.name_sites(conn, actor.tenant_id, [site for row in rows for site in row.site_ids])
        return page("hosts", request, actor, rows=rows, owed=owed, sites=sites, may_change=actor.may(Verb.CHANGE_HOSTS))

    @get("/hosts/{host_id:int}", opt=GUARDED, include_in_schema=False)
    async def host(request: WebRequest, actor: Asker, host_id: HostId, done: Done = "") -> Response[str]:
        now = clock.now()
        async with db.tenant(actor.tenant_id) as conn:
            found = await service.find(conn, actor.tenant_id, host_id)
            rows = await lines.list_lines(conn, actor.tenant_id, host_id, limit=PAGE_SIZE)
            owed = await lines.owed(conn, actor.tenant_id, host_ids=[host_id])
            paid = await kept.list_payouts(conn, actor.tenant_id, host_id=host_id, limit=PAGE_SIZE)
            rules = await store.list_rules(conn, actor.tenant_id, host_id=host_id, limit=PAGE_SIZE)
            sites = await store.name_sites(conn, actor.tenant_id, [row.site_id for row in rules])
            zone = ZoneInfo(await store.time_zone(conn, actor.tenant_id))
        begin = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        before = (begin - timedelta(days=1)).replace(day=1)
        path = f"/api/v1/hosts/{host_id}/statement?"
        spans = [
            (word, path + urlencode({"from": first.isoformat(), "to": last.isoformat()}))
            for word, first, last in ((mark("Last month"), before, begin), (mark("This month"), begin, now))
        ]
        return page("host", request, actor, host=found, rows=rows, owed=owed, payouts=paid, spans=spans,
                    rules=rules, sites=sites, percents=PERCENTS, done=done == "stored",
                    may_change=actor.may(Verb.CHANGE_HOSTS))  # fmt: skip

    return [hosts, host]
