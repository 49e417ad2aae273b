"""The screens of smart charging."""

from pathlib import Path
from typing import Final

from litestar.handlers import HTTPRouteHandler

from forecourt.energy.pages.at_session import session_pages
from forecourt.energy.pages.at_station import station_pages
from forecourt.energy.pages.at_token import token_pages
from forecourt.energy.pages.common import EnergyPages
from forecourt.energy.pages.editor import editor_pages
from forecourt.energy.pages.feeds import feed_pages
from forecourt.energy.pages.forms import form_pages
from forecourt.energy.pages.plan import plan_pages
from forecourt.energy.pages.savings import savings_pages
from forecourt.energy.pages.sites import SitePages, site_pages

TEMPLATES_DIR: Final = Path(__file__).parents[1] / "templates"


def energy_pages(pages: EnergyPages) -> list[HTTPRouteHandler]:
    """The routes `/energy...`, for people who are signed in."""
    shared = SitePages(pages)
    return [
        *site_pages(pages, shared),
        *plan_pages(pages),
        *savings_pages(pages),
        *session_pages(pages),
        *station_pages(pages),
        *token_pages(pages),
        *editor_pages(pages),
        *feed_pages(pages),
        *form_pages(pages, shared),
    ]


__all__ = ["TEMPLATES_DIR", "EnergyPages", "energy_pages"]
