"""In, out, and the account itself: it is shown, changed, taken along and erased."""

from litestar import Response, delete, get, patch, post
from litestar.background_tasks import BackgroundTask
from litestar.params import JSONBody
from msgspec import UNSET

from forecourt.access.guard import origin_of
from forecourt.access.model import TooManyAttempts
from forecourt.driver.account.api.fields import (
    PUBLIC,
    TAGS,
    CodeSaid,
    LeavingVerbs,
    LetterAsked,
    LetterSent,
    Me,
    MeChange,
    SignedIn,
    me,
    own,
)
from forecourt.driver.account.door import Asking, DriverAsker, Membership, bearer_of
from forecourt.driver.account.model import Erased, Export, MoneyLeft
from forecourt.drivers.accounts.model import LINK_LIFE, AccountBlocked, LinkGone
from forecourt.platform.preconditions import ChangedMeanwhile, IfMatch, check_match, etag, tagged


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


handlers = [ask_letter, enter, sign_out, sign_out_everywhere, show_me, change_own, take_export, erase_me]
