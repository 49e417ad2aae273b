"""What an address asks for: days, what they are compared with, and a place; for pages, downloads and the API alike."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from litestar.params import QueryParameter
from msgspec import Struct

from forecourt.access import Actor
from forecourt.access.guard import Database
from forecourt.access.store import find_organisation
from forecourt.insight.dashboards import profit
from forecourt.insight.dashboards.answering import Answers, Lake
from forecourt.insight.dashboards.model import Answer, Asked, Compare, Family, Span, compared
from forecourt.platform.clock import Clock
from forecourt.stations.service import site_names
from forecourt.ui.ranges import TimeRange, time_range

DEFAULT: Final = "30d"
#: As many weeks as make a year of whole weeks.
YEAR: Final = timedelta(weeks=52)

Place = r"^[^\x00]*$"
OfSite = Annotated[str, QueryParameter(max_length=300, pattern=Place, description="A site by its slug; `-`: of none.")]
OfStation = Annotated[str, QueryParameter(max_length=300, pattern=Place, description="A station by its identity.")]
OfCompare = Annotated[Compare, QueryParameter(description="With which other days.")]
OfEvse = Annotated[str, QueryParameter(max_length=100, pattern=Place, description="An EVSE of that station.")]


class Question(Struct, frozen=True, kw_only=True):
    """What is asked, as it stands in an address. `before`: the days compared with; None: none."""

    range: TimeRange
    before: TimeRange | None
    compare: Compare
    site: str
    station: str
    evse: str
    allowed: tuple[str, ...] | None

    def asked(self, span: TimeRange) -> Asked:
        """The same of one span."""
        return Asked(
            span=Span(since=span.start, until=span.end), zone=span.zone, site=self.site or None,
            station=self.station or None, evse=self.evse or None if self.station else None, allowed=self.allowed,
        )  # fmt: skip

    @property
    def query(self) -> Mapping[str, str]:
        """How an address says it; what goes without saying is left out."""
        compare = "" if self.compare == Compare.BEFORE else self.compare.value
        said = {"compare": compare, "site": self.site, "station": self.station, "evse": self.evse}
        return {**self.range.query, **{name: text for name, text in said.items() if text}}

    def href(self, path: str, **changes: str) -> str:
        """That address with other filters; an empty one takes a filter away."""
        # A named range takes chosen days away, and these a named one.
        base = {name: text for name, text in self.query.items() if "range" not in changes or name not in ("from", "to")}
        said = {name: text for name, text in {**base, **changes}.items() if text}
        if said.get("range") == DEFAULT:
            del said["range"]
        return f"{path}?{urlencode(said)}" if said else path


async def question(
    db: Database, clock: Clock, actor: Actor, days: tuple[str, str, str], compare: Compare, place: tuple[str, str, str]
) -> Question:
    """Reads an address: `days` are range, from and to, `place` site, station and EVSE."""
    async with db.tenant(actor.tenant_id) as conn:
        zone = (await find_organisation(conn, actor.tenant_id)).time_zone
        allowed = None
        if actor.sites is not None:
            allowed = tuple(sorted(site.slug for site in await site_names(conn, actor.tenant_id)))
    chosen = time_range(clock.now(), zone, preset=days[0], first=days[1], last=days[2], default=DEFAULT)
    back = {Compare.BEFORE: chosen.last - chosen.first + timedelta(days=1), Compare.YEAR: YEAR}.get(compare)
    before = None
    if back is not None:
        first, last = (chosen.first - back).isoformat(), (chosen.last - back).isoformat()
        before = time_range(clock.now(), zone, first=first, last=last, default=DEFAULT)
    return Question(
        range=chosen, before=before, compare=compare, site=place[0], station=place[1], evse=place[2], allowed=allowed
    )


async def answered(
    db: Database, answers: Answers, actor: Actor, lake: Lake | None, family: Family, asked: Question
) -> Answer:
    """The answer, with figures beside those of the days compared with. Raises PlaceUnknown.

    Profit comes from the books, everything else from `lake`.
    """
    found: list[Answer] = []
    for span in (asked.range, asked.before):
        if span is None:
            continue
        if family == Family.PROFIT:
            async with db.tenant(actor.tenant_id) as conn:
                found.append(await profit.answer(conn, actor.tenant_id, asked.asked(span)))
        else:
            assert lake is not None
            found.append(await answers.answer(actor.tenant_id, lake, family, asked.asked(span)))
    return compared(found[0], found[1] if len(found) > 1 else None)
