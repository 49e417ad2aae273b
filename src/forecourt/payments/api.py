"""Routes of payments: what was held, taken and given back, refunds, what is owed, and accounts at providers.

No route takes the number of a card: drivers pay on the provider's page.
"""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.payments.accounts import api as accounts
from forecourt.payments.debts.store import NOTHING, find_late
from forecourt.payments.disputes.shown import DisputeShown
from forecourt.payments.disputes.shown import shown as dispute_shown
from forecourt.payments.disputes.store import list_disputes
from forecourt.payments.intents import store
from forecourt.payments.intents.errors import (
    InvoicedAlready,
    NothingCaptured,
    NothingOwed,
    PaymentDisputed,
    PaymentUnknown,
    RefundTooHigh,
)
from forecourt.payments.intents.model import MAX_REASON, Call, CallKind, Intent, Method, Purpose, State, Step
from forecourt.payments.intents.service import Payments
from forecourt.payments.intents.store import IntentFilter, story
from forecourt.platform.paging import ByAge, CursorRefused, From, Limit, NextCursor, Page, To, cursors_by_age
from forecourt.platform.text import NAME_LINE

CURSORS: Final = cursors_by_age("payments")
MAX_SEARCH: Final = 100
MAX_AMOUNT: Final = 10**12

Payer = NamedDependency[Payments]
PaymentId = Annotated[UUID, PathParameter(description="The payment's id.")]
Why = Annotated[
    str, Meta(min_length=1, max_length=MAX_REASON, pattern=NAME_LINE, examples=["The station was too slow"])
]


class CardShown(Struct, frozen=True, kw_only=True):
    """With what was paid: a brand and the last four digits, all that is known of a card."""

    brand: Annotated[str, Meta(examples=["visa"])]
    last4: Annotated[str, Meta(examples=["4242"])]
    kind: Annotated[str, Meta(examples=["card"])]


class Payment(Struct, frozen=True, kw_only=True):
    """A payment. Amounts in minor units of `currency`."""

    id: UUID
    purpose: Purpose
    method: Method
    state: State
    currency: Annotated[str, Meta(examples=["EUR"])]
    hold: Annotated[int, Meta(description="What was asked to be held.", examples=[4000])]
    authorised: Annotated[int, Meta(description="What is or was held: nobody pays more.", examples=[4000])]
    billed: Annotated[int | None, Meta(description="What the session came to; null: not known yet.", examples=[1190])]
    captured: Annotated[int, Meta(description="What was taken.", examples=[1190])]
    refunded: Annotated[int, Meta(description="What was given back of it.", examples=[0])]
    owed: Annotated[int, Meta(description="What could not be taken and is a debt.", examples=[0])]
    card: CardShown | None
    payer: Annotated[str | None, Meta(description="Who pays, if that is known.", examples=["driver:7"])]
    station: Annotated[str | None, Meta(examples=["CP1"])]
    evse: Annotated[int | None, Meta(examples=[1])]
    session: Annotated[UUID | None, Meta(description="The session that is paid for.")]
    tariff: Annotated[UUID | None, Meta(description="The tariff that the driver was shown.")]
    tariff_version: Annotated[int | None, Meta(examples=[3])]
    account: Annotated[UUID | None, Meta(description="The provider's account; null: no provider is needed.")]
    reference: Annotated[str | None, Meta(description="What the provider calls it.", examples=["pi_3QxY"])]
    capture_before: Annotated[datetime | None, Meta(description="When the hold runs out.")]
    reason: Annotated[str | None, Meta(description="Why it ended as it did.", examples=["The card was declined."])]
    created_at: datetime
    updated_at: datetime


class CallShown(Struct, frozen=True, kw_only=True):
    """Something asked of the provider; it was written down before it was asked."""

    id: UUID
    kind: CallKind
    amount: Annotated[int, Meta(examples=[1190])]
    state: Literal["open", "done", "failed"]
    tries: Annotated[int, Meta(examples=[1])]
    asked_by: Annotated[str | None, Meta(examples=["person:3 Ada"])]
    why: Annotated[str | None, Meta(examples=["The station was too slow"])]
    failure: Annotated[str | None, Meta(examples=["The card was declined."])]
    reference: Annotated[str | None, Meta(examples=["re_3QxY"])]
    asked_at: datetime
    ended_at: datetime | None


class StepShown(Struct, frozen=True, kw_only=True):
    """Something that happened."""

    at: datetime
    kind: Annotated[str, Meta(examples=["captured"])]
    amount: Annotated[int | None, Meta(examples=[1190])]
    detail: Annotated[str | None, Meta(examples=["The station refused the start."])]
    by: Annotated[str | None, Meta(examples=["person:3 Ada"])]


class PaymentWhole(Struct, frozen=True, kw_only=True):
    """A payment with what a bank disputes of it, what was asked of its provider and what happened, the latest first."""

    payment: Payment
    paid_later: Annotated[
        int, Meta(description="Of what was owed, so much was paid by other payments: see `steps`.", examples=[0])
    ]
    refunded_later: Annotated[int, Meta(description="What was given back of that.", examples=[0])]
    disputes: list[DisputeShown]
    calls: list[CallShown]
    steps: list[StepShown]


class RefundAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be given back, and why."""

    why: Why
    amount: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_AMOUNT)] | None,
        Meta(description="In minor units; null: all that is left.", examples=[500]),
    ] = None


class WriteOffAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why what is owed is given up."""

    why: Why


