"""What the pages of the room share: where things come from, and how numbers are read from forms."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from forecourt.energy.model import Fault
from forecourt.energy.service.feeds import Feeds
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.api.fields import SITE_PATTERN
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]
SiteSlug = Annotated[str, PathParameter(pattern=SITE_PATTERN)]
Done = Annotated[str, QueryParameter(name="done", max_length=30)]
#: The longest text that a field is read of.
MAX_FIELD: Final = 200
_MOST: Final = Decimal(10**12)


class EnergyPages(Struct, frozen=True, kw_only=True):
    """What the handlers are given."""

    shell: Shell
    db: Pool
    clock: Clock
    feeds: Feeds


class NoNumber(ForecourtError):
    """A field holds no number. Write it as 12.5."""

    status = 422
    code = "no-number"

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fault = Fault(words=mark("“%(text)s” is no number; write it as 12.5"), values={"text": text})


def field(form: FormMultiDict, name: str) -> str:
    """The text of a field, without the blanks around it."""
    return str(form.get(name, ""))[:MAX_FIELD].strip()


def column(form: FormMultiDict, name: str, most: int) -> list[str]:
    """The texts of fields of one name, which rows have each."""
    return [str(value)[:MAX_FIELD].strip() for value in form.getall(name, [])][:most]


def decimal(text: str) -> Decimal | None:
    """A number with a point or a comma; None for nothing. Raises NoNumber."""
    if not text:
        return None
    try:
        value = Decimal(text.replace(",", ".").replace("\N{MINUS SIGN}", "-"))
    except InvalidOperation:
        raise NoNumber(text) from None
    if not value.is_finite() or abs(value) > _MOST:
        raise NoNumber(text)
    return value


def number(text: str) -> float | None:
    """The same of a quantity that is no money."""
    value = decimal(text)
    return None if value is None else float(value)


def from_kilo(text: str) -> int | None:
    """kW as W, kWh as Wh."""
    value = decimal(text)
    return None if value is None else int((value * 1000).to_integral_value())


def plain(value: float | Decimal | None) -> str:
    """A number as fields hold it."""
    if value is None:
        return ""
    exact = Decimal(str(value))
    return f"{exact.normalize():f}" if exact else "0"


def kilo(value: int | None) -> str:
    """W as kW, as fields hold it."""
    return "" if value is None else plain(Decimal(value) / 1000)
