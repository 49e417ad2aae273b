"""What the pages of prices share, and what of a request they read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Request, Response
from msgspec import Struct

from forecourt.access import Actor, Verb
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.pricing.pages import words
from forecourt.pricing.words import line_words, price, when_words
from forecourt.ui.shell import Shell

TEMPLATES_DIR: Final = Path(__file__).parents[1] / "templates"
WebRequest = Request[Any, Any, Any]


class PricePages(Struct, frozen=True):
    """What all handlers need."""

    shell: Shell
    db: Pool
    clock: Clock

    def page(
        self, name: str, request: WebRequest, actor: Actor, *, status: int = 200, **context: Any
    ) -> Response[str]:  # fmt: skip
        """A page of this room."""
        return self.shell.page(
            f"pricing/{name}.html",
            request,
            viewer=actor,
            current="prices",
            status=status,
            may_change=actor.may(Verb.CHANGE_PRICES),
            now=self.clock.now(),
            words=words,
            **context,
        )


def add_words(shell: Shell) -> None:
    """Lets templates say prices, conditions and scopes."""
    shell.add_filters(
        {
            "price": price,
            "price_line": line_words,
            "price_when": when_words,
            "price_fault": words.fault_words,
            "price_scope": words.scope_words,
            "price_days": words.days_words,
        }
    )


def zone_of(actor: Actor) -> ZoneInfo:
    """The clock by which this organisation writes times."""
    return ZoneInfo(actor.time_zone)


def moment_in(text: str, actor: Actor) -> datetime | None:
    """A time as a form has it; None for nothing. Raises ValueError."""
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=zone_of(actor)).astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None


def tariff_href(tariff_id: UUID) -> str:
    """The page of a tariff."""
    return f"/prices/{tariff_id}"
