"""Routes of tariffs: in versions, each whole; and in the form of OCPI."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.clock import Clock
from forecourt.platform.ordering import Age
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.search_parameter import Search
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.platform.text import NAME_LINE
from forecourt.pricing import service
from forecourt.pricing.errors import PastRefused, TariffEnded, TariffUnknown, TariffUnreadable, TariffUnsayable
from forecourt.pricing.model import Tariff
from forecourt.pricing.ocpi import EXAMPLE as OCPI_EXAMPLE
from forecourt.pricing.ocpi import OcpiTariff, read_tariff, write_tariff
from forecourt.pricing.ocpi_object import NOBODY, NOWHERE, TariffObject, as_json, tariff_object
from forecourt.pricing.store import tariffs as store
from forecourt.pricing.store.tariffs import TariffRow, VersionRow

CURSORS = cursors_by_age("tariffs")
VERSION_CURSORS = cursors_by_age("tariff versions")
#: What this room's routes ask for.
Ticking = NamedDependency[Clock]
TariffId = FromPath[UUID]
Moment = Annotated[datetime, Meta(tz=True, examples=["2030-01-01T00:00:00Z"])]
TariffName = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_LINE, examples=["Day and night"])]
ValidFrom = Annotated[Moment | None, Meta(description="Not before now; null: now.", examples=[None])]


#: A tariff as it may be sent: dearer by day, with a cap on what parking costs.
EXAMPLE: Final = {
    "id": "",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": "0.59", "vat": "19"}],
            "conditions": {"start_time": "08:00", "end_time": "20:00"},
        },
        {
            "price_components": [
                {"type": "ENERGY", "price": "0.39", "vat": "19"},
                {"type": "PARKING_TIME", "price": "6.00", "vat": "19", "step_size": 60},
            ]
        },
    ],
    "caps": [{"before_taxes": "12", "per": "SESSION", "dimensions": ["PARKING_TIME"]}],
}


class NewTariff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tariff as it shall be; its `id` is ours."""

    name: TariffName
    tariff: Tariff
    valid_from: ValidFrom = None


class ImportedTariff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Tariff object of OCPI 2.3.0 or 2.2.1."""

    tariff: OcpiTariff
    name: Annotated[TariffName | None, Meta(description="Null: its id there.")] = None
    valid_from: ValidFrom = None
    revises: Annotated[UUID | None, Meta(description="The tariff of which it is a version.", examples=[None])] = None


class TariffChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A further version, whole."""

    tariff: Tariff
    name: Annotated[TariffName | None, Meta(description="Null: as before.")] = None
    valid_from: ValidFrom = None


class TariffVersion(Struct, frozen=True, kw_only=True):
    """One version of a tariff; of those that are valid the one counts that is so since last, the later of two."""

    version: Annotated[int, Meta(examples=[2])]
    tariff: Tariff
    valid_from: datetime
    made_at: datetime
    made_by: Annotated[str, Meta(examples=["person:3 Ada"])]


class TariffShown(Struct, frozen=True, kw_only=True):
    """A tariff with its latest version, which may be valid later."""

    id: UUID
    name: TariffName
    version: Annotated[int, Meta(examples=[2])]
    tariff: Tariff
    valid_from: datetime
    made_at: datetime
    made_by: Annotated[str, Meta(examples=["person:3 Ada"])]
    ended_at: Annotated[datetime | None, Meta(description="From then on it counts nowhere.", examples=[None])]
    not_in_ocpi: Annotated[
        Sequence[str], Meta(description="What OCPI 2.3.0 can't say of it, in words.", examples=[[]])
    ]  # fmt: skip


