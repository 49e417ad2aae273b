"""The screen of money that is nobody's: what there is of it, and where it was posted to."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.payments.forms import amount_shown, minor_of
from forecourt.payments.intents import store as intents
from forecourt.payments.intents.errors import PaymentUnknown
from forecourt.payments.ledger.words import account_words, money
from forecourt.payments.unmatched import service, store
from forecourt.payments.unmatched.model import MAX_WHY, NotPosted, RefundedSince, TargetRefused, To, UnmatchedTooHigh
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]
EntryId = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
PaymentId = Annotated[UUID, PathParameter()]
TARGETS: Final = (
    (To.INCOME, mark("Other income")), (To.DEBT, mark("A driver's debt")), (To.HOST, mark("A host")),
    (To.BANK, mark("Our bank account")),
)  # fmt: skip
NO_AMOUNT: Final = mark("Write an amount, such as 3.10.")
NO_WHY: Final = mark("Say why: it stands in the books, and in the audit.")
NO_TARGET: Final = mark("It can't be posted there: name the host, or the payment that is owed and not less than that.")
NOT_BACK: Final = mark("It was taken back already, or money of the payment was refunded since.")


class UnmatchedScreen:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock

    async def page(
        self, request: WebRequest, actor: Actor, fault: str = "", status: int = 200
    ) -> Response[str]:  # fmt: skip
        """What there is of it, and where it was posted to."""
        async with self._db.tenant(actor.tenant_id) as conn:
            rows = await store.list_open(conn, actor.tenant_id)
            posted = await store.list_posted(conn, actor.tenant_id)
        return self._shell.page(
            "money/unmatched.html", request, viewer=actor, current="ledger", status=status, rows=rows,
            posted=posted, fault=fault, money=money, written=amount_shown, named=account_words, targets=TARGETS,
            most=MAX_WHY, may_post=actor.may(Verb.EXPLAIN_MONEY),
        )  # fmt: skip

    async def post(self, request: WebRequest, actor: Actor, payment_id: UUID) -> Response[Any]:
        """Posts it as the form says, or says what is wrong with that. Raises PaymentUnknown."""
        form = {name: str(value)[:MAX_WHY].strip() for name, value in (await request.form()).items()}
        async with self._db.tenant(actor.tenant_id) as conn:
            intent = await intents.find_intent(conn, actor.tenant_id, payment_id)
        if intent is None:
            raise PaymentUnknown
        amount, why = minor_of(form.get("amount", ""), intent.currency), form.get("why", "")
        if not amount or not why:
            return await self.page(request, actor, _(NO_WHY if amount else NO_AMOUNT), 422)
        to, host, debt = form.get("to", ""), form.get("host", ""), form.get("debt", "")
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await service.post_to(
                    conn, actor, self._clock, payment_id, amount, To(to), why,
                    host=int(host) if to == To.HOST else None, debt=UUID(debt) if to == To.DEBT else None,
                    seen_left=int(form.get("left", "")),
                )  # fmt: skip
        except ChangedMeanwhile:
            return Redirect("/ledger/unmatched", status_code=303)
        except UnmatchedTooHigh as refused:
            left = money(refused.context["left"], intent.currency)
            return await self.page(request, actor, _("There is no more than %(left)s of it.") % {"left": left}, 409)
        except (TargetRefused, ValueError):
            return await self.page(request, actor, _(NO_TARGET), 422)
        return Redirect("/ledger/unmatched", status_code=303)

    async def take_back(self, request: WebRequest, actor: Actor, entry_id: int) -> Response[Any]:
        """Takes a posting back, once somebody says why."""
        why = str((await request.form()).get("why", ""))[:MAX_WHY].strip()
        if not why:
            return await self.page(request, actor, _(NO_WHY), 422)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await service.take_back(conn, actor, self._clock, entry_id, why)
        except (NotPosted, RefundedSince, TargetRefused):
            return await self.page(request, actor, _(NOT_BACK), 409)
        return Redirect("/ledger/unmatched", status_code=303)


def unmatched_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/ledger/unmatched` and its forms."""
    screen = UnmatchedScreen(shell, db, clock)

    @get("/ledger/unmatched", opt={"verb": Verb.READ_MONEY}, include_in_schema=False)
    async def unmatched(request: WebRequest, actor: Asker) -> Response[str]:
        return await screen.page(request, actor)

    @post(
        "/ledger/unmatched/{payment_id:uuid}", opt={"verb": Verb.EXPLAIN_MONEY}, include_in_schema=False,
        status_code=303,
    )  # fmt: skip
    async def post_unmatched(request: WebRequest, actor: Asker, payment_id: PaymentId) -> Response[Any]:
        return await screen.post(request, actor, payment_id)

    @post(
        "/ledger/unmatched/{entry_id:int}/take-back", opt={"verb": Verb.EXPLAIN_MONEY}, include_in_schema=False,
        status_code=303,
    )  # fmt: skip
    async def take_back(request: WebRequest, actor: Asker, entry_id: EntryId) -> Response[Any]:
        return await screen.take_back(request, actor, entry_id)

    return [unmatched, post_unmatched, take_back]
