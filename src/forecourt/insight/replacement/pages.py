"""The screens of replacement: the plan, what is said of hardware, and the import of past replacements."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker, Database
from forecourt.insight.dashboards.answering import Answering
from forecourt.insight.dashboards.files import SHEETS, form_of
from forecourt.insight.pages import tabs_of
from forecourt.insight.replacement import files, forms, store, words
from forecourt.insight.replacement.api import SAYS, OfKind, OfStation, Planning, shown_to
from forecourt.insight.replacement.errors import ChangeExists, ChangeRefused, TooManyChanges
from forecourt.insight.replacement.futures import EndBounds
from forecourt.insight.replacement.inputs import ReplacementInputs, ReplacementInputsRefused
from forecourt.insight.replacement.model import HELD_PERCENT, HORIZON_D, MAX_PLUG, QUARTERS, HardwareKind
from forecourt.insight.replacement.planned import Believed, CostBounds, HardwareTold, KindAhead, YearAhead
from forecourt.insight.replacement.policy import AheadVerdict
from forecourt.insight.replacement.service import Replacing
from forecourt.insight.replacement.sheet import COLUMNS, import_changes
from forecourt.insight.replacement.shown import drawing
from forecourt.insight.replacement.weibull import LEAST_ENDS
from forecourt.insight.store import Connection
from forecourt.payments.forms import DAY_WRONG, Field, read_form, typed_of
from forecourt.platform.sheets import Plan as SheetPlan
from forecourt.platform.text import ONE_LINE
from forecourt.stations.commands import StationUnknown
from forecourt.stations.service import site_names
from forecourt.ui import formats
from forecourt.ui.i18n import mark, number
from forecourt.ui.sheets import ImportPage, ImportScreen
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]
PATH: Final = "/insight/health/replacement"
CHANGES: Final = words.CHANGES_PATH
#: Hardware that the page lists; the file has all. Serial numbers to explain.
MAX_UNITS_SHOWN: Final = 50
FEW: Final = 10
MAX_EXCHANGES: Final = 20
#: What was said, on the page of it; the file and the API have all.
MAX_CHANGES_SHOWN: Final = 100
#: What is surer is called so.
NEARLY_SURE: Final = 0.99
DASH: Final = "\N{EN DASH}"
IMPORT: Final = ImportPage(
    path=f"{CHANGES}/import",
    current="insight",
    back=CHANGES,
    title=mark("Import past replacements"),
    intro=mark("One line for each piece of hardware that was put in or taken out, and the day."),
    columns={name: rule for name, (_, rule) in COLUMNS.items()},
    example=(
        "station,kind,evse,connector,on,reason\nCP1,station,,,2021-05-01,commissioned\nCP1,cable,1,1,2024-08-13,worn"
    ),
    needed=("station", "kind", "on", "reason"),
)
Prefilled = Annotated[int | None, QueryParameter(ge=1, le=MAX_PLUG, description="Filled in beforehand.")]
PrefilledDay = Annotated[str, QueryParameter(max_length=10, pattern=ONE_LINE, description="Filled in beforehand.")]


class ReplacementPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def plan(
        self, request: WebRequest, actor: Actor, db: Database, replacing: Replacing,
        kind: HardwareKind | None = None, *, typed: Mapping[str, str] | None = None,
        wrong: Mapping[str, str] | None = None,
    ) -> Response[str]:  # fmt: skip
        plan = shown_to(actor, await replacing.plan(actor.tenant_id))
        async with db.tenant(actor.tenant_id) as conn:
            inputs = await replacing.inputs(conn, actor.tenant_id)
            names = await _names(conn, actor.tenant_id)
        if not actor.may(Verb.READ_MONEY):
            inputs = ReplacementInputs(currency=inputs.currency)
        chosen = _chosen(plan, kind)
        return self._shell.page(
            "insight/replacement.html", request, viewer=actor, current="insight", tabs=tabs_of(actor),
            plain=lambda path: path, status=422 if wrong else 200, plan=plan, chosen=chosen, words=words,
            names=names,
            Told=HardwareTold, Verdict=AheadVerdict, bars=drawing(chosen), number=number, range_of=_range,
            years_of=_years, sure_of=_sure, money_of=_money, held=round(HELD_PERCENT / 10), few=FEW,
            most=MAX_UNITS_SHOWN,
            exchanges=plan.exchanges[:MAX_EXCHANGES], least=LEAST_ENDS, quarters=_quarters(plan),
            currency=inputs.currency, groups=_groups(inputs.currency), typed=typed or forms.typed_as(inputs),
            wrong=wrong or {}, may_plan=actor.may(Verb.PLAN_GROWTH), may_say=actor.may(Verb.REVIEW),
            ahead=sum(each.ahead for each in plan.units), head=[forms.CURRENCY], changes=CHANGES,
        )  # fmt: skip

    async def changes(
        self, request: WebRequest, actor: Actor, db: Database, station: str, *,
        typed: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None, fault: str = "",
        status: int = 200,
    ) -> Response[str]:  # fmt: skip
        async with db.tenant(actor.tenant_id) as conn:
            found = await store.list_changes(conn, actor.tenant_id, station=station or None, limit=MAX_CHANGES_SHOWN)
        blank = {field.name: "" for field in forms.said_fields()} | {"station": station}
        return self._shell.page(
            "insight/replacement_changes.html", request, viewer=actor, current="insight", tabs=tabs_of(actor),
            plain=lambda path: path, status=status, found=found, station=station, words=words, path=CHANGES,
            fields=forms.said_fields(), typed=blank | dict(typed or {}), wrong=wrong or {}, fault=fault,
            may_say=actor.may(Verb.REVIEW), most=MAX_CHANGES_SHOWN, imports=IMPORT.path, back=PATH,
        )  # fmt: skip


def replacement_pages(shell: Shell) -> list[HTTPRouteHandler]:
    """`/insight/health/replacement` and what is below it."""
    pages = ReplacementPages(shell)

    @get(PATH, include_in_schema=False)
    async def show(
        request: WebRequest, actor: Asker, db: Database, replacing: Planning, kind: OfKind = None
    ) -> Response[str]:
        return await pages.plan(request, actor, db, replacing, kind)

    @post(PATH, opt={"verb": Verb.PLAN_GROWTH}, include_in_schema=False, status_code=200)
    async def say_inputs(request: WebRequest, actor: Asker, db: Database, replacing: Planning) -> Response[Any]:
        typed = await typed_of(request, [forms.CURRENCY])
        said = typed["currency"].upper()
        groups = _groups(said if len(said) == 3 and said.isascii() and said.isalpha() else "EUR")
        fields = [forms.CURRENCY, *(field for _, group in groups for field in group)]
        typed = await typed_of(request, fields)
        values, wrong = read_form(fields, typed)
        try:
            if not wrong:
                async with db.tenant(actor.tenant_id) as conn:
                    await replacing.say_inputs(conn, actor, forms.inputs_of(values))
                return Redirect(PATH, status_code=303)
        except ReplacementInputsRefused:
            wrong = {name: DAY_WRONG for name in typed if name.endswith("_recorded_since") and typed[name]}
        return await pages.plan(request, actor, db, replacing, typed=typed, wrong=wrong)

    @get([f"{PATH}.{form}" for form in SHEETS], include_in_schema=False)
    async def take(
        request: WebRequest, actor: Asker, db: Database, replacing: Planning, answers: Answering
    ) -> Response[bytes]:
        plan = await replacing.plan(actor.tenant_id)
        async with db.tenant(actor.tenant_id) as conn:
            names = await _names(conn, actor.tenant_id)
        return await files.units(answers, actor.tenant_id, plan, names, form_of(request.url.path))

    return [show, say_inputs, take, *_change_pages(shell, pages)]


def _change_pages(shell: Shell, pages: ReplacementPages) -> list[HTTPRouteHandler]:
    screen = ImportScreen(shell, IMPORT)

    @get(CHANGES, include_in_schema=False)
    async def show_changes(
        request: WebRequest, actor: Asker, db: Database, station: OfStation = "", kind: OfKind = None,
        evse: Prefilled = None, connector: Prefilled = None, on: PrefilledDay = "",
    ) -> Response[str]:  # fmt: skip
        typed = {"kind": kind.value if kind else "", "evse": str(evse or ""), "connector": str(connector or ""),
                 "on": on}  # fmt: skip
        return await pages.changes(request, actor, db, station, typed=typed)

    @post(CHANGES, opt=dict(SAYS), include_in_schema=False, status_code=200)
    async def say(request: WebRequest, actor: Asker, db: Database, replacing: Planning) -> Response[Any]:
        fields = forms.said_fields()
        typed = await typed_of(request, fields)
        values, wrong = read_form(fields, typed)
        fault = ""
        try:
            if not wrong:
                async with db.tenant(actor.tenant_id) as conn:
                    await replacing.say(conn, actor, forms.said_of(values))
                return Redirect(CHANGES, status_code=303)
        except StationUnknown:
            wrong = {"station": forms.STATION_WRONG}
        except (ChangeRefused, ChangeExists, TooManyChanges) as refused:
            fault = FAULTS[refused.code]
        return await pages.changes(request, actor, db, "", typed=typed, wrong=wrong, fault=fault, status=422)

    @post(f"{CHANGES}/{{change_id:uuid}}/forget", opt=dict(SAYS), include_in_schema=False)
    async def forget(change_id: FromPath[UUID], actor: Asker, db: Database, replacing: Planning) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await replacing.unsay(conn, actor, change_id)
        return Redirect(CHANGES, status_code=303)

    @get([f"{CHANGES}.{form}" for form in SHEETS], include_in_schema=False)
    async def take_changes(request: WebRequest, actor: Asker, db: Database, answers: Answering) -> Response[bytes]:
        async with db.tenant(actor.tenant_id) as conn:
            found = await store.list_changes(conn, actor.tenant_id)
        return await files.changes(answers, actor.tenant_id, found, form_of(request.url.path))

    @get(IMPORT.path, opt=dict(SAYS), include_in_schema=False, sync_to_thread=False)
    def choose(request: WebRequest) -> Response[str]:
        return screen.choose(request)

    @post(IMPORT.path, opt=dict(SAYS), include_in_schema=False, status_code=200)
    async def bring(request: WebRequest, actor: Asker, db: Database, replacing: Planning) -> Response[str]:
        async def run(csv: bytes | str, *, dry_run: bool) -> SheetPlan:
            async with db.tenant(actor.tenant_id) as conn:
                return await import_changes(replacing, conn, actor, csv, dry_run=dry_run)

        return await screen.run(request, run)

    return [show_changes, say, forget, take_changes, choose, bring]


#: What can't be said of hardware, in words of pages.
FAULTS: Final = {
    ChangeRefused.code: mark(
        "A station and its controller have no EVSE, a power unit has one, a cable an EVSE and a connector; the station"
        " has them, if it told of any; and the day is from 2000 until today."
    ),
    ChangeExists.code: mark("Something is said of this hardware and that day already. Take it back first."),
    TooManyChanges.code: mark("More is said of hardware than is kept. Take back what is oldest."),
}


async def _names(conn: Connection, tenant_id: int) -> dict[str, str]:
    """What sites are called, by their ids."""
    return {each.slug: each.name for each in await site_names(conn, tenant_id)}


def _groups(currency: str) -> list[tuple[HardwareKind, list[Field]]]:
    return [(kind, forms.input_fields(kind, currency)) for kind in HardwareKind]


def _chosen(plan: YearAhead, kind: HardwareKind | None) -> KindAhead:
    """The kind that is looked at closely: the one asked for, else the one of which most can be told."""
    order = list(HardwareTold)
    asked = [each for each in plan.kinds if each.kind is kind]
    return asked[0] if asked else max(
        plan.kinds, key=lambda each: (order.index(each.told), each.year.expected if each.year else 0.0)
    )  # fmt: skip


def _quarters(plan: YearAhead) -> list[tuple[date, date, EndBounds, CostBounds | None]]:
    """From when to when, how many, and at what cost."""
    found = []
    for n, each in enumerate(plan.quarters):
        first, last = (plan.on + timedelta(days=HORIZON_D * k // QUARTERS) for k in (n, n + 1))
        cost = None if plan.budget is None else plan.budget.quarters[n]
        found.append((first, last - timedelta(days=1), each, cost))
    return found


def _range(bounds: EndBounds | None) -> str:
    """From the lower to the upper bound."""
    if bounds is None:
        return ""
    return str(bounds.low) if bounds.low == bounds.high else f"{number(bounds.low)} {DASH} {number(bounds.high)}"


def _sure(chance: float) -> str:
    """How sure something is, in percent; never quite."""
    return f"> {round(100 * NEARLY_SURE)}" if chance > NEARLY_SURE else number(100 * chance)


def _years(found: Believed) -> str:
    return f"{number(found.low, 1)} {DASH} {number(found.high, 1)}"


def _money(cost: CostBounds | None, currency: str) -> str:
    if cost is None:
        return ""
    return f"{formats.money(cost.low_minor, currency)} {DASH} {formats.money(cost.high_minor, currency)}"
