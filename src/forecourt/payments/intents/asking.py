"""What a call that is written down asks of the provider, and what its answer comes to."""

from contextlib import suppress

from forecourt.payments.intents.model import MOVES, PAGE_LIFE, Call, Intent, Method, State
from forecourt.payments.intents.refunds import CAME_BACK
from forecourt.payments.intents.settling import Answered
from forecourt.payments.psp import Psp
from forecourt.payments.psp.errors import OutcomeOpen, ProviderUnknown
from forecourt.payments.psp.words import Hold, HoldAsked, Language, Refund
from forecourt.platform.money import Money


async def seen(psp: Psp, intent: Intent, reference: str) -> Hold:
    """How a hold stands; of one that a card reader asks for, by what the reader does as well."""
    if intent.method is Method.READER and intent.state is State.HOLD_REQUESTED and intent.reader is not None:
        with suppress(ProviderUnknown):
            return await psp.at_reader(reference, intent.reader)
    return await psp.get(reference)


def asked_of(intent: Intent, call: Call, *, at_once: bool = False) -> HoldAsked:
    """A hold as the port has it."""
    return HoldAsked(
        intent=intent.intent_id.hex,
        call=call.call_id.hex,
        amount=Money(amount=call.amount, currency=intent.currency),
        description=str(intent.hold_said.get("description") or "Charging"),
        return_url=intent.return_url,
        cancel_url=intent.return_url,
        language=Language(intent.language) if intent.language in list(Language) else Language.EN,
        expires_at=intent.created_at + PAGE_LIFE,
        email=intent.email,
        save=bool(intent.hold_said.get("save")),
        customer=intent.payer if intent.method in (Method.WALLET, Method.INVOICE) else intent.customer,
        at_once=at_once or intent.at_once,
    )


def back_of(refund: Refund, hold: Hold | None = None) -> Answered:
    """What came of a refund that the provider knows: one that gives nothing back is refused."""
    return Answered(hold=hold, refund=refund, refused=None if refund.given else CAME_BACK)


def given_up(psp: Psp, call: Call) -> Answered:
    """A call that nothing is known of after so long that its key may do it again. Raises OutcomeOpen where money may
    have moved and the provider can't be asked: a second time would be worse than waiting."""
    if call.kind in MOVES and not psp.reads_back:
        raise OutcomeOpen
    return Answered(refused="The provider was not reached for so long that it is not asked again.")


async def start_hold(psp: Psp, intent: Intent, call: Call) -> Hold:
    asked = asked_of(intent, call)
    if intent.method is Method.SAVED:
        assert intent.saved is not None, "a way to pay was named"
        return await psp.charge_saved(asked, intent.saved, call.key)
    if intent.method is Method.READER:
        assert intent.reader is not None, "a terminal was named"
        return await psp.reader_pay(asked, intent.reader, call.key)
    return await psp.start_hold(asked, call.key)
