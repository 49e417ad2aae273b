"""What the pages of the room share: where things come from, and how fields are read from forms."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, TypeVar

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from forecourt.energy.model import Fault
from forecourt.energy.service.feeds import Feeds
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations.api.fields import SITE_PATTERN
from forecourt.ui.numbers import NoNumber, decimal, from_kilo, number
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]
SiteSlug = Annotated[str, PathParameter(pattern=SITE_PATTERN)]
Done = Annotated[str, QueryParameter(name="done", max_length=30)]
#: The longest text that a field is read of.
MAX_FIELD: Final = 200

T = TypeVar("T")


class EnergyPages(Struct, frozen=True, kw_only=True):
    """What the handlers are given."""

    shell: Shell
    db: Pool
    clock: Clock
    feeds: Feeds


def unread(refused: NoNumber) -> Fault:
    """What is wrong with a form in which something is no number."""
    return Fault(words=refused.words, values={"text": refused.text})


def field(form: FormMultiDict, name: str) -> str:
    """The text of a field, without the blanks around it."""
    return str(form.get(name, ""))[:MAX_FIELD].strip()


def column(form: FormMultiDict, name: str, most: int) -> list[str]:
    """The texts of fields of one name, which rows have each."""
    return [str(value)[:MAX_FIELD].strip() for value in form.getall(name, [])][:most]


class Cells:
    """The texts of fields that stand together, by their names. What is no number is None as an empty one is, and is
    told of: who writes several wrong is told so at once."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        #: Those that can't be read.
        self.unread: dict[str, NoNumber] = {}

    def __getitem__(self, name: str) -> str:
        return self._texts[name]

    def decimal(self, name: str) -> Decimal | None:
        return self._read(name, decimal)

    def number(self, name: str) -> float | None:
        return self._read(name, number)

    def kilo(self, name: str, stand_in: int | None = None) -> int | None:
        """kW as W, kWh as Wh; `stand_in` for what can't be read."""
        found = self._read(name, from_kilo)
        return stand_in if name in self.unread else found

    @property
    def faults(self) -> list[Fault]:
        return [unread(each) for each in self.unread.values()]

    def _read(self, name: str, read: Callable[[str], T | None]) -> T | None:
        try:
            return read(self._texts[name])
        except NoNumber as refused:
            self.unread[name] = refused
            return None
