"""What an organisation asks of those who sign in: a second factor, and its own provider."""

from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access.model import Role, Verb
from forecourt.access.signin.doors import Doors
from forecourt.access.signin.model import Grant, ProviderAway, ProviderInvalid, ProviderRefused
from forecourt.access.signin.pages.common import AnyRequest, go, person_of
from forecourt.access.signin.service.providers import Setup
from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

SETUP_PATH: Final = "/organisation/sign-in"
MAX_LINE: Final = 500
MAX_TEXT: Final = 20_000

DONE: Final = {
    "required": mark("From now on everybody here needs a second factor."),
    "optional": mark("A second factor is no longer asked for."),
    "provider": mark("The provider is set up. Try it in another browser before you rely on it."),
    "removed": mark("The provider was removed, and the sessions that it began have ended."),
}
#: Texts of ProviderInvalid and ProviderAway, which say what to correct.
REASONS: Final = (
    mark("The short name may hold small letters, digits and single dashes."),
    mark("The issuer is the address of the provider, such as https://login.example.com."),
    mark("The client id is missing. Copy it from the provider."),
    mark("The client secret is missing. Copy it from the provider."),
    mark("Name the claim that holds the groups, such as groups."),
    mark("Name one to 20 mail domains."),
    mark("A mail domain is what stands after the @, such as example.com."),
    mark("Anybody gets an address of such a domain. Name your own."),
    mark("Say which group makes people what, in one to 50 lines."),
    mark("A line names no group."),
    mark("A line names a role that there is none of."),
    mark("A line names sites otherwise than by their numbers."),
    mark("A site host needs sites."),
    mark("An owner can't be limited to sites."),
    mark("Name 500 sites at most."),
    mark("Another organisation has this short name. Choose another one."),
    mark("The provider calls itself by another name than its address. Correct the issuer."),
    mark("The provider wants to be spoken to without TLS."),
    mark("Your organisation's sign-in doesn't answer as it should. Try again later, or sign in by other means."),
)


class FactorForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    required: Annotated[str, Meta(max_length=5)] = ""


class ProviderForm(Struct, frozen=True, kw_only=True):
    """What the form sends. `grants` is a line a group: `group = role` or `group = role: 12, 13`."""

    slug: Annotated[str, Meta(max_length=MAX_LINE)] = ""
    issuer: Annotated[str, Meta(max_length=MAX_LINE)] = ""
    client_id: Annotated[str, Meta(max_length=MAX_LINE)] = ""
    client_secret: Annotated[str, Meta(max_length=MAX_LINE)] = ""
    group_claim: Annotated[str, Meta(max_length=MAX_LINE)] = ""
    domains: Annotated[str, Meta(max_length=MAX_TEXT)] = ""
    grants: Annotated[str, Meta(max_length=MAX_TEXT)] = ""


def setup_pages(shell: Shell, doors: Doors) -> list[HTTPRouteHandler]:
    """/organisation/sign-in, for owners."""

    async def show(
        request: AnyRequest, form: ProviderForm | None = None, fault: ForecourtError | None = None
    ) -> Response[Any]:
        actor = person_of(request)
        there = await doors.providers.show(actor)
        with shell.speaking(request):
            words = "" if fault is None else _(fault.detail)
        return shell.page(
            "access/sign_in_setup.html",
            request,
            viewer=actor,
            current="sign-in",
            status=200 if fault is None else fault.status,
            required=await doors.providers.requires_second_factor(actor),
            there=there,
            form=form or _form_of(there),
            fault=words,
            done=DONE.get(request.query_params.get("done", "")),
            redirect_uri=doors.providers.redirect_uri(there.slug if there else "…"),
            roles=[role.value for role in Role],
        )

    @get(SETUP_PATH, opt={"verb": Verb.ORGANISATION}, include_in_schema=False)
    async def setup_page(request: AnyRequest) -> Response[Any]:
        return await show(request)

    @post(f"{SETUP_PATH}/second-factor", opt={"verb": Verb.ORGANISATION}, include_in_schema=False, status_code=303)
    async def second_factor(request: AnyRequest, data: URLEncodedBody[FactorForm]) -> Response[Any]:
        required = data.required == "yes"
        await doors.providers.require_second_factor(person_of(request), required=required)
        return go(f"{SETUP_PATH}?done={'required' if required else 'optional'}")

    @post(f"{SETUP_PATH}/provider", opt={"verb": Verb.ORGANISATION}, include_in_schema=False, status_code=303)
    async def provider(request: AnyRequest, data: URLEncodedBody[ProviderForm]) -> Response[Any]:
        try:
            await doors.providers.set_up(person_of(request), _setup_of(data))
        except (ProviderInvalid, ProviderAway, ProviderRefused) as fault:
            return await show(request, data, fault)
        return go(f"{SETUP_PATH}?done=provider")

    @get(f"{SETUP_PATH}/provider/remove", opt={"verb": Verb.ORGANISATION}, include_in_schema=False)
    async def remove_page(request: AnyRequest) -> Response[Any]:
        actor = person_of(request)
        there = await doors.providers.show(actor)
        if there is None:
            return go(SETUP_PATH)
        return shell.page("access/provider_ask.html", request, viewer=actor, current="sign-in", there=there)

    @post(f"{SETUP_PATH}/provider/remove", opt={"verb": Verb.ORGANISATION}, include_in_schema=False, status_code=303)
    async def remove(request: AnyRequest) -> Response[Any]:
        await doors.providers.remove(person_of(request))
        return go(f"{SETUP_PATH}?done=removed")

    return [setup_page, second_factor, provider, remove_page, remove]


def _setup_of(form: ProviderForm) -> Setup:
    """Raises ProviderInvalid for lines that can't be read."""
    return Setup(
        slug=form.slug.strip().lower(),
        issuer=form.issuer.strip(),
        client_id=form.client_id.strip(),
        client_secret=form.client_secret.strip(),
        group_claim=form.group_claim.strip(),
        domains=tuple(dict.fromkeys(each.lower().lstrip("@") for each in form.domains.replace(",", " ").split())),
        grants=tuple(_grant_of(line) for line in form.grants.splitlines() if line.strip()),
    )


def _grant_of(line: str) -> Grant:
    group, _equals, rest = line.rpartition("=")
    name, colon, sites = rest.partition(":")
    try:
        role = Role(name.strip().lower().replace(" ", "_"))
    except ValueError:
        raise ProviderInvalid("A line names a role that there is none of.") from None
    try:
        numbers = tuple(int(each) for each in sites.replace(",", " ").split())
    except ValueError:
        raise ProviderInvalid("A line names sites otherwise than by their numbers.") from None
    if any(not 0 < number < 2**31 for number in numbers):
        raise ProviderInvalid("A line names sites otherwise than by their numbers.")
    return Grant(group=group.strip(), role=role, sites=numbers if colon else None)


def _form_of(setup: Setup | None) -> ProviderForm:
    if setup is None:
        return ProviderForm(group_claim="groups")
    lines = (
        f"{grant.group} = {grant.role.value}"
        + ("" if grant.sites is None else ": " + ", ".join(str(site) for site in grant.sites))
        for grant in setup.grants
    )
    return ProviderForm(
        slug=setup.slug,
        issuer=setup.issuer,
        client_id=setup.client_id,
        group_claim=setup.group_claim,
        domains=" ".join(setup.domains),
        grants="\n".join(lines),
    )
