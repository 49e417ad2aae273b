"""Routes of new sites: studies, what came of them, and whether use can be predicted at all."""

from typing import Annotated, Any, Final

from litestar import Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.insight.expansion.service import Growth
from forecourt.insight.lake.layout import LakeMissing
from forecourt.insight.siting import studies
from forecourt.insight.siting.files import points, table
from forecourt.insight.siting.model import SitingRefused
from forecourt.insight.siting.study import Files, Study, StudyHead, StudyOpen, StudyUnknown, TooManyStudies, Wanted
from forecourt.insight.siting.validating import Validation
from forecourt.insight.turns import AnswerTooSlow
from forecourt.platform.clock import Clock
from forecourt.platform.paging import NEWEST, Page, entire

TAGS: Final = ["insight"]
READS: Final = {"verb": Verb.READ_MONEY}
CHANGES: Final = {"verb": Verb.PLAN_GROWTH}

Ticking = NamedDependency[Clock]
Growing = NamedDependency[Growth]
StudyId = Annotated[int, PathParameter(ge=1, le=NEWEST, description="The study's number.")]


class NewStudy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for, and the files for it."""

    wanted: Wanted
    files: Files


@post(
    "/siting/studies",
    opt={**CHANGES, "problems": [SitingRefused, TooManyStudies, AnswerTooSlow]},
    summary="Ask where new sites go",
    description="A job chooses; its progress stands in the study. A row that can't be read is named with its column.",
    tags=TAGS,
)
async def ask_study(data: JSONBody[NewStudy], actor: Asker, db: Database, clock: Ticking, growth: Growing) -> StudyHead:
    asked = await studies.prepared(actor.tenant_id, growth, data.wanted, data.files)
    async with db.tenant(actor.tenant_id) as conn:
        return await studies.ask(conn, actor, data.wanted, asked, clock.now())


@get("/siting/studies", opt=dict(READS), summary="List studies of new sites", tags=TAGS)
async def list_studies(actor: Asker, db: Database) -> Page[StudyHead]:
    async with db.tenant(actor.tenant_id) as conn:
        return entire(list(await studies.listed(conn, actor.tenant_id)))


@get(
    "/siting/studies/{study_id:int}",
    opt={**READS, "problems": [StudyUnknown]},
    summary="Show a study of new sites",
    description="Its scenarios side by side once it is done: value, bound and gap, greedy beside it, what is taken.",
    tags=TAGS,
)
async def show_study(study_id: StudyId, actor: Asker, db: Database) -> Study:
    async with db.tenant(actor.tenant_id) as conn:
        return await studies.find(conn, actor.tenant_id, study_id)


@post(
    "/siting/studies/{study_id:int}/stop",
    opt={**CHANGES, "problems": [StudyUnknown]},
    status_code=200,
    summary="Stop a study of new sites",
    description="It ends without a result, within the seconds that a scenario may take. Idempotent.",
    tags=TAGS,
)
async def stop_study(study_id: StudyId, actor: Asker, db: Database, clock: Ticking) -> StudyHead:
    async with db.tenant(actor.tenant_id) as conn:
        return await studies.stop(conn, actor, study_id, clock.now())


@delete(
    "/siting/studies/{study_id:int}",
    opt={**CHANGES, "problems": [StudyUnknown, StudyOpen]},
    summary="Delete a study of new sites",
    tags=TAGS,
)
async def delete_study(study_id: StudyId, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await studies.delete(conn, actor, study_id)


@get(
    "/siting/studies/{study_id:int}/sites.csv",
    opt={**READS, "problems": [StudyUnknown]},
    media_type="text/csv",
    summary="Download chosen sites as CSV",
    tags=TAGS,
)
async def take_table(study_id: StudyId, actor: Asker, db: Database) -> Response[bytes]:
    async with db.tenant(actor.tenant_id) as conn:
        return table(await studies.find(conn, actor.tenant_id, study_id))


@get(
    "/siting/studies/{study_id:int}/sites.geojson",
    opt={**READS, "problems": [StudyUnknown]},
    summary="Show chosen sites as GeoJSON",
    description="RFC 7946: a point a chosen site of each scenario; none until the study is done.",
    tags=TAGS,
)
async def take_points(study_id: StudyId, actor: Asker, db: Database) -> dict[str, Any]:
    async with db.tenant(actor.tenant_id) as conn:
        return points(await studies.find(conn, actor.tenant_id, study_id))


@get(
    "/siting/validation",
    opt={**READS, "problems": [AnswerTooSlow, LakeMissing]},
    summary="Show whether use of new sites can be predicted",
    description="A fifth of the own sites hidden at a time: how prediction, plugs and the nearest site rank them.",
    tags=TAGS,
)
async def show_validation(actor: Asker, growth: Growing) -> Validation:
    return await growth.reckoned(actor.tenant_id, studies.judged)


routes = Router(
    "",
    route_handlers=[
        ask_study, list_studies, show_study, stop_study, delete_study, take_table, take_points, show_validation,
    ],
)  # fmt: skip
