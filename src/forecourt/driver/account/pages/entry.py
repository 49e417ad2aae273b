"""In and out: by the code of a letter, which can be typed where no script reads it."""

from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter, URLEncodedBody
from msgspec import Meta, Struct

from forecourt.driver.account.door import Asking
from forecourt.driver.account.pages.common import PUBLIC, AccountPages, Slug
from forecourt.driver.asked import Lang
from forecourt.drivers.accounts.model import EMAIL_PATTERN, MAX_CODE, MAX_EMAIL

Next = Annotated[str, QueryParameter(name="next", max_length=500)]
#: The name of an organisation's pages, or nothing.
OF_PATTERN: Final = "^[a-z0-9-]{0,40}$"
Of = Annotated[str, QueryParameter(name="of", pattern=OF_PATTERN)]


class EmailForm(Struct, frozen=True, kw_only=True):
    """Who wants to sign in."""

    email: Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN)]


class CodeForm(Struct, frozen=True, kw_only=True):
    """A code of a letter or of a card."""

    token: Annotated[str, Meta(max_length=MAX_CODE)] = ""
    of: Annotated[str, Meta(pattern=OF_PATTERN)] = ""


def entry_routes(pages: AccountPages) -> list[HTTPRouteHandler]:
    @get("/my/sign-in", **PUBLIC)
    async def sign_in_page(request: Asking, lang: Lang = None, wanted: Next = "") -> Response[Any]:
        return await pages.sign_in(request, "", lang, wanted=wanted)

    @get("/my/sign-in/{slug:str}", **PUBLIC)
    async def sign_in_there(request: Asking, slug: Slug, lang: Lang = None, wanted: Next = "") -> Response[Any]:
        return await pages.sign_in(request, slug, lang, wanted=wanted)

    @get("/my/sign-in/{slug:str}/provider", **PUBLIC)
    async def to_provider(request: Asking, slug: Slug) -> Response[Any]:
        return await pages.depart(request, slug)

    @get("/my/sign-in/{slug:str}/callback", **PUBLIC)
    async def from_provider(request: Asking, slug: Slug) -> Response[Any]:
        return await pages.arrive(request, slug)

    @post("/my/sign-in", status_code=200, **PUBLIC)
    async def ask(request: Asking, data: URLEncodedBody[EmailForm]) -> Response[Any]:
        return await pages.ask(request, "", data.email)

    @post("/my/sign-in/{slug:str}", status_code=200, **PUBLIC)
    async def ask_there(request: Asking, slug: Slug, data: URLEncodedBody[EmailForm]) -> Response[Any]:
        return await pages.ask(request, slug, data.email)

    @get("/my/enter", **PUBLIC)
    async def enter_page(request: Asking, lang: Lang = None, of: Of = "") -> Response[Any]:
        return await pages.enter_page(request, lang, of)

    @post("/my/enter", status_code=303, **PUBLIC)
    async def enter(request: Asking, data: URLEncodedBody[CodeForm]) -> Response[Any]:
        return await pages.enter(request, data.token, data.of)

    @post("/my/sign-out", status_code=303, **PUBLIC)
    async def sign_out(request: Asking) -> Response[Any]:
        return await pages.out(request, everywhere=False)

    @post("/my/sign-out-everywhere", status_code=303, **PUBLIC)
    async def sign_out_everywhere(request: Asking) -> Response[Any]:
        return await pages.out(request, everywhere=True)

    return [
        sign_in_page, sign_in_there, to_provider, from_provider, ask, ask_there, enter_page, enter, sign_out,
        sign_out_everywhere,
    ]  # fmt: skip
