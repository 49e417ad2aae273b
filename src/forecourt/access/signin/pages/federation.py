"""Signing in by an organisation's own provider: finding it, going there, and coming back."""

from typing import Annotated, Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect

from forecourt.access.guard import origin_of
from forecourt.access.model import NoOrganisation, TooManyAttempts
from forecourt.access.signin.doors import Doors
from forecourt.access.signin.model import ProviderAway, ProviderRefused, ProviderUnknown, StepGone
from forecourt.access.signin.pages.common import (
    HOME,
    MAX_FORM_TEXT,
    PROVIDER_COOKIE,
    AnyRequest,
    own_path,
    session_cookie,
    step_cookie,
    step_token,
    words_of,
)
from forecourt.access.signin.service.providers import MAX_SLUG
from forecourt.access.signin.store import ProviderFound
from forecourt.platform.errors import ForecourtError
from forecourt.ui.shell import Shell

ORGANISATION_PATH = "/sign-in/organisation"

Slug = Annotated[str, PathParameter(max_length=MAX_SLUG)]


def federation_pages(shell: Shell, doors: Doors) -> list[HTTPRouteHandler]:
    """GET /sign-in/organisation, .../{slug} and .../{slug}/callback. Links, not forms: a form may lead to our own pages
    only (`form-action`), and these lead to a provider."""

    def form(
        request: AnyRequest,
        wanted: str,
        text: str = "",
        found: list[ProviderFound] | None = None,
        fault: ForecourtError | None = None,
    ) -> Response[Any]:
        with shell.speaking(request):
            words = "" if fault is None else words_of(fault)
        return shell.page(
            "access/organisation.html",
            request,
            status=200 if fault is None else fault.status,
            next=own_path(wanted),
            text=text,
            found=found or [],
            fault=words,
        )

    @get(ORGANISATION_PATH, opt={"public": True}, include_in_schema=False)
    async def organisation_page(request: AnyRequest) -> Response[Any]:
        wanted, text = request.query_params.get("next", HOME), request.query_params.get("who", "")
        if not text:
            return form(request, wanted)
        try:
            return form(request, wanted, text, await doors.providers.find(text))
        except ProviderUnknown as fault:
            return form(request, wanted, text, fault=fault)

    @get(ORGANISATION_PATH + "/{slug:str}", opt={"public": True}, include_in_schema=False)
    async def depart(request: AnyRequest, slug: Slug) -> Response[Any]:
        wanted = own_path(request.query_params.get("next", HOME))
        try:
            url, token = await doors.providers.depart(slug, wanted, origin_of(request))
        except (ProviderUnknown, ProviderAway, ProviderRefused, TooManyAttempts) as fault:
            return form(request, wanted, slug, fault=fault)
        # Whoever comes back comes from another site, so this one cookie has to be lax.
        return Redirect(url, status_code=303, cookies=[step_cookie(request, PROVIDER_COOKIE, token, "lax")])

    @get(ORGANISATION_PATH + "/{slug:str}/callback", opt={"public": True}, include_in_schema=False)
    async def arrive(request: AnyRequest, slug: Slug) -> Response[Any]:
        query = request.query_params
        code, state = query.get("code", "")[: 4 * MAX_FORM_TEXT], query.get("state", "")[:MAX_FORM_TEXT]
        token = step_token(request, PROVIDER_COOKIE)
        try:
            signed_in, wanted = await doors.providers.arrive(slug, token, state, code, origin_of(request))
        except (StepGone, ProviderRefused, ProviderAway, ProviderUnknown, NoOrganisation) as fault:
            page = form(request, HOME, fault=fault)
            page.set_cookie(step_cookie(request, PROVIDER_COOKIE, ""))
            return page
        # A redirect would still count as the provider's, and browsers would keep the strict cookie from it.
        page = shell.page("access/on.html", request, next=own_path(wanted))
        page.set_cookie(session_cookie(request, signed_in.token))
        page.set_cookie(step_cookie(request, PROVIDER_COOKIE, ""))
        return page

    return [organisation_page, depart, arrive]
