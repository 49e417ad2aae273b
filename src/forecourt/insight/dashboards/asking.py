"""What an address asks for: days, what they are compared with, and a place; for pages, downloads and the API alike."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar.params import QueryParameter
from msgspec import Struct, structs

from forecourt.access.limits import SiteName
from forecourt.access.members import find_organisation
from forecourt.energy.service.told import co2_zones
from forecourt.insight.dashboards import profit
from forecourt.insight.dashboards.answering import Answers, Lake
from forecourt.insight.dashboards.comparing import compared
from forecourt.insight.dashboards.model import (
    Answer,
    Asked,
    Compare,
    Family,
    Group,
    GroupUnknown,
    Span,
    TraitOfFew,
    TraitRefused,
)
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.days import month_of, months_between
from forecourt.platform.errors import ForecourtError
from forecourt.pricing.service import tariffs_of_some
from forecourt.stations.plugs import plain_type
from forecourt.stations.service import site_names
from forecourt.ui.ranges import LONG_PRESETS, MAX_DAYS, TimeRange, time_range

DEFAULT: Final = "30d"
#: As many weeks as make a year of whole weeks.
YEAR: Final = timedelta(weeks=52)
#: Of the calendar, at both ends: such days have no midnight in every zone, or nothing to be compared with.
EDGE: Final = timedelta(days=3 * MAX_DAYS)

#: What is told of sessions of a kind, a tariff or a group alone.
BY_TRAITS: Final = frozenset({Family.USE, Family.SUCCESS})
#: Kind of connector, tariff, way to pay, group of drivers; empty: any.
Traits = tuple[str, str, str, str]
NO_TRAITS: Final = ("", "", "", "")

Place = r"^[^\x00]*$"
OfSite = Annotated[
    str,
    QueryParameter(
        max_length=300, pattern=Place, description="A site by its slug, with all that is part of it; `-`: of none."
    ),
]
OfStation = Annotated[str, QueryParameter(max_length=300, pattern=Place, description="A station by its identity.")]
OfCompare = Annotated[Literal["before", "year", "nothing"], QueryParameter(description="With which other days.")]
OfKind = Annotated[
    str, QueryParameter(name="kind", max_length=100, pattern=Place, description="Sessions at this kind of connector.")
]
OfPaid = Annotated[str, QueryParameter(max_length=40, pattern=Place, description="Sessions paid in this way.")]
OfGroup = Annotated[
    str,
    QueryParameter(
        name="driver_group", max_length=300, pattern=Place, description="Sessions of this group of drivers: a fleet."
    ),
]
OfOutcome = Annotated[Literal["", "charged", "nothing", "refused"], QueryParameter(description="What came of them.")]
OfTariff = Annotated[str, QueryParameter(max_length=300, pattern=Place, description="Sessions by this tariff.")]
OfEvse = Annotated[str, QueryParameter(max_length=100, pattern=Place, description="An EVSE of that station.")]


class DaysRefused(ForecourtError):
    """These days can't be told of: ask for a named range, or for days from one until another, at most 400."""

    status = 422
    code = "days-refused"


class PlaceRefused(ForecourtError):
    """An EVSE is one of a station: name the station as well."""

    status = 422
    code = "place-refused"


