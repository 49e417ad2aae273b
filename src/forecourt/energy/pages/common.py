"""What the pages of the room share: where things come from, and how fields are read from forms."""

from typing import Annotated, Any, Final

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from forecourt.energy.model import Fault
from forecourt.energy.service.feeds import Feeds
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations.api.fields import SITE_PATTERN
from forecourt.ui.numbers import NoNumber
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]
SiteSlug = Annotated[str, PathParameter(pattern=SITE_PATTERN)]
Done = Annotated[str, QueryParameter(name="done", max_length=30)]
#: The longest text that a field is read of.
MAX_FIELD: Final = 200


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