@get("/payments", opt={"problems": [CursorRefused]}, summary="List payments", tags=["payments"])
async def list_payments(
    actor: Asker,
    db: Database,
    payment_state: Annotated[
        State | None, QueryParameter(name="state", description="Only those in this state.")
    ] = None,
    method: Annotated[Method | None, QueryParameter(description="Only those that are paid so.")] = None,
    purpose: Annotated[Purpose | None, QueryParameter(description="Only those for this.")] = None,
    station: Annotated[str | None, QueryParameter(max_length=255, description="Only those at this station.")] = None,
    payer: Annotated[str | None, QueryParameter(max_length=100, description="Only those of this payer.")] = None,
    owed: Annotated[bool | None, QueryParameter(description="Only those of which something is owed, or not.")] = None,
    search: Annotated[
        str | None,
        QueryParameter(max_length=MAX_SEARCH, description="An id, a reference, a session, four digits, or who paid."),
    ] = None,
    since: From = None,
    until: To = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Payment]:
    place = CURSORS[sort].decode(cursor)
    wanted = IntentFilter(
        state=payment_state and payment_state.value, method=method and method.value,
        purpose=purpose and purpose.value, station=station, payer=payer, owed=owed, search=search, since=since,
        until=until,
    )  # fmt: skip
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_intents(conn, actor.tenant_id, wanted, order=sort, place=place, limit=limit + 1)
    return CURSORS[sort].page(rows, limit, lambda row: (row.number,), shown)


@get(
    "/payments/{payment_id:uuid}",
    opt={"problems": [PaymentUnknown]},
    summary="Show a payment with its calls and what happened",
    tags=["payments"],
)
async def find_payment(payment_id: PaymentId, actor: Asker, db: Database) -> PaymentWhole:
    async with db.tenant(actor.tenant_id) as conn:
        intent = await store.find_intent(conn, actor.tenant_id, payment_id)
        if intent is None:
            raise PaymentUnknown
        calls = await store.list_calls(conn, actor.tenant_id, payment_id)
        steps = await story.list_steps(conn, actor.tenant_id, payment_id)
        disputes = await list_disputes(conn, actor.tenant_id, payment_id)
        late = (await find_late(conn, actor.tenant_id, [payment_id])).get(payment_id, NOTHING)
    return PaymentWhole(
        payment=shown(intent),
        paid_later=late.paid,
        refunded_later=late.refunded,
        disputes=[dispute_shown(each) for each in disputes],
        calls=[_call(each) for each in calls],
        steps=[_step(each) for each in steps],
    )


@post(
    "/payments/{payment_id:uuid}/refund",
    opt={
        "verb": Verb.CHANGE_PAYMENTS,
        "problems": [PaymentUnknown, NothingCaptured, PaymentDisputed, InvoicedAlready, RefundTooHigh],
    },
    status_code=202,
    summary="Give money back, all or a part",
    description="It is asked of the provider at once, and again until it is known what came of it: see `calls`.",
    tags=["payments"],
)
async def refund_payment(payment_id: PaymentId, data: JSONBody[RefundAsked], actor: Asker, payments: Payer) -> Payment:
    return shown(await payments.refund(actor, payment_id, data.amount, data.why))


@post(
    "/payments/{payment_id:uuid}/write-off",
    opt={"verb": Verb.CHANGE_PAYMENTS, "problems": [PaymentUnknown, NothingOwed]},
    status_code=200,
    summary="Give up what is owed of a payment",
    tags=["payments"],
)
async def write_off_payment(
    payment_id: PaymentId, data: JSONBody[WriteOffAsked], actor: Asker, payments: Payer
) -> Payment:
    return shown(await payments.write_off(actor, payment_id, data.why))


async def describe_payment(conn: store.Connection, tenant_id: int, subject: str) -> Payment | None:
    """A payment as webhooks tell it."""
    intent = await store.find_intent(conn, tenant_id, UUID(subject))
    return None if intent is None else shown(intent)


def shown(intent: Intent) -> Payment:
    """A payment as the API shows it."""
    card = intent.card
    return Payment(
        id=intent.intent_id,
        purpose=intent.purpose,
        method=intent.method,
        state=intent.state,
        currency=intent.currency,
        hold=intent.hold_amount,
        authorised=intent.authorised_amount,
        billed=intent.billed_amount,
        captured=intent.captured_amount,
        refunded=intent.refunded_amount,
        owed=intent.owed_amount,
        card=None if card is None else CardShown(brand=card.brand, last4=card.last4, kind=card.kind),
        payer=intent.payer,
        station=intent.station,
        evse=intent.evse,
        session=intent.session_id,
        tariff=intent.tariff_id,
        tariff_version=intent.tariff_version,
        account=intent.account_id,
        reference=intent.reference,
        capture_before=intent.capture_before,
        reason=intent.reason,
        created_at=intent.created_at,
        updated_at=intent.updated_at,
    )


def _call(call: Call) -> CallShown:
    return CallShown(
        id=call.call_id,
        kind=call.kind,
        amount=call.amount,
        state=call.state,  # type: ignore[arg-type]  # the table's own check
        tries=call.tries,
        asked_by=call.asked_by,
        why=call.said,
        failure=call.reason,
        reference=call.reference,
        asked_at=call.asked_at,
        ended_at=call.ended_at,
    )


def _step(step: Step) -> StepShown:
    return StepShown(at=step.at, kind=step.kind, amount=step.amount, detail=step.detail, by=step.by)


routes = Router(
    "/",
    route_handlers=[
        list_payments,
        find_payment,
        refund_payment,
        write_off_payment,
        *accounts.handlers,
    ],
)
