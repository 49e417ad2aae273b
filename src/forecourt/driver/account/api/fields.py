"""What the routes of a driver's account take and show."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access.signin.steps import MAX_TOKEN_LENGTH
from forecourt.driver.account.leaving import Leaving
from forecourt.driver.account.model import MAX_TOP_UP, MIN_TOP_UP, Purse
from forecourt.driver.api import RETURN_PATTERN, PriceId
from forecourt.drivers.accounts.model import (
    EMAIL_PATTERN,
    MAX_CODE,
    MAX_EMAIL,
    MAX_NAME,
    MAX_TEXT_VERSION,
    MAX_VEHICLE_NAME,
    TEXT_VERSION_PATTERN,
    AccountState,
    Consent,
    ConsentKind,
    Driver,
    DriverSignedOut,
    OwnToken,
    PaysBy,
    Vehicle,
)
from forecourt.drivers.accounts.providers import APP_REDIRECT_PATTERN, MAX_REDIRECT
from forecourt.drivers.autocharge.model import MAC_PATTERN
from forecourt.payments.intents.model import Intent, State
from forecourt.payments.saved.model import Setup, SetupState
from forecourt.platform.money import Money
from forecourt.platform.paging import NEWEST
from forecourt.platform.text import NAME_LINE

TAGS = ["drivers' accounts"]
PUBLIC: dict[str, Any] = {"public": True}
#: What a code of a letter or of a card is written with.
CODE_PATTERN = r"^[0-9A-Za-z -]+$"
#: What a step and an ID token are written with.
STEP_PATTERN = "^[A-Za-z0-9_-]+$"
ID_TOKEN_PATTERN = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$"
LeavingVerbs = NamedDependency[Leaving]
Spoken = Literal["en", "de", "fr", "nl", "es"]
ReturnUrl = Annotated[
    str,
    Meta(
        max_length=500,
        pattern=RETURN_PATTERN,
        description="`{intent}` in it is replaced by the payment's id.",
        examples=["https://app.example.com/paid/{intent}"],
    ),
]
Slug = Annotated[
    str, Meta(pattern="^[a-z0-9-]{1,40}$", description="The name of the organisation's pages.", examples=["volt"])
]
VehicleInPath = Annotated[int, PathParameter(ge=1, le=NEWEST, description="The car's number.")]
CardInPath = FromPath[UUID]
AddressInPath = Annotated[
    str, PathParameter(pattern=MAC_PATTERN, description="The car's address, twelve hexadecimal digits.")
]


def own(*problems: type[Exception]) -> dict[str, Any]:
    """What marks a route of a driver's own: no operator's session is asked for, but the driver's is."""
    return {"public": True, "of_driver": True, "problems": [DriverSignedOut, *problems]}


class LetterAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants to sign in, and with which organisation."""

    brand: Slug
    email: Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN, examples=["ada@example.com"])]
    language: Annotated[Spoken, Meta(examples=["en"])] = "en"


class LetterSent(Struct, frozen=True, kw_only=True):
    """A letter is on its way, if there is somewhere to sign in."""

    email: Annotated[str, Meta(examples=["ada@example.com"])]
    good_s: Annotated[int, Meta(description="For so long its code is good.", examples=[1200])]


class CodeSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code of a letter, or of a card."""

    code: Annotated[str, Meta(max_length=MAX_CODE, pattern=CODE_PATTERN, examples=["K3TQ-7XZA-PM2D-W6RB"])]


Step = Annotated[str, Meta(max_length=MAX_TOKEN_LENGTH, pattern=STEP_PATTERN, examples=["Jq3v0w"])]
GoodFor = Annotated[int, Meta(description="For so long the step is good.", examples=[600])]


class ProviderAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants to sign in by the provider of which organisation, and where an app is led back to."""

    brand: Slug
    redirect_uri: Annotated[
        str,
        Meta(max_length=MAX_REDIRECT, pattern=APP_REDIRECT_PATTERN, examples=["com.example.app:/signed-in"]),
    ]
    language: Annotated[Spoken, Meta(examples=["en"])] = "en"


class NonceAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose provider an app asks for an ID token."""

    brand: Slug
    language: Annotated[Spoken, Meta(examples=["en"])] = "en"


