"""The pages of prices: tariffs, their versions, where each counts, and an editor that shows what a tariff comes to."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.platform.paging import NextCursor
from forecourt.pricing.pages import editing, listing, tariff
from forecourt.pricing.pages.shared import TEMPLATES_DIR, PricePages, WebRequest, add_words

__all__ = ["TEMPLATES_DIR", "PricePages", "price_pages"]

CHANGING: Final[dict[str, Any]] = {"verb": Verb.CHANGE_PRICES}
TariffId = FromPath[UUID]
MAX_SEARCH: Final = 100


def price_pages(pages: PricePages) -> list[HTTPRouteHandler]:
    """The routes below `/prices`."""
    add_words(pages.shell)

    @get("/prices", include_in_schema=False)
    async def prices(
        request: WebRequest,
        actor: Asker,
        search: Annotated[str, QueryParameter(name="q", max_length=MAX_SEARCH, pattern=r"^[^\x00]*$")] = "",
        cursor: NextCursor = None,
    ) -> Response[str]:
        shown: Response[str] = await listing.show_list(pages, request, actor, search.strip(), cursor)
        return shown

    @get("/prices/new", opt=CHANGING, include_in_schema=False)
    async def new(request: WebRequest, actor: Asker) -> Response[str]:
        return await editing.show_editor(pages, request, actor, None)

    @post("/prices/new", opt=CHANGING, include_in_schema=False, status_code=200)
    async def make(request: WebRequest, actor: Asker) -> Response[Any]:
        return await editing.send_editor(pages, request, actor, None)

    @get("/prices/{tariff_id:uuid}", include_in_schema=False)
    async def one(
        request: WebRequest,
        actor: Asker,
        tariff_id: TariffId,
        version: Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1)] = None,
    ) -> Response[str]:
        return await tariff.show_tariff(pages, request, actor, tariff_id, version=version)

    @get("/prices/{tariff_id:uuid}/edit", opt=CHANGING, include_in_schema=False)
    async def edit(request: WebRequest, actor: Asker, tariff_id: TariffId) -> Response[str]:
        return await editing.show_editor(pages, request, actor, tariff_id)

    @post("/prices/{tariff_id:uuid}/edit", opt=CHANGING, include_in_schema=False, status_code=200)
    async def revise(request: WebRequest, actor: Asker, tariff_id: TariffId) -> Response[Any]:
        return await editing.send_editor(pages, request, actor, tariff_id)

    return [prices, new, make, one, edit, revise, *_ending_pages(pages)]


def _ending_pages(pages: PricePages) -> list[HTTPRouteHandler]:
    """Where a tariff counts, and that it counts no more."""

    @post("/prices/{tariff_id:uuid}/assign", opt=CHANGING, include_in_schema=False)
    async def assign(request: WebRequest, actor: Asker, tariff_id: TariffId) -> Response[Any]:
        return await tariff.assign(pages, request, actor, tariff_id)

    @post("/prices/{tariff_id:uuid}/end", opt=CHANGING, include_in_schema=False, status_code=200)
    async def end(request: WebRequest, actor: Asker, tariff_id: TariffId) -> Response[Any]:
        return await tariff.end(pages, request, actor, tariff_id)

    @post(
        "/prices/assignments/{assignment_id:uuid}/end", opt=CHANGING, include_in_schema=False, status_code=200
    )  # fmt: skip
    async def unassign(request: WebRequest, actor: Asker, assignment_id: FromPath[UUID]) -> Response[Any]:
        return await tariff.unassign(pages, request, actor, assignment_id)

    return [assign, end, unassign]
