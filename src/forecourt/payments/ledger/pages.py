"""The screens of the books: the journal, an entry, accounts, and what does not agree."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.payments.ledger import store
from forecourt.payments.ledger.model import AccountUnknown, EntryUnknown
from forecourt.payments.ledger.words import KINDS, account_words, money
from forecourt.platform.database import Pool
from forecourt.platform.paging import NEWEST
from forecourt.ui.shell import Shell

TEMPLATES_DIR: Final = Path(__file__).parent / "templates"
PAGE_SIZE: Final = 50

WebRequest = Request[Any, Any, Any]
Before = Annotated[int, QueryParameter(ge=1, le=NEWEST)]
EntryId = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
Account = Annotated[str, PathParameter(max_length=200, pattern=r"^[^\x00]*$")]
GUARDED: Final[dict[str, Any]] = {"verb": Verb.READ_MONEY}


def ledger_pages(shell: Shell, db: Pool) -> list[HTTPRouteHandler]:
    """`/ledger`, `/ledger/entries/{entry_id}`, `/ledger/accounts`, `/ledger/accounts/{account}`."""

    page = partial(_page, shell)

    @get("/ledger", opt=GUARDED, include_in_schema=False)
    async def journal(request: WebRequest, actor: Asker, before: Before = NEWEST) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            rows = await store.list_entries(conn, actor.tenant_id, place=(before,), limit=PAGE_SIZE + 1)
            legs = await _legs_of(conn, actor.tenant_id, rows)
        more = rows[PAGE_SIZE - 1].entry_id if len(rows) > PAGE_SIZE else None
        return page(
            "journal", request, actor, rows=rows[:PAGE_SIZE], legs=legs, next_before=more, first=before == NEWEST
        )

    @get("/ledger/entries/{entry_id:int}", opt=GUARDED, include_in_schema=False)
    async def entry(request: WebRequest, actor: Asker, entry_id: EntryId) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            row = await store.find_entry(conn, actor.tenant_id, entry_id)
            if row is None:
                raise EntryUnknown
            legs = await _legs_of(conn, actor.tenant_id, [row])
        return page("entry", request, actor, row=row, legs=legs)

    @get("/ledger/accounts", opt=GUARDED, include_in_schema=False)
    async def accounts(request: WebRequest, actor: Asker) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            rows = await store.list_balances(conn, actor.tenant_id)
        return page("accounts", request, actor, rows=rows)

    @get("/ledger/accounts/{account:str}", opt=GUARDED, include_in_schema=False)
    async def statement(request: WebRequest, actor: Asker, account: Account) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            if not await store.account_exists(conn, actor.tenant_id, account):
                raise AccountUnknown
            rows = await store.list_statement(conn, actor.tenant_id, account, limit=PAGE_SIZE)
        return page("account", request, actor, rows=rows, account=account)

    return [journal, entry, accounts, statement]


def _page(shell: Shell, name: str, request: WebRequest, actor: Asker, **values: Any) -> Response[str]:
    return shell.page(
        f"money/{name}.html", request, viewer=actor, current="ledger", kinds=KINDS, money=money, named=account_words,
        **values,
    )  # fmt: skip


async def _legs_of(conn: store.Connection, tenant_id: int, rows: list[store.EntryRow]) -> dict[int, Any]:
    found: dict[int, list[store.PostingRow]] = {row.entry_id: [] for row in rows}
    for leg in await store.list_postings(conn, tenant_id, list(found)):
        found[leg.entry_id].append(leg)
    return found
