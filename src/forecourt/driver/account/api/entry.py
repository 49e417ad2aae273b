"""In, out, and the account itself: it is shown, changed, taken along and erased."""

from typing import Final

from litestar import Response, delete, get, patch, post
from litestar.background_tasks import BackgroundTask
from litestar.params import JSONBody
from msgspec import UNSET

from forecourt.access.guard import origin_of
from forecourt.access.model import TooManyAttempts
from forecourt.access.signin.model import ProviderAway, ProviderRefused, ProviderUnknown, StepGone
from forecourt.access.signin.steps import STEP_LIFE
from forecourt.driver.account.api.fields import (
    PUBLIC,
    TAGS,
    AppDeparture,
    AppNonce,
    CodeSaid,
    IdTokenShown,
    LeavingVerbs,
    LetterAsked,
    LetterSent,
    Me,
    MeChange,
    NonceAsked,
    ProviderAsked,
    ProviderCode,
    SignedIn,
    me,
    own,
)
from forecourt.driver.account.door import Asking, DriverAsker, Membership, bearer_of
from forecourt.driver.account.model import Erased, Export, MoneyLeft
from forecourt.driver.account.provider_api import Providers
from forecourt.drivers.accounts.model import LINK_LIFE, AccountBlocked, LinkGone
from forecourt.drivers.accounts.providers import AccountOfAnother, AddressNotLetIn, AddressUnverified, AppNotListed
from forecourt.platform.preconditions import ChangedMeanwhile, check_match, etag
from forecourt.platform.tagging import IfMatch, tagged

#: What a provider's word may fail by.
_REFUSED: Final[list[type[Exception]]] = [
    ProviderUnknown, ProviderAway, ProviderRefused, AppNotListed, AddressUnverified, AddressNotLetIn, AccountOfAnother,
    AccountBlocked,
]  # fmt: skip


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


@post(
    "/sign-in/provider",
    opt={**PUBLIC, "problems": [ProviderUnknown, AppNotListed, ProviderAway, TooManyAttempts]},
    status_code=201,
    summary="Begin to sign in by the organisation's provider",
    description="Open `url` in the system's browser. What comes back to the redirect URI is sent with `step`. State,"
    " nonce and PKCE are ours; the redirect URI must be listed with the provider.",
    tags=TAGS,
)
async def begin_by_provider(
    data: JSONBody[ProviderAsked], request: Asking, members: Membership, driver_providers: Providers
) -> AppDeparture:
    tenant_id = await _tenant(members, data.brand)
    way = await driver_providers.app_departs(
        tenant_id, data.redirect_uri, language=data.language, origin=origin_of(request)
    )
    assert way.url is not None
    return AppDeparture(step=way.step, url=way.url, good_s=int(STEP_LIFE.total_seconds()))


@post(
    "/sign-in/provider/enter",
    opt={**PUBLIC, "problems": [StepGone, *_REFUSED]},
    status_code=200,
    summary="Sign in by the code that came back from the provider, once",
    tags=TAGS,
)
async def enter_by_provider(data: JSONBody[ProviderCode], request: Asking, driver_providers: Providers) -> SignedIn:
    token, driver = await driver_providers.app_arrives(data.step, data.state, data.code, origin_of(request))
    return SignedIn(token=token, driver=me(driver))


@post(
    "/sign-in/provider/nonce",
    opt={**PUBLIC, "problems": [ProviderUnknown, AppNotListed, TooManyAttempts]},
    status_code=201,
    summary="Fetch the nonce for an app that asks the provider for an ID token itself",
    description="For apps whose client id is listed with the provider. Ask `issuer` for an ID token with this nonce, by"
    " the authorization code flow with PKCE.",
    tags=TAGS,
)
async def fetch_nonce(
    data: JSONBody[NonceAsked], request: Asking, members: Membership, driver_providers: Providers
) -> AppNonce:
    tenant_id = await _tenant(members, data.brand)
    way = await driver_providers.app_expects(tenant_id, language=data.language, origin=origin_of(request))
    assert way.nonce is not None
    return AppNonce(step=way.step, nonce=way.nonce, issuer=way.issuer, good_s=int(STEP_LIFE.total_seconds()))


@post(
    "/sign-in/provider/token",
    opt={**PUBLIC, "problems": [StepGone, *_REFUSED]},
    status_code=200,
    summary="Sign in by an ID token of the provider, once",
    tags=TAGS,
)
async def enter_by_token(data: JSONBody[IdTokenShown], request: Asking, driver_providers: Providers) -> SignedIn:
    token, driver = await driver_providers.app_shows(data.step, data.id_token, origin_of(request))
    return SignedIn(token=token, driver=me(driver))


async def _tenant(members: Membership, brand: str) -> int:
    tenant_id = await members.tenant_of(brand, "")
    if tenant_id is None:
        raise ProviderUnknown
    return tenant_id


@post("/me/sign-out", opt=own(), status_code=204, summary="Sign out", tags=TAGS)
async def sign_out(request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.entry.sign_out(driver, bearer_of(request))


@post("/me/sign-out-everywhere", opt=own(), status_code=204, summary="Sign out on every device", tags=TAGS)
async def sign_out_everywhere(request: Asking, driver: DriverAsker, members: Membership) -> None:
    await members.entry.sign_out_everywhere(driver, origin_of(request))


@get("/me", opt={**own(), "etag": True}, summary="Show the driver's account", tags=TAGS)
async def show_me(driver: DriverAsker) -> Response[Me]:
    return tagged(me(driver), etag([driver.name, driver.language]))


@patch("/me", opt={**own(ChangedMeanwhile), "etag": True}, summary="Change the driver's name or language", tags=TAGS)
async def change_own(
    data: JSONBody[MeChange], request: Asking, driver: DriverAsker, members: Membership, if_match: IfMatch = None
) -> Response[Me]:
    check_match(if_match, etag([driver.name, driver.language]))
    changes = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    row = await members.change(driver, changes, origin_of(request))
    return tagged(me(row), etag([row.name, row.language]))


@get("/me/export", opt=own(), summary="Take along all that is kept of the driver", tags=TAGS)
async def take_export(request: Asking, driver: DriverAsker, leaving: LeavingVerbs) -> Export:
    return await leaving.export(driver, driver.acting(origin_of(request)))


@delete(
    "/me",
    opt=own(MoneyLeft),
    status_code=200,
    summary="Erase the driver's account",
    description="What must stay by law stays under a number that leads to nobody: see the explanation of accounts.",
    tags=TAGS,
)
async def erase_me(request: Asking, driver: DriverAsker, leaving: LeavingVerbs) -> Erased:
    return await leaving.erase(driver, driver.acting(origin_of(request)))


handlers = [
    ask_letter,
    enter,
    begin_by_provider,
    enter_by_provider,
    fetch_nonce,
    enter_by_token,
    sign_out,
    sign_out_everywhere,
    show_me,
    change_own,
    take_export,
    erase_me,
]