class Question(Struct, frozen=True, kw_only=True):
    """What is asked, as it stands in an address. `before`: the days compared with; None: none."""

    range: TimeRange
    before: TimeRange | None
    compare: Compare
    site: str
    station: str
    evse: str
    allowed: tuple[str, ...] | None
    co2: tuple[tuple[str, str], ...]
    kind: str = ""
    tariff: str = ""
    paid: str = ""
    driver_group: str = ""
    group: tuple[str, ...] | None = None
    groups: tuple[Group, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def untraited(self) -> "Question":
        """The same of sessions of every kind, tariff and group."""
        return structs.replace(self, kind="", tariff="", paid="", driver_group="")

    @property
    def is_narrowed(self) -> bool:
        """Whether sessions with some traits alone are asked for."""
        return self != self.untraited

    def asked(self, span: TimeRange) -> Asked:
        """The same of one span."""
        return Asked(
            span=Span(since=span.start, until=span.end), zone=span.zone, site=self.site or None,
            station=self.station or None, evse=self.evse or None if self.station else None, allowed=self.allowed,
            co2=self.co2, group=self.group, groups=self.groups, connector_type=self.kind or None,
            tariff=self.tariff or None, paid_by=self.paid or None, driver_group=self.driver_group or None,
            own=self.own,
        )  # fmt: skip

    @property
    def query(self) -> Mapping[str, str]:
        """How an address says it; what goes without saying is left out."""
        compare = "" if self.compare == Compare.BEFORE else self.compare.value
        said = {
            "compare": compare, "site": self.site, "station": self.station, "evse": self.evse, "kind": self.kind,
            "tariff": self.tariff, "paid": self.paid, "driver_group": self.driver_group,
        }  # fmt: skip
        return {**self.range.query, **{name: text for name, text in said.items() if text}}

    def href(self, path: str, **changes: str) -> str:
        """That address with other filters; an empty one takes a filter away."""
        # A named range takes chosen days away, and these a named one.
        base = {name: text for name, text in self.query.items() if "range" not in changes or name not in ("from", "to")}
        said = {name: text for name, text in {**base, **changes}.items() if text}
        if said.get("range") == DEFAULT:
            del said["range"]
        return f"{path}?{urlencode(said)}" if said else path


def checked(days: tuple[str, date | None, date | None], place: tuple[str, str, str]) -> tuple[str, str, str]:
    """Days as `question` takes them, for who is told of mistakes: programs and the command line, where a page shows its
    default. Raises DaysRefused, PlaceRefused."""
    preset, first, last = days
    if place[2] and not place[1]:
        raise PlaceRefused
    if preset and preset not in LONG_PRESETS:
        raise DaysRefused(f"There is no range {preset!r}. There are: {', '.join(LONG_PRESETS)}.")
    if preset and (first or last):
        raise DaysRefused("A named range and days can't both be asked for: leave one of them out.")
    begin, end = first or last, last or first
    if begin is not None and end is not None:
        if end < begin:
            raise DaysRefused(f"{end} is before {begin}: say the earlier day first.")
        if (end - begin).days >= MAX_DAYS:
            raise DaysRefused(f"From {begin} to {end} is more than {MAX_DAYS} days: ask for parts of it.")
        if not date.min + EDGE < begin <= end < date.max - EDGE:
            raise DaysRefused(f"{begin} is at the end of the calendar. Is the year right?")
    return preset, "" if begin is None else begin.isoformat(), "" if end is None else end.isoformat()


async def question(
    db: Pool,
    clock: Clock,
    tenant_id: int,
    days: tuple[str, str, str],
    compare: Compare,
    place: tuple[str, str, str],
    traits: Traits = NO_TRAITS,
    *,
    limited: bool,
) -> Question:
    """What is asked: `days` are range, from and to, `place` site, station and EVSE. `limited`: who asks may see some
    sites alone, which are those that `db` shows."""
    async with db.tenant(tenant_id) as conn:
        zone = (await find_organisation(conn, tenant_id)).time_zone
        co2 = tuple(await co2_zones(conn, tenant_id))
        sites = await site_names(conn, tenant_id)
        own = tuple(await tariffs_of_some(conn, tenant_id))
    allowed = tuple(sorted(site.slug for site in sites)) if limited else None
    groups = groups_of(sites)
    group = next((each.sites for each in groups if each.slug == place[0]), None)
    chosen = time_range(clock.now(), zone, preset=days[0], first=days[1], last=days[2], default=DEFAULT)
    back = {Compare.BEFORE: chosen.last - chosen.first + timedelta(days=1), Compare.YEAR: YEAR}.get(compare)
    before = None
    if back is not None:
        first, last = (chosen.first - back).isoformat(), (chosen.last - back).isoformat()
        before = time_range(clock.now(), zone, first=first, last=last, default=DEFAULT)
    return Question(
        range=chosen,
        before=before,
        compare=compare,
        site=place[0],
        station=place[1],
        evse=place[2],
        allowed=allowed,
        co2=co2,
        kind=plain_type(traits[0]),
        tariff=traits[1],
        paid=traits[2],
        driver_group=traits[3],
        group=group,
        own=own,
        groups=tuple(each for each in groups if group is None or {*each.sites} < {*group}),
    )


def groups_of(sites: Sequence[SiteName]) -> list[Group]:
    """Sites that others are part of, of sites each of which is followed by what is part of it."""
    found = []
    for place, site in enumerate(sites):
        after = enumerate(sites[place + 1 :], place + 1)
        end = next((number for number, each in after if each.depth <= site.depth), len(sites))
        slugs = tuple(each.slug for each in sites[place:end])
        if len(slugs) > 1:
            found.append(Group(slug=site.slug, name=site.name, sites=slugs))
    return found


async def answered(
    db: Pool, answers: Answers, tenant_id: int, lake: Lake | None, family: Family, asked: Question
) -> Answer:
    """The answer, with figures beside those of the days compared with, where these are known. Raises PlaceUnknown,
    GroupUnknown, TraitOfFew, TraitRefused.

    Profit comes from the books, everything else from `lake`. Drivers are told of by whole months.
    """
    if family not in BY_TRAITS and asked.is_narrowed:
        raise TraitRefused
    spans = [asked.range, asked.before]
    if family == Family.DRIVERS:
        assert lake is not None
        spans = whole_months(asked, lake.watermark)
    found: list[Answer] = []
    for span in spans:
        if span is None:
            continue
        if family == Family.PROFIT:
            async with db.tenant(tenant_id) as conn:
                found.append(await profit.answer(conn, tenant_id, asked.asked(span)))
        else:
            assert lake is not None
            try:
                found.append(await answers.answer(tenant_id, lake, family, asked.asked(span)))
            except (GroupUnknown, TraitOfFew):
                # Of the days before, too few drivers of a group, or by a tariff, may have come to be told of.
                if span is not asked.before:
                    raise
    days, before = ((span.first, span.last) if span is not None else None for span in spans)
    told = found[0]
    if before is not None and len(found) > 1:
        told = compared(told, found[1], before, asked.range.zone)
    if family != Family.DRIVERS:
        return told
    return structs.replace(told, days=days, days_before=before)


def whole_months(asked: Question, known_at: datetime) -> list[TimeRange | None]:
    """Months of the calendar that days are of and that are over by what is known, at least the latest of these; and as
    many before, or the same ones a year before. By other days somebody could be told from who came on a few of them."""
    zone = asked.range.zone
    end = min(month_of(asked.range.last, 1), month_of(known_at.astimezone(ZoneInfo(zone)).date()))
    first = min(month_of(asked.range.first), month_of(end, -1))
    months = months_between(first, end)
    back = {Compare.BEFORE: months, Compare.YEAR: 12}.get(asked.compare)
    spans = [(first, end)] + ([] if back is None else [(month_of(first, -back), month_of(end, -back))])
    found: list[TimeRange | None] = [
        time_range(
            known_at, zone, first=begins.isoformat(), last=(ends - timedelta(days=1)).isoformat(), default=DEFAULT
        )
        for begins, ends in spans
    ]
    return [*found, None][:2]
