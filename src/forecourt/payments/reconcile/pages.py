"""The screen of what providers and banks say otherwise than the journal."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.payments.ledger.words import money
from forecourt.payments.reconcile import store
from forecourt.payments.reconcile.model import EXPLAINED
from forecourt.payments.reconcile.service import Reconciler
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.shell import Shell

PAGE_SIZE: Final = 100
MAX_TEXT: Final = 200

WebRequest = Request[Any, Any, Any]
Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


def reconcile_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/reconciliation`, and the form that explains a difference."""

    @get("/reconciliation", opt={"verb": Verb.READ_MONEY}, include_in_schema=False)
    async def differences(request: WebRequest, actor: Asker) -> Response[str]:
        async with db.tenant(actor.tenant_id) as conn:
            rows = await store.list_differences(conn, actor.tenant_id, limit=PAGE_SIZE)
            compared = await store.list_reconciliations(conn, actor.tenant_id)
        return shell.page(
            "money/differences.html", request, viewer=actor, current="ledger", rows=rows, compared=compared,
            explained=EXPLAINED, money=money, may_explain=actor.may(Verb.EXPLAIN_MONEY),
        )  # fmt: skip

    @post(
        "/reconciliation/{difference_id:int}/explain", opt={"verb": Verb.EXPLAIN_MONEY}, include_in_schema=False,
        status_code=303,
    )  # fmt: skip
    async def explain(request: WebRequest, actor: Asker, difference_id: Number) -> Redirect:
        text = str((await request.form()).get("text", ""))[:MAX_TEXT].strip()
        if text:
            async with db.tenant(actor.tenant_id) as conn:
                await Reconciler(db, clock).explain(conn, actor, difference_id, text)
        return Redirect("/reconciliation", status_code=303)

    return [differences, explain]
