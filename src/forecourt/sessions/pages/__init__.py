"""The screens of sessions: the list, one session, and fragments that other rooms' pages ask for by their address."""

from pathlib import Path
from typing import Final

from litestar.handlers import HTTPRouteHandler

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.pricing.discounts import Discounts, no_discounts
from forecourt.sessions.pages.lists import list_routes
from forecourt.sessions.pages.one import session_routes
from forecourt.ui.shell import Authenticate, Shell

TEMPLATES_DIR: Final = Path(__file__).parent.parent / "templates"


def session_pages(
    *, shell: Shell, authenticate: Authenticate, db: Pool, clock: Clock, discounts: Discounts = no_discounts
) -> list[HTTPRouteHandler]:
    """`/sessions`, `/sessions/{id}` and what belongs to them, for people who are signed in."""
    return [
        *list_routes(shell=shell, authenticate=authenticate, db=db, clock=clock),
        *session_routes(shell=shell, authenticate=authenticate, db=db, clock=clock, discounts=discounts),
    ]


__all__ = ["TEMPLATES_DIR", "session_pages"]
