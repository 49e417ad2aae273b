"""The same as a driver's own pages for an operator's app: sign in by a letter, then send the token as a bearer."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, patch, post, put
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access.guard import origin_of
from forecourt.access.model import TooManyAttempts
from forecourt.driver.account.door import Asking, DriverAsker, Membership, bearer_of
from forecourt.driver.account.leaving import Leaving
from forecourt.driver.account.model import (
    HISTORY,
    MAX_TOP_UP,
    MIN_TOP_UP,
    CardUnknown,
    Erased,
    Export,
    MoneyLeft,
    Purse,
    TopUpRefused,
    WayRefused,
)
from forecourt.driver.account.store import Charged
from forecourt.driver.api import RETURN_PATTERN, EvseInPath, StationInPath
from forecourt.driver.model import PlaceUnknown
from forecourt.drivers.accounts.model import (
    EMAIL_PATTERN,
    LINK_LIFE,
    MAX_CODE,
    MAX_EMAIL,
    MAX_NAME,
    MAX_TEXT_VERSION,
    TEXT_VERSION_PATTERN,
    AccountBlocked,
    AccountState,
    ClaimUnknown,
    Consent,
    ConsentKind,
    Driver,
    DriverSignedOut,
    LinkGone,
    OwnToken,
    PaysBy,
    TokenTaken,
    TooManyOwned,
    Vehicle,
    VehicleSaid,
    VehicleUnknown,
)
from forecourt.drivers.api import UidInPath
from forecourt.drivers.model import TokenUnknown
from forecourt.energy.needs.model import Preferences
from forecourt.payments.intents.model import (
    AccountMissing,
    ConnectorTaken,
    DebtOpen,
    Intent,
    NothingOwed,
    PaymentUnknown,
    PriceMissing,
    State,
)
from forecourt.platform.money import Money
from forecourt.platform.paging import NEWEST
from forecourt.platform.preconditions import ChangedMeanwhile, IfMatch, check_match, etag, tagged
from forecourt.platform.text import NAME_LINE

TAGS = ["drivers' accounts"]
PUBLIC: dict[str, Any] = {"public": True}
CODE_PATTERN = r"^[0-9A-Za-z -]+$"

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
VehicleInPath = Annotated[int, PathParameter(ge=1, le=NEWEST, description="The car's number.")]
CardInPath = FromPath[UUID]


def _own(*problems: type[Exception]) -> dict[str, Any]:
    return {"public": True, "problems": [DriverSignedOut, *problems]}


class LetterAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants to sign in, and with which organisation."""

    brand: Annotated[
        str,
        Meta(pattern="^[a-z0-9-]{1,40}$", description="The name of the organisation's pages.", examples=["volt"]),
    ]
    email: Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN, examples=["ada@example.com"])]
    language: Annotated[Spoken, Meta(examples=["en"])] = "en"


class LetterSent(Struct, frozen=True, kw_only=True):
    """A letter is on its way, if there is somewhere to sign in."""

    email: Annotated[str, Meta(examples=["ada@example.com"])]
    good_s: Annotated[int, Meta(description="For so long its code is good.", examples=[1200])]


class CodeSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code of a letter, or of a card."""

    code: Annotated[str, Meta(max_length=MAX_CODE, pattern=CODE_PATTERN, examples=["K3TQ-7XZA-PM2D-W6RB"])]


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


class HistoryPage(Struct, frozen=True, kw_only=True):
    """Sessions, the latest first."""

    items: list[Charged]
    before: Annotated[int | None, Meta(description="Send it as `before` for the page after; null at the end.")]


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
    """Where the driver is led after paying what is owed."""

    return_url: ReturnUrl


class StartAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a session is to be paid."""

    by: PaysBy
    return_url: ReturnUrl
    card: Annotated[UUID | None, Meta(description="The saved card, for `card` only.", examples=[None])] = None
    save: Annotated[bool, Meta(description="For `page`: the provider keeps the card for later.")] = False


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


class Things(Struct, frozen=True, kw_only=True):
    """What a driver has. A consent that is absent was never given."""

    tokens: list[OwnToken]
    vehicles: list[Vehicle]
    consents: list[Consent]


@post(
    "/sign-in",
    opt=PUBLIC,
    status_code=202,
    summary="Ask for the letter that signs a driver in",
    description="The answer is the same whether there is such an account or not; it is made when the link is used.",
    tags=TAGS,
)
async def ask_letter(data: JSONBody[LetterAsked], request: Asking, members: Membership) -> Response[LetterSent]:
    tenant_id = await members.tenant_of(data.brand, "")
    later = None
    if tenant_id is not None:
        # After the answer, so that its time tells nothing.
        later = BackgroundTask(members.entry.ask_link, tenant_id, data.email, data.language, origin_of(request))
    return Response(LetterSent(email=data.email, good_s=int(LINK_LIFE.total_seconds())), background=later)


