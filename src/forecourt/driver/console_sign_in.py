"""What the console shows of how drivers sign in: the organisation's own provider for them."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct, structs

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.access.signin.model import ProviderInvalid
from forecourt.driver.account.pages.common import callback_of
from forecourt.driver.store import find_brand
from forecourt.drivers.accounts.providers import DriverProviders, DriverProviderWanted, provider_tag
from forecourt.drivers.accounts.store.providers import DriverProvider
from forecourt.platform.database import Pool
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

PATH: Final = "/settings/driver-sign-in"
#: How each field must be.
WRONG: Final = {
    "title": mark("must hold something that can be seen, 80 characters at most"),
    "issuer": mark("must be an address, 500 characters at most"),
    "client_id": mark("must hold something that can be seen, 300 characters at most"),
    "client_secret": mark("may have 500 characters at most"),
    "domains": mark("must be host names such as example.com, 20 at most"),
    "app_redirects": mark("must be addresses with https, or of a scheme of yours such as com.example.app:/signed-in"),
    "app_clients": mark("may be 10 at most"),
}
#: What kept it from being stored, ProviderInvalid among it.
STALE: Final = mark("Somebody else changed it meanwhile, so nothing was stored. Save again to put yours in its place.")
REASONS: Final = (
    mark("The provider doesn't answer as it should. Correct the issuer, or try again later."),
    mark("The issuer is the address of the provider, such as https://login.example.com."),
    mark("The client secret is missing. Copy it from the provider."),
)
DONE: Final = {
    "stored": mark("The provider is set up. Try it in another browser."),
    "removed": mark("The provider was removed, and the sessions that it began have ended."),
}

WebRequest = Request[Any, Any, Any]
_Text = Annotated[str, Meta(max_length=6_000)]


class ProviderForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    title: _Text = ""
    issuer: _Text = ""
    client_id: _Text = ""
    client_secret: _Text = ""
    domains: _Text = ""
    app_redirects: _Text = ""
    app_clients: _Text = ""
    tag: _Text = ""


class SignInConsole:
    """What the handlers below share. `address`: where drivers reach us."""

    def __init__(self, shell: Shell, db: Pool, providers: DriverProviders, address: str) -> None:
        self._shell = shell
        self._db = db
        self._providers = providers
        self._address = address

    async def show(
        self, request: WebRequest, actor: Actor, *, form: ProviderForm | None = None, fault: str = "",
        wrong: dict[str, str] | None = None, done: str = "",
    ) -> Response[str]:  # fmt: skip
        """The form, with what was sent and what is wrong with it."""
        there = await self._providers.show(actor)
        async with self._db.tenant(actor.tenant_id) as conn:
            brand = await find_brand(conn, actor.tenant_id)
        return self._shell.page(
            "driver/sign_in.html", request, viewer=actor, current="settings", there=there, fault=fault,
            status=422 if fault or wrong else 200, form=form or _form_of(there), wrong=wrong or {},
            done=DONE.get(done, ""), tag=provider_tag(there), brand=brand,
            redirect_uri=callback_of(brand, self._address) if brand.slug else "",
        )  # fmt: skip

    async def change(self, request: WebRequest, actor: Actor, form: ProviderForm) -> Response[Any]:
        """Stores what the form says."""
        wanted, wrong = read_form(form)
        if wanted is None:
            return await self.show(request, actor, form=form, wrong=wrong)
        try:
            await self._providers.set_up(actor, wanted, form.tag or None)
        except ProviderInvalid as fault:
            return await self.show(request, actor, form=form, fault=fault.detail)
        except ChangedMeanwhile:
            return await self.show(request, actor, form=form, fault=STALE)
        return Redirect(f"{PATH}?done=stored", status_code=303)


def read_form(form: ProviderForm) -> tuple[DriverProviderWanted | None, dict[str, str]]:
    """What a form means, or what is wrong with each of its fields."""
    said: dict[str, Any] = {name: getattr(form, name).strip() for name in WRONG}
    said["client_secret"] = said["client_secret"] or None
    said |= {name: getattr(form, name).replace(",", " ").split() for name in ("app_redirects", "app_clients")}
    said["domains"] = [each.lower().lstrip("@") for each in form.domains.replace(",", " ").split()]
    wrong: dict[str, str] = {}
    kinds = {field.name: field.type for field in structs.fields(DriverProviderWanted)}
    for name, words in WRONG.items():
        try:
            msgspec.convert(said[name], kinds[name])
        except msgspec.ValidationError:
            wrong[name] = words
    return (None, wrong) if wrong else (msgspec.convert(said, DriverProviderWanted), {})


def _form_of(row: DriverProvider | None) -> ProviderForm:
    if row is None:
        return ProviderForm()
    return ProviderForm(
        title=row.title, issuer=row.issuer, client_id=row.client_id, domains=" ".join(row.domains),
        app_redirects=" ".join(row.app_redirects), app_clients=" ".join(row.app_clients),
    )  # fmt: skip


def sign_in_console(shell: Shell, db: Pool, providers: DriverProviders, address: str) -> list[HTTPRouteHandler]:
    """`/settings/driver-sign-in`."""
    pages = SignInConsole(shell, db, providers, address)
    guarded: dict[str, Any] = {"opt": {"verb": Verb.ORGANISATION}, "include_in_schema": False}

    @get(PATH, **guarded)
    async def show(
        request: WebRequest, actor: Asker, done: Annotated[str, QueryParameter(max_length=10)] = ""
    ) -> Response[str]:
        return await pages.show(request, actor, done=done)

    @post(PATH, status_code=303, **guarded)
    async def change(request: WebRequest, actor: Asker, data: URLEncodedBody[ProviderForm]) -> Response[Any]:
        return await pages.change(request, actor, data)

    @post(f"{PATH}/remove", status_code=303, **guarded)
    async def remove(actor: Asker) -> Redirect:
        await providers.remove(actor)
        return Redirect(f"{PATH}?done=removed", status_code=303)

    return [show, change, remove]