@get("/tariffs", opt={"problems": [CursorRefused]}, summary="List tariffs", tags=["tariffs"])
async def list_tariffs(
    actor: Asker,
    db: Database,
    search: Search = None,
    sort: Annotated[Age, QueryParameter(description="Those made last, or first, come first.")] = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[TariffShown]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_tariffs(
            conn, actor.tenant_id, search=search, order=sort, place=place, limit=limit + 1
        )  # fmt: skip
    return CURSORS[sort].page(rows, limit, lambda row: (row.number,), shown)


@post(
    "/tariffs",
    opt={
        "verb": Verb.CHANGE_PRICES,
        "etag": True,
        "problems": [TariffUnreadable, PastRefused],
        "example": {"name": "Day and night", "tariff": EXAMPLE},
    },
    summary="Make a tariff",
    description="It counts nowhere until it is assigned.",
    tags=["tariffs"],
)
async def create_tariff(
    data: JSONBody[NewTariff], actor: Asker, db: Database, clock: Ticking
) -> Response[TariffShown]:  # fmt: skip
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.create_tariff(conn, actor, data.name, data.tariff, clock.now(), data.valid_from)
    return _made(row)


@post(
    "/tariffs/import",
    opt={
        "verb": Verb.CHANGE_PRICES,
        "etag": True,
        "problems": [TariffUnreadable, PastRefused, TariffUnknown, TariffEnded],
        "example": {"tariff": OCPI_EXAMPLE, "name": "Energy and parking"},
    },
    responses={200: ResponseSpec(TariffShown, description="A version of the tariff.", generate_examples=False)},
    summary="Make a tariff of an OCPI Tariff object, or a version of one",
    description="Fields of it that make no price are left alone. The same once more as a version changes nothing.",
    tags=["tariffs"],
)
async def import_tariff(
    data: JSONBody[ImportedTariff], actor: Asker, db: Database, clock: Ticking
) -> Response[TariffShown]:
    tariff, now = read_tariff(data.tariff), clock.now()
    async with db.tenant(actor.tenant_id) as conn:
        if data.revises is not None:
            row = await service.revise_tariff(
                conn, actor, data.revises, tariff, now, name=data.name, valid_from=data.valid_from
            )
            return Response(shown(row), status_code=200, headers={"etag": service.tariff_tag(row)})
        name = data.name or data.tariff.id or "OCPI"
        row = await service.create_tariff(conn, actor, name[:200], tariff, now, data.valid_from)
    return _made(row)


@get(
    "/tariffs/{tariff_id:uuid}",
    opt={"etag": True, "problems": [TariffUnknown]},
    summary="Show a tariff",
    tags=["tariffs"],
)
async def find_charging_tariff(tariff_id: TariffId, actor: Asker, db: Database) -> Response[TariffShown]:
    async with db.tenant(actor.tenant_id) as conn:
        return _tagged(await service.find_tariff(conn, actor.tenant_id, tariff_id))


@put(
    "/tariffs/{tariff_id:uuid}",
    opt={
        "verb": Verb.CHANGE_PRICES,
        "etag": True,
        "problems": [TariffUnknown, TariffEnded, ChangedMeanwhile, TariffUnreadable, PastRefused],
        "example": {"tariff": EXAMPLE},
    },
    summary="Revise a tariff",
    description="As a further version. Sessions that began go on by the version that counted then.",
    tags=["tariffs"],
)
async def revise_tariff(
    tariff_id: TariffId,
    data: JSONBody[TariffChange],
    actor: Asker,
    db: Database,
    clock: Ticking,
    if_match: IfMatch = None,
) -> Response[TariffShown]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.revise_tariff(
            conn,
            actor,
            tariff_id,
            data.tariff,
            clock.now(),
            name=data.name,
            valid_from=data.valid_from,
            if_match=if_match,
        )
    return _tagged(row)


@post(
    "/tariffs/{tariff_id:uuid}/end",
    opt={"verb": Verb.CHANGE_PRICES, "etag": True, "problems": [TariffUnknown]},
    status_code=200,
    summary="End a tariff",
    description="It counts for no session that begins from now on, wherever it is assigned. There is no way back.",
    tags=["tariffs"],
)
async def end_tariff(tariff_id: TariffId, actor: Asker, db: Database, clock: Ticking) -> Response[TariffShown]:
    async with db.tenant(actor.tenant_id) as conn:
        return _tagged(await service.end_tariff(conn, actor, tariff_id, clock.now()))


@get(
    "/tariffs/{tariff_id:uuid}/versions",
    opt={"problems": [TariffUnknown, CursorRefused]},
    summary="List the versions of a tariff",
    tags=["tariffs"],
)
async def list_versions(
    tariff_id: TariffId,
    actor: Asker,
    db: Database,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[TariffVersion]:
    place = VERSION_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        await service.find_tariff(conn, actor.tenant_id, tariff_id)
        rows = await store.list_versions(conn, actor.tenant_id, tariff_id, order=sort, place=place, limit=limit + 1)
    return VERSION_CURSORS[sort].page(rows, limit, lambda row: (row.version,), _version)


@get(
    "/tariffs/{tariff_id:uuid}/ocpi",
    opt={"problems": [TariffUnknown, TariffUnsayable]},
    summary="Show a tariff as OCPI's Tariff object",
    description=(
        "OCPI 2.3.0; its numbers are JSON numbers. What it can't say is left out: the tariff's `not_in_ocpi` names it."
    ),
    tags=["tariffs"],
)
async def find_ocpi(
    tariff_id: TariffId,
    actor: Asker,
    db: Database,
    version: Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1, description="Else the latest.")] = None,
    country_code: Annotated[str, QueryParameter(pattern="^[A-Z]{2}$", description="Of who offers it.")] = NOWHERE,
    party_id: Annotated[
        str, QueryParameter(pattern="^[A-Z0-9]{3}$", description="Of who offers it, among roaming partners.")
    ] = NOBODY,
) -> Response[TariffObject]:
    async with db.tenant(actor.tenant_id) as conn:
        latest = await service.find_tariff(conn, actor.tenant_id, tariff_id)
        wanted = await service.find_version(conn, actor.tenant_id, tariff_id, version or latest.version)
    made, _ = tariff_object(wanted.tariff, wanted.made_at, country_code, party_id)
    content: object = as_json(made)
    return Response(content, media_type="application/json")  # type: ignore[arg-type]


def shown(row: TariffRow) -> TariffShown:
    """A tariff as the API shows it."""
    _, lost = write_tariff(row.tariff)
    return TariffShown(
        id=row.tariff_id,
        name=row.name,
        version=row.version,
        tariff=row.tariff,
        valid_from=row.valid_from,
        made_at=row.made_at,
        made_by=row.made_by,
        ended_at=row.ended_at,
        not_in_ocpi=lost,
    )


def _version(row: VersionRow) -> TariffVersion:
    return TariffVersion(
        version=row.version, tariff=row.tariff, valid_from=row.valid_from, made_at=row.made_at, made_by=row.made_by
    )


def _made(row: TariffRow) -> Response[TariffShown]:
    """The answer of a route that made a tariff: where it is from now on."""
    where = f"/api/v1/tariffs/{row.tariff_id}"
    return Response(shown(row), headers={"etag": service.tariff_tag(row), "location": where})


def _tagged(row: TariffRow) -> Response[TariffShown]:
    return tagged(shown(row), service.tariff_tag(row))