@post(
    "/sign-in/enter",
    opt={**PUBLIC, "problems": [LinkGone, AccountBlocked, TooManyAttempts]},
    status_code=200,
    summary="Sign in by the code of the letter, once",
    tags=TAGS,
)
async def enter(data: JSONBody[CodeSaid], request: Asking, members: Membership) -> SignedIn:
    token, driver = await members.entry.enter(data.code, origin_of(request))
    return SignedIn(token=token, driver=me(driver))


@post("/me/sign-out", opt=_own(), status_code=204, summary="Sign out", tags=TAGS)
async def sign_out(request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.entry.sign_out(driver, bearer_of(request))


@post("/me/sign-out-everywhere", opt=_own(), status_code=204, summary="Sign out on every device", tags=TAGS)
async def sign_out_everywhere(request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.entry.sign_out_everywhere(driver, origin_of(request))


@get("/me", opt={**_own(), "etag": True}, summary="Show the driver's account", tags=TAGS)
async def show_me(driver: DriverAsker) -> Response[Me]:
    return tagged(me(driver), etag([driver.name, driver.language]))


@patch("/me", opt={**_own(ChangedMeanwhile), "etag": True}, summary="Change the driver's name or language", tags=TAGS)
async def change_own(
    data: JSONBody[MeChange], request: Asking, driver: DriverAsker, members: Membership, if_match: IfMatch = None
) -> Response[Me]:
    check_match(if_match, etag([driver.name, driver.language]))
    changes = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    row = await members.change(driver, changes, origin_of(request))
    return tagged(me(row), etag([row.name, row.language]))


@get("/me/sessions", opt=_own(), summary="List the driver's sessions with their cost", tags=TAGS)
async def list_charged(
    driver: DriverAsker,
    members: Membership,
    before: Annotated[
        int | None, QueryParameter(ge=1, le=NEWEST, description="`before` of the page before; absent: the first.")
    ] = None,
) -> HistoryPage:
    found = await members.history(driver, before or NEWEST, HISTORY + 1)
    more = len(found) > HISTORY
    return HistoryPage(items=found[:HISTORY], before=found[HISTORY - 1].number if more else None)


@get("/me/money", opt=_own(), summary="Show saved cards, wallet and debts", tags=TAGS)
async def show_money(driver: DriverAsker, members: Membership) -> "PurseShown":
    return purse(await members.purse(driver))


@put(
    "/me/pays-by",
    opt=_own(CardUnknown, WayRefused),
    summary="Say what pays without asking",
    tags=TAGS,
)
async def pay_by(data: JSONBody[PaysBySaid], request: Asking, driver: DriverAsker, members: Membership) -> Me:
    return me(await members.pay_by(driver, data.by, data.card, origin_of(request)))


@delete("/me/cards/{card_id:uuid}", opt=_own(CardUnknown), summary="Forget a saved card", tags=TAGS)
async def remove_card(card_id: CardInPath, request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.remove_card(driver, card_id, origin_of(request))


@post(
    "/me/top-ups",
    opt=_own(TopUpRefused, CardUnknown, AccountMissing),
    summary="Put money into the wallet",
    tags=TAGS,
)
async def top_up(data: JSONBody[TopUp], driver: DriverAsker, members: Membership) -> Begun:
    amount = Money(amount=data.amount, currency=data.currency)
    return begun(
        await members.top_up(driver, amount, return_url=data.return_url, method_id=data.card, language=driver.language)
    )


@post("/me/debts/pay", opt=_own(NothingOwed, AccountMissing), summary="Pay what is owed", tags=TAGS)
async def pay_debt(data: JSONBody[DebtPaid], driver: DriverAsker, members: Membership) -> Begun:
    return begun(await members.pay_debt(driver, return_url=data.return_url, language=driver.language))


@post(
    "/me/payments/{payment_id:uuid}/returned",
    opt=_own(PaymentUnknown),
    status_code=200,
    summary="Say that the driver came back from the page of a top-up or of a debt",
    tags=TAGS,
)
async def say_money_returned(payment_id: FromPath[UUID], driver: DriverAsker, members: Membership) -> Begun:
    return begun(await members.returned(driver, payment_id))


@post(
    "/me/places/{station:str}/{evse:int}/start",
    opt=_own(PlaceUnknown, PriceMissing, AccountMissing, ConnectorTaken, DebtOpen, CardUnknown, WayRefused),
    summary="Begin a session by the driver's own way to pay",
    tags=TAGS,
)
async def start_own(
    station: StationInPath, evse: EvseInPath, data: JSONBody[StartAsked], driver: DriverAsker, members: Membership
) -> Begun:
    return begun(
        await members.start(
            driver, station, evse, data.by, return_url=data.return_url, method_id=data.card, save=data.save,
            language=driver.language,
        )
    )  # fmt: skip


@get("/me/things", opt=_own(), summary="List the driver's tokens, cars and consents", tags=TAGS)
async def show_things(driver: DriverAsker, members: Membership) -> Things:
    has = await members.owned(driver)
    return Things(tokens=list(has.tokens), vehicles=list(has.vehicles), consents=list(has.consents))


@post(
    "/me/tokens",
    opt=_own(ClaimUnknown, TokenTaken, TooManyOwned),
    status_code=204,
    summary="Claim a card by the code that came with it",
    tags=TAGS,
)
async def claim_token(data: JSONBody[CodeSaid], request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.claim(driver, data.code, origin_of(request))


@delete("/me/tokens/{uid:str}", opt=_own(TokenUnknown), summary="Give up a card", tags=TAGS)
async def give_up_token(uid: UidInPath, request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.detach(driver, uid, origin_of(request))


@post("/me/vehicles", opt=_own(TooManyOwned), summary="Add a car", tags=TAGS)
async def add_vehicle(
    data: JSONBody[VehicleSaid], request: Asking, driver: DriverAsker, members: Membership
) -> Vehicle:
    return await members.put_vehicle(driver, data, origin_of(request))


@put("/me/vehicles/{vehicle_id:int}", opt=_own(VehicleUnknown), summary="Describe a car anew", tags=TAGS)
async def change_vehicle(
    vehicle_id: VehicleInPath, data: JSONBody[VehicleSaid], request: Asking, driver: DriverAsker, members: Membership
) -> Vehicle:
    return await members.put_vehicle(driver, data, origin_of(request), vehicle_id)


@delete("/me/vehicles/{vehicle_id:int}", opt=_own(VehicleUnknown), summary="Forget a car", tags=TAGS)
async def remove_vehicle(vehicle_id: VehicleInPath, request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.remove_vehicle(driver, vehicle_id, origin_of(request))


@get("/me/preferences", opt=_own(), summary="Show what the driver usually needs", tags=TAGS)
async def show_own_preferences(driver: DriverAsker) -> Preferences:
    return msgspec.convert(driver.wants, Preferences)


@put(
    "/me/preferences",
    opt=_own(),
    summary="Say what the driver usually needs",
    description="Smart charging plans the sessions of each of the driver's tokens by it.",
    tags=TAGS,
)
async def say_preferences(
    data: JSONBody[Preferences], request: Asking, driver: DriverAsker, members: Membership
) -> Preferences:
    await members.set_wants(driver, data, origin_of(request))
    return data


@post("/me/consents", opt=_own(), status_code=204, summary="Agree to something, or take it back", tags=TAGS)
async def say_consent(data: JSONBody[ConsentSaid], request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.consent(driver, data.kind, data.given, data.text_version, origin_of(request))


@get("/me/export", opt=_own(), summary="Take along all that is kept of the driver", tags=TAGS)
async def take_export(request: Asking, driver: DriverAsker, leaving: LeavingVerbs) -> Export:
    return await leaving.export(driver, driver.acting(origin_of(request)))


@delete(
    "/me",
    opt=_own(MoneyLeft),
    status_code=200,
    summary="Erase the driver's account",
    description="What must stay by law stays under a number that leads to nobody: see the explanation of accounts.",
    tags=TAGS,
)
async def erase_me(request: Asking, driver: DriverAsker, leaving: LeavingVerbs) -> Erased:
    return await leaving.erase(driver, driver.acting(origin_of(request)))


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


def purse(found: Purse) -> PurseShown:
    """A purse as the API shows it."""
    return PurseShown(
        cards=[
            SavedCardShown(
                id=each.id, brand="" if each.card is None else each.card.brand,
                last4="" if each.card is None else each.card.last4, preferred=each.preferred, saved_at=each.saved_at,
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
    )  # fmt: skip


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


routes = Router(
    "/driver",
    route_handlers=[
        ask_letter, enter, sign_out, sign_out_everywhere, show_me, change_own, list_charged, show_money, pay_by,
        remove_card, top_up, pay_debt, say_money_returned, start_own, show_things, claim_token, give_up_token,
        add_vehicle, change_vehicle, remove_vehicle, show_own_preferences, say_preferences, say_consent, take_export, erase_me,
    ],
)  # fmt: skip
