"""What pays for a session that began by a driver's own token. Pure."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from forecourt.drivers.accounts.model import AccountState, PaysBy, payer_of
from forecourt.payments.intents.model import Method

#: How long after a session was heard of it is looked for what pays for it, should its cost be known only then: what
#: is priced anew much later was nobody's to pay.
TAKEN_UP_FOR: Final = timedelta(days=7)
#: Why nothing pays for a session that runs already.
BLOCKED: Final = "The account is blocked."
NO_CREDIT: Final = "The account can't pay: something is owed, or there is too little left, or nothing pays by itself."
NO_FLEET: Final = "The fleet doesn't pay for this driver here."
NO_CARD: Final = "The saved card is gone."


class Begun(Struct, frozen=True, kw_only=True):
    """A session that began by a driver's own token. `refusal`: what is said against the token now, in the words of OCPP
    2.x; None: nothing. `session_limit`: what one session may cost by the fleet and for the member."""

    session_id: UUID
    station: str
    station_id: int
    evse: int | None
    uid_key: str
    driver_id: int
    state: AccountState
    pays_by: PaysBy
    pays_method: UUID | None
    email: str | None
    language: str
    required: bool
    refusal: str | None
    fleet_id: int | None
    fleet_currency: str | None
    session_limit: int | None
    fleet_active: bool
    #: Its station told all of it by now: energy that was delivered, whatever may be said against the token.
    over: bool
    #: Its station was told that it may not charge.
    refused: bool
    started_at: datetime
    #: When it was heard of, which is later where the station was offline; its start where that isn't kept.
    heard_at: datetime

    @property
    def delivered_to(self) -> str | None:
        """The fleet that a session is billed to which is over before anything was held for it; as payments know it."""
        if self.over and self.pays_by is PaysBy.FLEET and self.fleet_id is not None:
            return f"fleet:{self.fleet_id}"
        return None

    @property
    def owner(self) -> str:
        """How payments know the driver."""
        return payer_of(self.driver_id)


class Chosen(Struct, frozen=True, kw_only=True):
    """How a session is paid, or why it can't be: then the driver owes what is used until it is stopped, or the fleet
    where it is the fleet's limit that is reached."""

    method: Method
    payer: str
    method_id: UUID | None = None
    most: int | None = None
    why_not: str | None = None


def choose(begun: Begun, currency: str) -> Chosen | None:
    """What pays for a session in this currency; None where nobody has to: the account pays by nothing, and that is all
    right here."""
    if begun.state is not AccountState.ACTIVE:
        return Chosen(method=Method.HOSTED, payer=begun.owner, why_not=BLOCKED)
    why_not = None if begun.refusal is None else NO_CREDIT
    match begun.pays_by:
        case PaysBy.PAGE:
            return Chosen(method=Method.HOSTED, payer=begun.owner, why_not=NO_CREDIT) if begun.required else None
        case PaysBy.CARD:
            return Chosen(method=Method.SAVED, payer=begun.owner, method_id=begun.pays_method, why_not=why_not)
        case PaysBy.WALLET:
            return Chosen(method=Method.WALLET, payer=begun.owner, why_not=why_not)
    if (
        begun.fleet_id is None
        or not begun.fleet_active
        or begun.fleet_currency != currency
        or begun.refusal == "Blocked"
    ):
        return Chosen(method=Method.HOSTED, payer=begun.owner, why_not=NO_FLEET)
    return Chosen(method=Method.INVOICE, payer=f"fleet:{begun.fleet_id}", most=begun.session_limit, why_not=why_not)
