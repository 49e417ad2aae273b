"""The screens of campaigns, vouchers and the program."""

from pathlib import Path
from typing import Final

from litestar.handlers import HTTPRouteHandler

from forecourt.loyalty.pages.forms import form_pages
from forecourt.loyalty.pages.shown import shown_pages
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.shell import Shell

TEMPLATES_DIR: Final = Path(__file__).parents[1] / "templates"


def campaign_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/campaigns` and all that is below it."""
    return [*shown_pages(shell, db, clock), *form_pages(shell, db, clock)]
