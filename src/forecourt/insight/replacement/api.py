"""Routes of replacement: the plan, what is said of hardware, and what replacing costs."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct, structs

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker, Database
from forecourt.insight.replacement import store
from forecourt.insight.replacement.errors import ChangeExists, ChangeRefused, ChangeUnknown, TooManyChanges
from forecourt.insight.replacement.inputs import ReplacementInputs, ReplacementInputsRefused
from forecourt.insight.replacement.model import HardwareChange, HardwareKind, HardwareSaid
from forecourt.insight.replacement.planned import HardwareUnit, ModelAhead, YearAhead, place_of
from forecourt.insight.replacement.service import Replacing
from forecourt.insight.replacement.sheet import import_changes
from forecourt.insight.turns import AnswerTooSlow
from forecourt.platform.paging import DEFAULT_LIMIT, CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.platform.sheets import Imported, SheetBody, SheetRefused, imported
from forecourt.platform.text import ONE_LINE
from forecourt.stations.commands import StationUnknown

TAGS: Final = ["insight"]
SAYS: Final = {"verb": Verb.REVIEW}
#: Units of a plan, and what was said on a page; the lists go on.
MAX_LISTED: Final = 500
UNIT_CURSORS: Final = Cursors("hardware by its chance to end", length=5)
CHANGE_CURSORS: Final = Cursors("hardware changes", length=2)

Planning = NamedDependency[Replacing]
OfStation = Annotated[
    str, QueryParameter(max_length=255, pattern=ONE_LINE, description="Of this station; without it of all.")
]
OfKind = Annotated[HardwareKind | None, QueryParameter(description="Of this kind; without it of all.")]


class ReplacementPlan(Struct, frozen=True, kw_only=True):
    """The year ahead. Costs are null for who may not read money."""

    plan: Annotated[YearAhead, Meta(description="Its `units` are the 500 that most likely end.")]
    inputs: ReplacementInputs | None


def shown_to(actor: Actor, plan: YearAhead) -> YearAhead:
    """A plan without money for who may not read any; what is advised stays, and what it saves goes."""
    if actor.may(Verb.READ_MONEY):
        return plan
    return structs.replace(
        plan, budget=None, kinds=[
            structs.replace(each, cost=None, models=[_unpriced(model) for model in each.models]) for each in plan.kinds
        ],
        sites=[structs.replace(each, cost=None) for each in plan.sites],
    )  # fmt: skip


def _unpriced(model: ModelAhead) -> ModelAhead:
    return model if model.advice is None else structs.replace(model, advice=structs.replace(model.advice, saved=None))


@get(
    "/insight/replacement",
    opt={"problems": [AnswerTooSlow]},
    summary="Show what hardware will have to be replaced",
    description="Within a year, by kind, model and site, with bounds and costs, and when replacing ahead pays.",
    tags=TAGS,
)
async def show_replacement(actor: Asker, db: Database, replacing: Planning) -> ReplacementPlan:
    plan = shown_to(actor, await replacing.plan(actor.tenant_id))
    async with db.tenant(actor.tenant_id) as conn:
        inputs = await replacing.inputs(conn, actor.tenant_id) if actor.may(Verb.READ_MONEY) else None
    return ReplacementPlan(plan=structs.replace(plan, units=plan.units[:MAX_LISTED]), inputs=inputs)


@get(
    "/insight/replacement/units",
    opt={"problems": [CursorRefused, AnswerTooSlow]},
    summary="List hardware by its chance to end",
    description="Within a year, the likeliest first.",
    tags=TAGS,
)
async def list_replacement_units(
    actor: Asker, replacing: Planning, station: OfStation = "", kind: OfKind = None, limit: Limit = DEFAULT_LIMIT,
    cursor: NextCursor = None,
) -> Page[HardwareUnit]:  # fmt: skip
    place = UNIT_CURSORS.decode_names(cursor)
    found = [
        each
        for each in (await replacing.plan(actor.tenant_id)).units
        if (not station or each.station == station)
        and (kind is None or each.place.kind is kind)
        and (place is None or place_of(each) > place)
    ]
    return UNIT_CURSORS.page(found[: limit + 1], limit, place_of, lambda each: each)


@get(
    "/insight/replacement/changes",
    opt={"problems": [CursorRefused]},
    summary="List what is said of hardware",
    description="What was put in and taken out, the latest day first.",
    tags=TAGS,
)
async def list_hardware_changes(
    actor: Asker, db: Database, station: OfStation = "", limit: Limit = DEFAULT_LIMIT, cursor: NextCursor = None
) -> Page[HardwareChange]:
    place = CHANGE_CURSORS.decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_changes(conn, actor.tenant_id, station=station or None, place=place, limit=limit + 1)
    return CHANGE_CURSORS.page(rows, limit, lambda row: (row.on.toordinal(), row.number), lambda row: row)


@post(
    "/insight/replacement/changes",
    opt={**SAYS, "problems": [ChangeRefused, StationUnknown, ChangeExists, TooManyChanges]},
    summary="Say that hardware was replaced or put in",
    description="Taken out for a reason, and a new one put in; or `commissioned`: put in, and nothing taken out.",
    tags=TAGS,
)
async def say_hardware_change(
    data: JSONBody[HardwareSaid], actor: Asker, db: Database, replacing: Planning
) -> HardwareChange:
    async with db.tenant(actor.tenant_id) as conn:
        return await replacing.say(conn, actor, data)


@delete(
    "/insight/replacement/changes/{change_id:uuid}",
    opt={**SAYS, "problems": [ChangeUnknown]},
    summary="Take back what was said of hardware",
    tags=TAGS,
)
async def take_back_hardware_change(
    change_id: FromPath[UUID], actor: Asker, db: Database, replacing: Planning
) -> None:  # fmt: skip
    async with db.tenant(actor.tenant_id) as conn:
        await replacing.unsay(conn, actor, change_id)


@post(
    "/insight/replacement/changes/import",
    opt={
        **SAYS,
        "problems": [SheetRefused, TooManyChanges],
        "example": {"csv": "station,kind,evse,connector,on,reason\nCP1,cable,1,1,2025-08-13,worn\n"},
    },
    status_code=200,
    summary="Import past replacements",
    description="From a sheet with the columns station, kind, evse, connector, on, reason, note; a dry run by default.",
    tags=TAGS,
)
async def import_hardware_changes(
    data: JSONBody[SheetBody], actor: Asker, db: Database, replacing: Planning
) -> Imported:  # fmt: skip
    async with db.tenant(actor.tenant_id) as conn:
        return imported(await import_changes(replacing, conn, actor, data.csv, dry_run=data.dry_run))


@get(
    "/insight/replacement/inputs",
    opt={"verb": Verb.READ_MONEY},
    summary="Show what replacing is reckoned by",
    tags=TAGS,
)
async def show_replacement_inputs(actor: Asker, db: Database, replacing: Planning) -> ReplacementInputs:
    async with db.tenant(actor.tenant_id) as conn:
        return await replacing.inputs(conn, actor.tenant_id)


@put(
    "/insight/replacement/inputs",
    opt={"verb": Verb.PLAN_GROWTH, "problems": [ReplacementInputsRefused]},
    summary="Say what replacing is reckoned by",
    description="Costs, hours out of service, and since when ends are recorded, by kind. What is left out is unsaid.",
    tags=TAGS,
)
async def put_replacement_inputs(
    data: JSONBody[ReplacementInputs], actor: Asker, db: Database, replacing: Planning
) -> ReplacementInputs:
    async with db.tenant(actor.tenant_id) as conn:
        await replacing.say_inputs(conn, actor, data)
    return data


routes = Router(
    "",
    route_handlers=[
        show_replacement, list_replacement_units, list_hardware_changes, say_hardware_change,
        take_back_hardware_change, import_hardware_changes, show_replacement_inputs, put_replacement_inputs,
    ],
)  # fmt: skip
