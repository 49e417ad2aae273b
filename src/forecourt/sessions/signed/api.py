"""Routes of signed meter values: what they prove, the file for the transparency software, keys of meters, release."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.clock import Clock
from forecourt.platform.paging import (
    CursorRefused,
    Cursors,
    Limit,
    NextCursor,
    Page,
    place_in_time,
    time_of_place,
)
from forecourt.platform.text import NAME_LINE
from forecourt.sessions.remote.service import SessionUnknown
from forecourt.sessions.signed import service, store
from forecourt.sessions.signed.export import MEDIA_TYPE, transparency_file
from forecourt.sessions.signed.keys import MAX_KEY
from forecourt.sessions.signed.service import MAX_REASON, KeyKnown, KeyRefused, NotHeld
from forecourt.sessions.signed.store import KeyRow, SignatureRow
from forecourt.sessions.store import find_session, list_signed
from forecourt.stations.api.fields import IdentityInPath
from forecourt.stations.call_faults import StationUnknown
from forecourt.stations.store import find_station
from forecourt.ui.files import file

#: A key of the curve secp256r1, for examples.
KEY_CURSORS = Cursors("meter keys", 2)
_KEY = (
    "3059301306072a8648ce3d020106082a8648ce3d030107034200048e533b6fa0bf7b4625bb30667c01fb607ef9f8"
    "b8a80fef5b300628703187b2a373eb1dbde03318366d069f83a6f5900053c73633cb041b21c55e1a86c1f400b4"
)

TrustWord = Literal["none", "verified", "unproven", "broken"]


class Release(Struct, frozen=True, kw_only=True):
    """Who let a session be billed in spite of its records, when and why."""

    by: Annotated[str, Meta(examples=["person:3 Ada"])]
    at: datetime
    reason: str


class SignedCheck(Struct, frozen=True, kw_only=True):
    """What the signed meter values of a session prove."""

    trust: TrustWord
    flaws: Annotated[list[str], Meta(description="What is wrong with them.", examples=[["key-missing"]])]
    energy_wh: Annotated[int | None, Meta(description="Proven, between the verified begin and end; else null.")]
    begin_wh: int | None
    end_wh: int | None
    meter: Annotated[str | None, Meta(description="The meter's serial number, as it signed it.")]
    public_key: Annotated[str | None, Meta(description="By which they were checked: hex of its DER.")]
    records: Annotated[int, Meta(description="How many different signed records there are.")]
    held: Annotated[bool, Meta(description="Nothing is billed until somebody has looked and released it.")]
    release: Release | None
    checked_at: datetime | None


class ReleaseAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a session may be billed in spite of its signed meter values."""

    reason: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_REASON,
            pattern=NAME_LINE,
            examples=["Meter was exchanged on site, old and new register read by hand"],
        ),
    ]


class MeterKey(Struct, frozen=True, kw_only=True):
    """The public key of an EVSE's meter, from a moment on until the next one's."""

    evse: int
    since: datetime
    public_key: Annotated[str, Meta(description="Hex of its DER.", examples=[_KEY])]
    source: Annotated[
        Literal["operator", "station"],
        Meta(description="`station`: the station said it with its first record, and nobody compared it yet."),
    ]
    said_by: str
    said_at: datetime


class MeterKeySaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public key that stands at a meter."""

    evse: Annotated[int, Meta(ge=1, le=1_000, description="The EVSE's number.", examples=[1])]
    public_key: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_KEY,
            description="A SubjectPublicKeyInfo: hex or base64 of its DER, also with `oca:base16:asn1:` before it.",
            examples=[_KEY],
        ),
    ]
    since: Annotated[datetime, Meta(tz=True, description="From when it counts.", examples=["2026-03-01T00:00:00Z"])]


@get(
    "/sessions/{session_id:uuid}/signed-values",
    opt={"problems": [SessionUnknown]},
    summary="Show what a session's signed meter values prove",
    description="The records themselves are in its samples and, for the transparency software, in the file beside.",
    tags=["sessions"],
)
async def show_signed(session_id: FromPath[UUID], actor: Asker, db: Database) -> SignedCheck:
    async with db.tenant(actor.tenant_id) as conn:
        if await find_session(conn, actor.tenant_id, session_id) is None:
            raise SessionUnknown
        return _shown(await store.find_signature(conn, actor.tenant_id, session_id))


@get(
    "/sessions/{session_id:uuid}/signed-values/transparency.xml",
    opt={"problems": [SessionUnknown]},
    media_type=MEDIA_TYPE,
    summary="Fetch a session's signed meter values for the transparency software",
    description="Each record exactly as the meter signed it, with its public key where that is known.",
    tags=["sessions"],
)
async def fetch_transparency(session_id: FromPath[UUID], actor: Asker, db: Database) -> Response[bytes]:
    async with db.tenant(actor.tenant_id) as conn:
        session = await find_session(conn, actor.tenant_id, session_id)
        if session is None:
            raise SessionUnknown
        rows = await list_signed(conn, actor.tenant_id, session.station_id, session.transaction_id)
        found = await store.find_signature(conn, actor.tenant_id, session_id)
    content = transparency_file(rows, None if found is None else found.public_key)
    return file(content, MEDIA_TYPE, f"session-{session_id}.xml")


@post(
    "/sessions/{session_id:uuid}/signed-values/release",
    opt={"verb": Verb.REVIEW, "problems": [SessionUnknown, NotHeld]},
    status_code=200,
    summary="Let a session be billed in spite of its signed meter values",
    tags=["sessions"],
)
async def release_session(
    session_id: FromPath[UUID], data: JSONBody[ReleaseAsked], actor: Asker, db: Database, clock: NamedDependency[Clock]
) -> SignedCheck:
    async with db.tenant(actor.tenant_id) as conn:
        if await find_session(conn, actor.tenant_id, session_id) is None:
            raise SessionUnknown
        return _shown(await service.release(conn, actor, session_id, data.reason, clock.now()))


@get(
    "/stations/{station:str}/meter-keys",
    opt={"problems": [StationUnknown, CursorRefused]},
    summary="List the public keys of a station's meters",
    description="The latest first. Each counts from its moment until the next of the same EVSE.",
    tags=["stations"],
)
async def list_meter_keys(
    station: IdentityInPath, actor: Asker, db: Database, limit: Limit = 50, cursor: NextCursor = None
) -> Page[MeterKey]:
    said = KEY_CURSORS.decode(cursor)
    place = None if said is None else (time_of_place(said[0]), said[1])
    async with db.tenant(actor.tenant_id) as conn:
        row = await find_station(conn, actor.tenant_id, station)
        if row is None:
            raise StationUnknown
        rows = await store.list_keys(conn, actor.tenant_id, row.station_id, place=place, limit=limit + 1)
    return KEY_CURSORS.page(rows, limit, lambda row: (place_in_time(row.since), row.evse), _key)


@post(
    "/stations/{station:str}/meter-keys",
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [StationUnknown, KeyRefused, KeyKnown]},
    status_code=201,
    summary="Say the public key of an EVSE's meter",
    description="Sessions since then whose signed values were not verified are checked again.",
    tags=["stations"],
)
async def add_meter_key(station: IdentityInPath, data: JSONBody[MeterKeySaid], actor: Asker, db: Database) -> MeterKey:
    async with db.tenant(actor.tenant_id) as conn:
        return _key(await service.add_key(conn, actor, station, data.evse, data.public_key, data.since))


def _shown(row: SignatureRow | None) -> SignedCheck:
    if row is None:
        return SignedCheck(
            trust="none",
            flaws=[],
            energy_wh=None,
            begin_wh=None,
            end_wh=None,
            meter=None,
            public_key=None,
            records=0,
            held=False,
            release=None,
            checked_at=None,
        )
    return SignedCheck(
        trust=_TRUSTS[row.trust],
        flaws=row.flaws,
        energy_wh=row.energy_wh,
        begin_wh=row.begin_wh,
        end_wh=row.end_wh,
        meter=row.meter,
        public_key=row.public_key,
        records=row.records,
        held=row.waits,
        release=Release(by=row.released_by or "", at=row.released_at, reason=row.release_reason or "")
        if row.released_at is not None
        else None,
        checked_at=row.checked_at,
    )


_TRUSTS: dict[str, TrustWord] = {"none": "none", "verified": "verified", "unproven": "unproven", "broken": "broken"}


def _key(row: KeyRow) -> MeterKey:
    return MeterKey(
        evse=row.evse,
        since=row.since,
        public_key=row.public_key,
        source="operator" if row.source == "operator" else "station",
        said_by=row.said_by,
        said_at=row.said_at,
    )
