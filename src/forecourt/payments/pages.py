"""The pages of payments: a list with its filters in the address, and one payment with all that happened to it, what
was asked of its provider, and the way to its session. A refund tells what was left when its page was read, so that who
presses twice gives back once.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.payments.api import CURSORS, MAX_SEARCH
from forecourt.payments.debts.store import NOTHING, Late, find_late
from forecourt.payments.disputes.shown import REASONS
from forecourt.payments.disputes.shown import STATUSES as STATUSES_OF_DISPUTES
from forecourt.payments.disputes.store import list_disputes
from forecourt.payments.forms import amount_shown, minor_of
from forecourt.payments.intents import store
from forecourt.payments.intents.errors import (
    InvoicedAlready,
    NothingCaptured,
    NothingOwed,
    PaidAtTerminal,
    PaymentDisputed,
    PaymentUnknown,
    RefundTooHigh,
)
from forecourt.payments.intents.model import MAX_REASON, Call, CallKind, Intent, State, Step
from forecourt.payments.intents.service import Payments
from forecourt.payments.intents.store import IntentFilter, story
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.paging import NextCursor
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.ui import formats
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

TEMPLATES_DIR: Final = Path(__file__).parent / "templates"
#: Lines on one page.
PAGE_SIZE: Final = 50
STATES: Final[Mapping[str, str]] = {
    "hold_requested": mark("Waits for the driver"),
    "authorised": mark("Authorised"),
    "capturing": mark("Being taken"),
    "captured": mark("Captured"),
    "refunded": mark("Refunded"),
    "disputed": mark("Disputed"),
    "releasing": mark("Being given back"),
    "released": mark("Hold given back"),
    "failed": mark("Failed"),
    "expired": mark("Expired"),
    "abandoned": mark("Abandoned"),
}
#: The colour of each, that of a state of stations.
TONES: Final[Mapping[str, str]] = {
    "hold_requested": "Preparing",
    "authorised": "Charging",
    "capturing": "Charging",
    "captured": "Available",
    "disputed": "Faulted",
    "releasing": "Finishing",
    "failed": "Faulted",
    "expired": "SuspendedEV",
}
#: What was asked of a provider, and what came of it.
CALLS: Final[Mapping[CallKind, str]] = {
    CallKind.HOLD: mark("To hold"),
    CallKind.INCREMENT: mark("To hold more"),
    CallKind.CAPTURE: mark("To take what was held"),
    CallKind.CANCEL: mark("To give the hold back"),
    CallKind.REFUND: mark("To refund"),
    CallKind.CHARGE: mark("To charge the saved card"),
}
OUTCOMES: Final[Mapping[str, str]] = {"open": mark("not answered yet"), "done": mark("done"), "failed": mark("refused")}
#: What is paid for that is no session.
PURPOSES: Final = {
    "top_up": mark("Wallet topped up"),
    "debt": mark("Debt of a driver"),
    "fee": mark("Month of a membership"),
}
STEPS: Final[Mapping[str, str]] = {
    **STATES,
    "hold_requested": mark("A hold was asked for"),
    "delivered": mark("The session was told whole, before anything was held for it"),
    "over_limit": mark("It is above a limit of its fleet, and billed all the same"),
    "session_started": mark("The session began"),
    "confirm_on_page": mark("The bank wants the driver to confirm: led to the payment page"),
    "start_asked": mark("The station was asked to start"),
    "slowed": mark("It charges slower, as what was held is nearly used up"),
    "stop_asked": mark("The station was asked to stop"),
    "incremented": mark("The hold was raised"),
    "increment_refused": mark("The hold could not be raised"),
    "hold_lost": mark("Nothing could be taken of the hold"),
    "capture_lost": mark("The provider took the capture back"),
    "owed": mark("The amount is a debt"),
    "taken_ahead": mark("Taken as the hold ran out, before the session had its price"),
    "nothing_delivered": mark("The start was refused or never paid, and nothing was delivered: nothing is owed"),
    "driver_told_stopped": mark("The driver was told that the session was stopped"),
    "driver_told_owed": mark("The driver was told what is owed"),
    "debt_paid": mark("Of the debt was paid"),
    "debt_refunded": mark("Of what paid the debt later was given back"),
    "written_off": mark("The debt was written off"),
    "disputed": mark("The driver's bank disputes it"),
    "dispute_won": mark("The dispute was won"),
    "dispute_lost": mark("The dispute was lost"),
    "refund_asked": mark("A refund was asked for"),
    "refund_refused": mark("The refund was refused"),
    "refund_failed": mark("The refund came to nothing"),
    "taken_there": mark("The money was taken at the provider by hand"),
    "unmatched_posted": mark("What was nobody's of it was posted to where it belongs"),
    "unmatched_back": mark("What was nobody's of it is so again"),
    "driver_told_refunded": mark("The driver was told of the refund"),
    "driver_told_refund_failed": mark("The driver was told that the refund failed"),
    "release_refused": mark("The hold could not be given back and runs out by itself"),
}
#: Why nothing of a payment may go back.
WHY_NOT: Final[Mapping[type[ForecourtError], str]] = {
    NothingCaptured: mark("Nothing was captured of this payment."),
    PaidAtTerminal: mark("This was paid at the station's own terminal. Give it back at its provider."),
    PaymentDisputed: mark("The driver's bank disputed this payment: nothing goes back by a refund."),
    InvoicedAlready: mark("This session stands on a fleet's invoice. Credit it there."),
}
REFUSED: Final[tuple[type[ForecourtError], ...]] = (RefundTooHigh, *WHY_NOT)
READING: Final[Mapping[str, Any]] = {"verb": Verb.READ}
CHANGING: Final[Mapping[str, Any]] = {"verb": Verb.CHANGE_PAYMENTS}

#: An amount in minor units, as a page wrote it.
_WHOLE: Final = re.compile("[0-9]{1,15}")

WebRequest = Request[Any, Any, Any]
PaymentId = Annotated[UUID, PathParameter()]


def amount(minor: int | None, currency: str) -> str:
    """An amount as it is read: 11.90 EUR, 11,90 EUR."""
    return formats.money(minor, currency)


def refused(fault: ForecourtError, currency: str) -> str:
    """Why nothing goes back, or not so much, as it is read."""
    if isinstance(fault, RefundTooHigh):
        return _("No more than %(left)s may go back of it now.") % {"left": amount(fault.context["left"], currency)}
    return _(WHY_NOT[type(fault)])


class PaymentPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, payments: Payments) -> None:
        self._shell = shell
        self._db = db
        self._payments = payments

    async def show_list(self, request: WebRequest, *, state: str, search: str, cursor: str | None) -> Response[str]:
        """Payments, the newest first."""
        actor = _actor(request)
        place = CURSORS["newest"].decode(cursor)
        wanted = IntentFilter(state=state or None, search=search or None)
        async with self._db.tenant(actor.tenant_id) as conn:
            rows = await store.list_intents(conn, actor.tenant_id, wanted, place=place, limit=PAGE_SIZE + 1)
            late = await find_late(conn, actor.tenant_id, [each.intent_id for each in rows])
        asked = {name: value for name, value in (("state", state), ("q", search)) if value}
        more = None
        if len(rows) > PAGE_SIZE:
            more = "/payments?" + urlencode({**asked, "cursor": CURSORS["newest"].encode(rows[PAGE_SIZE - 1].number)})
        return self._page(
            "list", request, rows=rows[:PAGE_SIZE], more=more, first=cursor is None, state=state, search=search,
            late={each.intent_id for each in rows if _is_paid_later(each, late.get(each.intent_id, NOTHING))},
            states=STATES, tones=TONES, purposes=PURPOSES, amount=amount, may_set_up=actor.may(Verb.PAYMENT_ACCOUNTS),
            may_trust=actor.may(Verb.CHANGE_TOKENS),
        )  # fmt: skip

    async def show(
        self,
        request: WebRequest,
        payment_id: UUID,
        *,
        fault: str = "",
        status: int = 200,
        typed: Mapping[str, str] | None = None,
        asked: int | None = None,
    ) -> Response[str]:
        """One payment with its story. `typed`: what a refund said that was refused, or is to be confirmed; then it is
        of `asked` minor units."""
        actor = _actor(request)
        async with self._db.tenant(actor.tenant_id) as conn:
            intent = await _found(conn, actor.tenant_id, payment_id)
            calls = await store.list_calls(conn, actor.tenant_id, payment_id)
            steps = await story.list_steps(conn, actor.tenant_id, payment_id)
            hooks = await story.list_hooks(conn, actor.tenant_id, payment_id)
            disputes = await list_disputes(conn, actor.tenant_id, payment_id)
            left, kept = await self._refundable(conn, intent, calls)
            seen_left = await self._payments.left(conn, intent, calls)
            late = (await find_late(conn, actor.tenant_id, [payment_id])).get(payment_id, NOTHING)
        return self._page(
            "payment", request, status=status, row=intent, calls=list(reversed(calls)), steps=steps, hooks=hooks,
            paid_late=_is_paid_later(intent, late),
            states=STATES, tones=TONES, asked=CALLS, outcomes=OUTCOMES, words=STEPS, amount=amount, detail=detail_of,
            fault=fault, may_change=actor.may(Verb.CHANGE_PAYMENTS),
            disputes=disputes,
            dispute_words=STATUSES_OF_DISPUTES, reasons=REASONS,
            written=amount_shown,
            left=left, kept=kept, seen_left=seen_left, late=late,
            typed=typed or {"amount": "", "why": ""}, asked_back=asked,
        )  # fmt: skip

    async def _refundable(self, conn: store.Connection, intent: Intent, calls: list[Call]) -> tuple[int, str]:
        """What may go back of a payment, in minor units; or 0, and why nothing of what was captured may."""
        try:
            return await self._payments.refundable(conn, intent, calls), ""
        except REFUSED as fault:
            return 0, refused(fault, intent.currency) if intent.captured_amount else ""

    async def _may_go_back(self, intent: Intent, wanted: int, seen_left: int | None) -> bool:
        """Whether so much of a payment may go back, as far as its page was read."""
        async with self._db.tenant(intent.tenant_id) as conn:
            calls = await store.list_calls(conn, intent.tenant_id, intent.intent_id)
            left, _ = await self._refundable(conn, intent, calls)
            seen = await self._payments.left(conn, intent, calls)
        return 0 < wanted <= left and seen_left in (None, seen)

    async def refund(self, request: WebRequest, payment_id: UUID) -> Response[Any]:
        """Gives back what the form says, once it is confirmed; what can't be given back is told at once."""
        actor, form = _actor(request), await request.form()
        intent = await self._payments.find(actor.tenant_id, payment_id)
        typed = {name: str(form.get(name, "")).strip()[:MAX_REASON] for name in ("amount", "why", "left")}
        why, wanted = typed["why"], minor_of(typed["amount"], intent.currency)
        if not why or not wanted:
            fault = _("Say why it goes back.") if wanted else _(_amount_wrong(typed["amount"]))
            return await self.show(request, payment_id, fault=fault, status=422, typed=typed)
        left = int(typed["left"]) if _WHOLE.fullmatch(typed["left"]) else None
        if str(form.get("sure", "")) != "yes" and await self._may_go_back(intent, wanted, left):
            return await self.show(request, payment_id, typed=typed, asked=wanted)
        try:
            await self._payments.refund(actor, payment_id, wanted, why, seen_left=left)
        except REFUSED as fault:
            said = refused(fault, intent.currency)
            return await self.show(request, payment_id, fault=said, status=409, typed=typed)
        except ChangedMeanwhile:
            # Pressed twice, or somebody else was quicker.
            said = _("Something was given back since you looked. Look at what is left, and ask anew for more.")
            return await self.show(request, payment_id, fault=said, status=409)
        return Redirect(f"/payments/{payment_id}", status_code=303)

    async def write_off(self, request: WebRequest, payment_id: UUID) -> Response[Any]:
        """Gives up what is owed."""
        actor, form = _actor(request), await request.form()
        why = str(form.get("why", "")).strip()[:MAX_REASON]
        if not why:
            return await self.show(request, payment_id, fault=_("Say why it is given up."), status=422)
        try:
            await self._payments.write_off(actor, payment_id, why)
        except NothingOwed:
            return await self.show(request, payment_id, fault=_("Nothing is owed any more."), status=409)
        return Redirect(f"/payments/{payment_id}", status_code=303)

    def _page(self, name: str, request: WebRequest, *, status: int = 200, **context: Any) -> Response[str]:
        return self._shell.page(
            f"payments/{name}.html", request, viewer=_actor(request), current="payments", status=status, **context
        )