class AppDeparture(Struct, frozen=True, kw_only=True):
    """The way to the provider. Keep `step` as you would a password: it is finished with."""

    step: Step
    url: Annotated[str, Meta(examples=["https://login.example.com/authorize?response_type=code"])]
    good_s: GoodFor


class AppNonce(Struct, frozen=True, kw_only=True):
    """What the ID token must hold, and of whom it is asked for."""

    step: Step
    nonce: Annotated[str, Meta(examples=["n-0S6_WzA2Mj"])]
    issuer: Annotated[str, Meta(examples=["https://login.example.com"])]
    good_s: GoodFor


class ProviderCode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came back to the redirect URI."""

    step: Step
    state: Annotated[str, Meta(max_length=500, examples=["af0ifjsldkj"])]
    code: Annotated[str, Meta(min_length=1, max_length=2_000, examples=["SplxlOBeZQQYbYS6WxSbIA"])]


class IdTokenShown(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ID token that an app got from the provider."""

    step: Step
    id_token: Annotated[
        str,
        Meta(
            max_length=16_000, pattern=ID_TOKEN_PATTERN,
            examples=["eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln"],
        ),
    ]  # fmt: skip


class Me(Struct, frozen=True, kw_only=True):
    """A driver's account."""

    id: int
    email: Annotated[str | None, Meta(examples=["ada@example.com"])]
    name: Annotated[str | None, Meta(examples=["Ada Lovelace"])]
    language: Annotated[str, Meta(examples=["en"])]
    pays_by: Annotated[PaysBy, Meta(description="What pays for sessions without asking.")]
    pays_method: Annotated[UUID | None, Meta(description="The saved card, for `card`.")]
    created_at: datetime


class SignedIn(Struct, frozen=True, kw_only=True):
    """A session. The token is told this once; keep it as you would a password."""

    token: Annotated[str, Meta(examples=["fd_1b9Xw0"])]
    driver: Me


class MeChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change; what is absent stays."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=NAME_LINE)] | UnsetType | None = UNSET
    language: Spoken | UnsetType = UNSET


class PaysBySaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What pays for sessions that begin without asking, such as by a card at the station."""

    by: PaysBy
    card: Annotated[UUID | None, Meta(description="The saved card, for `card` only.", examples=[None])] = None


class TopUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money for the wallet."""

    amount: Annotated[int, Meta(ge=MIN_TOP_UP, le=MAX_TOP_UP, description="In minor units.", examples=[2000])]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["EUR"])]
    return_url: ReturnUrl
    card: Annotated[UUID | None, Meta(description="A saved card; null: on the provider's page.", examples=[None])] = (
        None
    )


class DebtPaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What pays what is owed, and where the driver is led after paying on the provider's page."""

    return_url: ReturnUrl
    by: Annotated[
        Literal["page", "wallet"],
        Meta(description="`wallet`: at once, whole or as much as `payable` of `/me/money` says."),
    ] = "page"


class CardAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the driver is led after leaving a card on the provider's page, or leaving that page."""

    return_url: Annotated[
        str,
        Meta(
            max_length=500,
            pattern=RETURN_PATTERN,
            description="`{setup}` in it is replaced by the page's id.",
            examples=["https://app.example.com/cards/{setup}"],
        ),
    ]


class CardPage(Struct, frozen=True, kw_only=True):
    """A page of the provider on which a card is left without paying. `card`: the one that was left."""

    id: UUID
    state: Annotated[SetupState, Meta(description="`open`: the page waits; `kept`: a card was left; `over`: none was.")]
    page_url: Annotated[str | None, Meta(description="Where the driver leaves the card.")]
    card: UUID | None


class StartAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a session is to be paid."""

    by: PaysBy
    return_url: ReturnUrl
    card: Annotated[UUID | None, Meta(description="The saved card, for `card` only.", examples=[None])] = None
    save: Annotated[bool, Meta(description="For `page`: the provider keeps the card for later.")] = False
    price_id: PriceId = None


class Begun(Struct, frozen=True, kw_only=True):
    """A payment that was begun. Follow one of a session by `GET /driver/payments/{id}`."""

    id: UUID
    state: State
    page_url: Annotated[str | None, Meta(description="Where the driver pays; null: nowhere, it is paid by itself.")]
    reason: str | None


class ConsentSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Agrees to something, or takes it back."""

    kind: ConsentKind
    given: bool
    text_version: Annotated[
        str,
        Meta(
            min_length=1, max_length=MAX_TEXT_VERSION, pattern=TEXT_VERSION_PATTERN,
            description="Which text was shown.", examples=["2026-01"],
        ),
    ]  # fmt: skip


class CarOfSession(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The car that was plugged in for a session, and what it is called from now on."""

    session_id: UUID
    name: Annotated[str, Meta(min_length=1, max_length=MAX_VEHICLE_NAME, pattern=NAME_LINE, examples=["The blue one"])]


class Things(Struct, frozen=True, kw_only=True):
    """What a driver has. A consent that is absent was never given."""

    tokens: list[OwnToken]
    vehicles: list[Vehicle]
    consents: list[Consent]


class SavedCardShown(Struct, frozen=True, kw_only=True):
    """A saved card: a brand and the last four digits, all that is known of it."""

    id: UUID
    brand: Annotated[str, Meta(examples=["visa"])]
    last4: Annotated[str, Meta(examples=["4242"])]
    preferred: Annotated[bool, Meta(description="It pays for sessions that begin without asking.")]
    saved_at: datetime


class DebtShown(Struct, frozen=True, kw_only=True):
    """What is owed of a payment."""

    payment: UUID
    owed: Money
    station: Annotated[str | None, Meta(examples=["CP1"])]
    since: datetime


class PurseShown(Struct, frozen=True, kw_only=True):
    """A driver's money here. `wallet` is what can be spent of it."""

    cards: list[SavedCardShown]
    wallet: list[Money]
    debts: list[DebtShown]
    payable: Annotated[Money | None, Meta(description="What the wallet can pay of the debts now; null: nothing.")]
    disputed: Annotated[
        list[Money],
        Meta(description="What is in the wallet beside and can't be spent, as a bank disputes that it was put in."),
    ]


def purse(found: Purse) -> PurseShown:
    """A purse as the API shows it."""
    return PurseShown(
        cards=[
            SavedCardShown(
                id=each.id, brand=each.card.brand,
                last4=each.card.last4, preferred=each.preferred, saved_at=each.saved_at,
            )
            for each in found.cards
        ],
        wallet=list(found.wallet),
        debts=[
            DebtShown(
                payment=each.intent_id, owed=Money(amount=each.owed_amount, currency=each.currency),
                station=each.station, since=each.created_at,
            )
            for each in found.debts
        ],
        payable=found.payable,
        disputed=list(found.disputed),
    )  # fmt: skip


def card_page(setup: Setup) -> CardPage:
    """A page on which a card is left, as whoever asked for it needs it."""
    return CardPage(id=setup.setup_id, state=setup.state, page_url=setup.page_url, card=setup.method_id)


def me(driver: Driver) -> Me:
    """An account as its driver is shown it."""
    assert driver.state is not AccountState.ERASED, "nobody is signed in as one that is gone"
    return Me(
        id=driver.driver_id,
        email=driver.email,
        name=driver.name,
        language=driver.language,
        pays_by=driver.pays_by,
        pays_method=driver.pays_method,
        created_at=driver.created_at,
    )


def begun(intent: Intent) -> Begun:
    """A payment as whoever began it needs it."""
    return Begun(id=intent.intent_id, state=intent.state, page_url=intent.page_url, reason=intent.reason)
