"""What smart charging saved at a site, with how that is counted."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from forecourt.access import Actor
from forecourt.access.guard import Asker
from forecourt.energy.errors import SavingsRefused, TariffMissing
from forecourt.energy.pages.common import EnergyPages, SiteSlug, WebRequest
from forecourt.energy.service import explained
from forecourt.energy.service.explained import MAX_DAYS
from forecourt.energy.service.sites import find_record
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import mark
from forecourt.ui.ranges import FromDay, RangeWord, ToDay, time_range

PRESETS: Final[Mapping[str, str]] = {
    "today": mark("Today"),
    "yesterday": mark("Yesterday"),
    "7d": mark("7 days"),
    "month": mark("This month"),
}


def money(amount: Decimal, currency: str) -> str:
    """An amount to the hundredth: `12.40 EUR`."""
    return f"{i18n.number(amount.quantize(Decimal('0.01')) + 0, 2)}{formats.SPACE}{currency}"


class SavingsPages:
    """What the handlers below share."""

    def __init__(self, pages: EnergyPages) -> None:
        self._pages = pages

    async def show(self, request: WebRequest, actor: Actor, slug: str, asked: tuple[str, str, str]) -> Response[str]:
        """The page, of some days."""
        pages, now = self._pages, self._pages.clock.now()
        found, fault = None, ""
        async with pages.db.tenant(actor.tenant_id) as conn:
            record = await find_record(conn, actor.tenant_id, slug)
            chosen = time_range(now, record.zone, preset=asked[0], first=asked[1], last=asked[2])
            try:
                found = await explained.find_savings(conn, record, chosen.first, chosen.last, now)
            except TariffMissing:
                fault = "tariff"
            except SavingsRefused:
                fault = "days"
        path = f"/energy/sites/{slug}/savings"
        return pages.shell.page(
            "energy/savings.html",
            request,
            viewer=actor,
            current="energy",
            status=422 if fault == "days" else 200,
            site=record,
            found=found,
            fault=fault,
            most_days=MAX_DAYS,
            chosen=chosen,
            presets=PRESETS,
            path=path,
            href=lambda **changes: f"{path}?{urlencode({name: text for name, text in changes.items() if text})}",
            money=money,
        )


def savings_pages(pages: EnergyPages) -> list[HTTPRouteHandler]:
    """`/energy/sites/{slug}/savings`."""
    shared = SavingsPages(pages)

    @get("/energy/sites/{slug:str}/savings", include_in_schema=False)
    async def saved(
        request: WebRequest, actor: Asker, slug: SiteSlug, preset: RangeWord = "", first: FromDay = "", last: ToDay = ""
    ) -> Response[str]:
        return await shared.show(request, actor, slug, (preset, first, last))

    return [saved]
