"""`/insight`: what an operator asks, one page a family, over one span of time for all; and every table as a file."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from msgspec import Struct

from forecourt.access import Actor
from forecourt.access.guard import Asker
from forecourt.insight.dashboards import behind, drawings, words
from forecourt.insight.dashboards.answering import Answering, Answers, Lake
from forecourt.insight.dashboards.asking import (
    BY_TRAITS,
    OfCompare,
    OfEvse,
    OfGroup,
    OfKind,
    OfOutcome,
    OfPaid,
    OfSite,
    OfStation,
    OfTariff,
    Question,
    Traits,
    answered,
    question,
)
from forecourt.insight.dashboards.files import MEDIA_TYPES, SHEETS, Form, form_of, taken
from forecourt.insight.dashboards.model import (
    Answer,
    Compare,
    Family,
    GroupUnknown,
    PlaceUnknown,
    Table,
    TraitOfFew,
    TraitRefused,
)
from forecourt.insight.lake.groups import LEAST_OF_GROUP
from forecourt.insight.lake.layout import LakeMissing
from forecourt.insight.pages import SUB_PAGES, tabs_of
from forecourt.insight.tries import troubles
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.files import file
from forecourt.ui.ranges import LONG_PRESETS, FromDay, RangeWord, ToDay
from forecourt.ui.shell import Shell

#: A lake that is older is said to be late: it is written every night.
LATE_AFTER: Final = timedelta(hours=36)
#: Rows of a table on a page; its file has all.
MAX_SHOWN: Final = 50
#: How a page that can't tell what is asked answers, by why.
STATUSES: Final = {
    "place": PlaceUnknown.status,
    "group": GroupUnknown.status,
    "traits": TraitRefused.status,
    "few": TraitOfFew.status,
}
#: The page of each family, and what one must be allowed to open it.
PATHS: Final = {key: path for key, _, path, _ in SUB_PAGES}
VERBS: Final = {key: verb for key, _, _, verb in SUB_PAGES}

WebRequest = Request[Any, Any, Any]


class TableUnknown(PlaceUnknown):
    """There is no such table. The page links to those there are."""

    code = "table-unknown"


class InsightPages(Struct, frozen=True, kw_only=True):
    """What the handlers are given."""

    shell: Shell
    db: Pool
    clock: Clock

    async def question(
        self, actor: Actor, days: tuple[str, str, str], compare: Compare, place: tuple[str, str, str],
        traits: Traits,
    ) -> Question:  # fmt: skip
        """What an address asks for."""
        return await question(
            self.db, self.clock, actor.tenant_id, days, compare, place, traits, limited=actor.sites is not None
        )

    async def show(
        self, request: WebRequest, actor: Actor, answers: Answers, family: Family, asked: Question
    ) -> Response[str]:
        """A family's page; one that isn't told by traits says so, as the API does."""
        lake, answer, fault = None, None, ""
        try:
            lake = await answers.lake(actor.tenant_id)
            answer = await answered(self.db, answers, actor.tenant_id, lake, family, asked)
        except LakeMissing:
            fault = "missing"
            if family == Family.PROFIT:
                answer = await answered(self.db, answers, actor.tenant_id, None, family, asked)
        except PlaceUnknown:
            fault = "place"
        except TraitRefused:
            fault = "traits"
        except GroupUnknown:
            fault = "group"
        except TraitOfFew:
            fault = "few"
        now, path = self.clock.now(), PATHS[family.value]
        trouble = None
        if lake is None or lake.watermark.date() < now.date():
            async with self.db.tenant(actor.tenant_id) as conn:
                trouble = (await troubles(conn, actor.tenant_id, now)).get("written")
        return self.shell.page(
            "insight/dashboard.html", request, viewer=actor, current="insight", family=family, answer=answer,
            asked=asked, lake=lake, fault=fault, status=STATUSES.get(fault, 200), path=path,
            trouble=trouble, behind=_behind_figures(asked, lake, family), least_of_group=LEAST_OF_GROUP,
            narrowed=words.told_apart(asked) if family in BY_TRAITS else (), tabs_href=_tab_of(asked),
            late=lake is not None and now - lake.watermark > LATE_AFTER, presets=LONG_PRESETS,
            empty=_is_empty(answer), tabs=tabs_of(actor), words=words, drawings=drawings, most=MAX_SHOWN,
            last_days=_last_days(asked, lake, path), place=words.place_of(asked), compares=words.COMPARES,
            href=lambda **changes: asked.href(path, **changes),
            file=lambda table, form: asked.href(f"/insight/tables/{family.value}/{table.key}.{form}"),
        )  # fmt: skip


def dashboard_pages(pages: InsightPages) -> list[HTTPRouteHandler]:
    """The routes `/insight`, `/insight/...` and `/insight/tables/...`."""

    def page(family: Family) -> HTTPRouteHandler:
        verb = VERBS[family.value]

        @get(PATHS[family.value], opt={"verb": verb}, include_in_schema=False)
        async def shown(
            request: WebRequest,
            actor: Asker,
            answers: Answering,
            preset: RangeWord = "",
            first: FromDay = "",
            last: ToDay = "",
            compare: OfCompare = "before",
            site: OfSite = "",
            station: OfStation = "",
            evse: OfEvse = "",
            kind: OfKind = "",
            tariff: OfTariff = "",
            paid: OfPaid = "",
            driver_group: OfGroup = "",
        ) -> Response[str]:
            asked = await pages.question(
                actor,
                (preset, first, last),
                Compare(compare),
                (site, station, evse),
                (kind, tariff, paid, driver_group),
            )
            return await pages.show(request, actor, answers, family, asked)

        return shown

    def files(family: Family) -> HTTPRouteHandler:
        verb = VERBS[family.value]

        @get(f"/insight/tables/{family.value}/{{name:str}}", opt={"verb": verb}, include_in_schema=False)
        async def taken(
            actor: Asker,
            answers: Answering,
            name: Annotated[str, PathParameter(pattern=r"^[a-z_]{1,40}\.(csv|xlsx|parquet|json)$")],
            preset: RangeWord = "",
            first: FromDay = "",
            last: ToDay = "",
            compare: OfCompare = "before",
            site: OfSite = "",
            station: OfStation = "",
            evse: OfEvse = "",
            kind: OfKind = "",
            tariff: OfTariff = "",
            paid: OfPaid = "",
            driver_group: OfGroup = "",
        ) -> Response[bytes]:
            del compare
            asked = await pages.question(
                actor, (preset, first, last), Compare.NOTHING, (site, station, evse), (kind, tariff, paid, driver_group)
            )
            lake = None if family == Family.PROFIT else await answers.lake(actor.tenant_id)
            answer = await answered(pages.db, answers, actor.tenant_id, lake, family, asked)
            key, _dot, form = name.partition(".")
            known_at = pages.clock.now() if lake is None else lake.watermark
            return await _file(actor, answers, family.value, answer.table(key), Form(form), asked, known_at)

        return taken

    return [route for family in Family for route in (page(family), files(family))] + _behind(pages)


def _behind(pages: InsightPages) -> list[HTTPRouteHandler]:
    """The sessions behind figures, as a page and as a file."""

    @get("/insight/sessions", include_in_schema=False)
    async def shown(
        request: WebRequest, actor: Asker, answers: Answering, preset: RangeWord = "", first: FromDay = "",
        last: ToDay = "", site: OfSite = "", station: OfStation = "", evse: OfEvse = "", kind: OfKind = "",
        tariff: OfTariff = "", paid: OfPaid = "", driver_group: OfGroup = "", outcome: OfOutcome = "",
    ) -> Response[str]:  # fmt: skip
        asked = await pages.question(
            actor, (preset, first, last), Compare.NOTHING, (site, station, evse), (kind, tariff, paid, driver_group)
        )
        lake = await answers.lake(actor.tenant_id)
        table = await answers.behind(actor.tenant_id, lake, asked.asked(asked.range), outcome, behind.MAX_SHOWN)
        return pages.shell.page(
            "insight/behind.html", request, viewer=actor, current="insight", asked=asked, table=table, outcome=outcome,
            tabs=tabs_of(actor), words=words, outcomes=behind.OUTCOMES, on_page=behind.ON_PAGE, page_of=behind.href,
            place=words.place_of(asked), narrowed=words.told_apart(asked),
            file=lambda form: asked.href(f"/insight/sessions.{form}", outcome=outcome),
        )  # fmt: skip

    @get([f"/insight/sessions.{form}" for form in SHEETS], include_in_schema=False)
    async def taken(
        request: WebRequest, actor: Asker, answers: Answering, preset: RangeWord = "", first: FromDay = "",
        last: ToDay = "", site: OfSite = "", station: OfStation = "", evse: OfEvse = "", kind: OfKind = "",
        tariff: OfTariff = "", paid: OfPaid = "", driver_group: OfGroup = "", outcome: OfOutcome = "",
    ) -> Response[bytes]:  # fmt: skip
        asked = await pages.question(
            actor, (preset, first, last), Compare.NOTHING, (site, station, evse), (kind, tariff, paid, driver_group)
        )
        lake = await answers.lake(actor.tenant_id)
        table = await answers.behind(actor.tenant_id, lake, asked.asked(asked.range), outcome, behind.MAX_ROWS)
        return await _file(actor, answers, "insight", table, form_of(request.url.path), asked, lake.watermark)

    return [shown, taken]


async def _file(
    actor: Actor, answers: Answers, family: str, table: Table | None, form: Form, asked: Question, known_at: datetime
) -> Response[bytes]:
    if table is None:
        raise TableUnknown
    name = f"{family}-{table.key}-{asked.range.first}-{asked.range.last}.{form}".replace("_", "-")
    content = await taken(answers, actor.tenant_id, table, form, asked.range.zone, known_at)
    return file(content, MEDIA_TYPES[form], name)


def _behind_figures(asked: Question, lake: Lake | None, family: Family) -> Mapping[str, str]:
    """Where the sessions behind each figure are, by its key."""
    if lake is None or family not in BY_TRAITS:
        return {}
    return {
        key: asked.href("/insight/sessions", outcome=outcome, compare="") for key, outcome in behind.FIGURES.items()
    }


def _tab_of(asked: Question) -> Callable[[str], str]:
    """The address of each sub-page: traits go along to those that are told by them."""
    narrow = {PATHS[family.value] for family in BY_TRAITS}
    return lambda path: (asked if path in narrow else asked.untraited).href(path)


def _is_empty(answer: Answer | None) -> bool:
    """Whether nothing happened: every figure is nothing."""
    return answer is None or not any(figure.value for figure in answer.figures)


def _last_days(asked: Question, lake: Lake | None, path: str) -> str:
    """The address of the last month of which the lake has something; nothing where there is none."""
    if lake is None or lake.last_at is None:
        return ""
    last = lake.last_at.date()
    days: Mapping[str, str] = {"from": (last - timedelta(days=29)).isoformat(), "to": last.isoformat()}
    return asked.href(path, range="", **days)