def payment_pages(shell: Shell, db: Pool, payments: Payments) -> list[HTTPRouteHandler]:
    """The routes below `/payments`."""
    pages = PaymentPages(shell, db, payments)

    @get("/payments", opt=READING, include_in_schema=False)
    async def payments_list(
        request: WebRequest,
        payment_state: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
        q: Annotated[str, QueryParameter(max_length=MAX_SEARCH)] = "",
        cursor: NextCursor = None,
    ) -> Response[str]:
        known = payment_state if payment_state in STATES else ""
        return await pages.show_list(request, state=known, search=q.strip(), cursor=cursor)

    @get("/payments/{payment_id:uuid}", opt=READING, include_in_schema=False)
    async def payment(payment_id: PaymentId, request: WebRequest) -> Response[str]:
        return await pages.show(request, payment_id)

    @post("/payments/{payment_id:uuid}/refund", opt=CHANGING, include_in_schema=False)
    async def payment_refund(payment_id: PaymentId, request: WebRequest) -> Response[Any]:
        return await pages.refund(request, payment_id)

    @post("/payments/{payment_id:uuid}/write-off", opt=CHANGING, include_in_schema=False)
    async def payment_write_off(payment_id: PaymentId, request: WebRequest) -> Response[Any]:
        return await pages.write_off(request, payment_id)

    return [payments_list, payment, payment_refund, payment_write_off]


def detail_of(step: Step) -> str:
    """What is said of a step, short: a session is told by the beginning of its id, which the page leads to."""
    detail = step.detail or ""
    return detail[:8] if step.kind == "session_started" else detail


def _amount_wrong(typed: str) -> str:
    """Why no refund can be read in what was typed."""
    if not typed:
        return mark("Say how much goes back.")
    if typed.startswith("-"):
        return mark("An amount that goes back can't be below 0. Write it without its sign.")
    if set(typed) <= set("0.,"):
        return mark("Nothing would go back. Write an amount above 0.")
    return mark("This amount can't be read. Write it without thousands, as 1234.50 or 1234,50, to the cent at most.")


def _is_paid_later(intent: Intent, late: Late) -> bool:
    """Whether a payment that failed was paid all the same, by others."""
    return intent.state is State.FAILED and late.all_of(intent.owed_amount)


async def _found(conn: store.Connection, tenant_id: int, payment_id: UUID) -> Intent:
    intent = await store.find_intent(conn, tenant_id, payment_id)
    if intent is None:
        raise PaymentUnknown
    return intent


def _actor(request: WebRequest) -> Actor:
    actor = request.scope["user"]
    assert isinstance(actor, Actor), "the guard lets nobody else through"
    return actor
