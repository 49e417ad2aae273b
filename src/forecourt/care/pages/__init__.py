"""The screens of the room: the overview, incidents, and who is told of them."""

from pathlib import Path
from typing import Final

from litestar.handlers import HTTPRouteHandler

from forecourt.care.pages.alerts import alert_pages
from forecourt.care.pages.common import CarePages
from forecourt.care.pages.incidents import incident_pages
from forecourt.care.pages.overview import overview_pages

TEMPLATES_DIR: Final = Path(__file__).parents[1] / "templates"


def care_pages(pages: CarePages) -> list[HTTPRouteHandler]:
    """The routes `/`, `/overview/...`, `/incidents...` and `/settings/alerts...`, for people who are signed in."""
    return [*overview_pages(pages), *incident_pages(pages), *alert_pages(pages)]


__all__ = ["TEMPLATES_DIR", "CarePages", "care_pages"]
