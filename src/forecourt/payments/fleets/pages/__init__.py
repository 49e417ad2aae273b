"""The screens of fleets that are billed: the list, one fleet, an invoice, and the forms about them."""

from pathlib import Path
from typing import Final

from litestar.handlers import HTTPRouteHandler

from forecourt.payments.fleets.pages.forms import form_pages
from forecourt.payments.fleets.pages.invoices import invoice_pages
from forecourt.payments.fleets.pages.shown import shown_pages
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.shell import Shell

TEMPLATES_DIR: Final = Path(__file__).parents[1] / "templates"


def fleet_pages(shell: Shell, db: Pool, clock: Clock, secret_key: bytes) -> list[HTTPRouteHandler]:
    """`/fleets` and all that is below it, and `/settings/invoicing`."""
    return [
        *shown_pages(shell, db, clock),
        *form_pages(shell, db, clock, secret_key),
        *invoice_pages(shell, db, clock, secret_key),
    ]
