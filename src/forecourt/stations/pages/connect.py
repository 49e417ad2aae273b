"""The guide that connects a station: registers it, says what to enter there, and waits for it, saying what is wrong."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import segno
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter, URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access import Actor
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Verb
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import etag
from forecourt.platform.text import ONE_LINE
from forecourt.stations import service, store
from forecourt.stations.addresses import OcppAddresses
from forecourt.stations.api.fields import SecretKey, StationRefresher
from forecourt.stations.connecting import Progress, progress
from forecourt.stations.errors import SiteNeeded, SiteRefused, StationExists
from forecourt.stations.model import IDENTITY_PATTERN, MAX_IDENTITY
from forecourt.stations.pages.settings import MAX_SITES
from forecourt.stations.pages.station import AnyRequest, IdentityPath
from forecourt.stations.refusals import meaning_of
from forecourt.stations.store import Connection, MessageFilter, StationRow
from forecourt.stations.store import knocks as kept
from forecourt.stations.store.knocks import KnockFilter
from forecourt.stations.words import SECURITY_PROFILES
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

#: Strangers looked through for one that may be the station that is waited for.
MAX_LOOKED_AT: Final = 100
_QR_SCALE: Final = 4
_TEXT: Final = ONE_LINE
_identity = re.compile(IDENTITY_PATTERN)
Now = NamedDependency[Clock]
Seen = Annotated[str, QueryParameter(max_length=200)]

_NO_ID: Final = mark(
    "The id is missing, or has a slash, a colon, or a blank at an end. Stations can't connect with those."
)
FAULTS: Final[dict[type[ForecourtError], str]] = {
    StationExists: mark("A station of this id exists already. Ids are unique in the whole deployment, capitals count."),
    SiteNeeded: mark("You are limited to some sites. Name one of them."),
    SiteRefused: mark("The site is not there any more. Nothing was done."),
}


class ConnectForm(Struct, frozen=True, kw_only=True):
    """What the first step sends."""

    id: Annotated[str, Meta(max_length=MAX_IDENTITY)] = ""
    name: Annotated[str, Meta(max_length=200, pattern=_TEXT)] = ""
    site: Annotated[str, Meta(max_length=64, pattern=_TEXT)] = ""
    security_profile: Literal["0", "1", "2", "3"] = "1"


class ConnectPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell, addresses: OcppAddresses) -> None:
        self.shell = shell
        self._addresses = addresses

    async def ask(
        self, request: AnyRequest, actor: Actor, db: Pool, form: ConnectForm, fault: str = ""
    ) -> Response[str]:
        """The first step: who it is."""
        async with db.tenant(actor.tenant_id) as conn:
            sites = await store.list_sites(conn, actor.tenant_id, limit=MAX_SITES)
            own = bool(fault and form.id and await store.find_stations(conn, actor.tenant_id, [form.id]))
        return self.shell.page(
            "stations/connect.html",
            request,
            viewer=actor,
            current="stations",
            form=form,
            fault=fault,
            own=own,
            sites=sites,
            security_profiles=SECURITY_PROFILES,
            tls=self._addresses.tls,
        )

    async def tell(
        self, request: AnyRequest, actor: Actor, db: Pool, clock: Clock, identity: str, made: str | None = None
    ) -> Response[str]:
        """The second step and the third: what to enter at the station, and how far it is."""
        async with db.tenant(actor.tenant_id) as conn:
            station = await _in_service(conn, actor.tenant_id, identity)
            found = None if station is None else await read_progress(conn, actor.tenant_id, station, clock.now())
        if station is None or found is None:
            return self._gone(request, actor, identity)
        seen = request.base_url.hostname or ""
        base = self._addresses.base(seen, station.security_profile)
        whole = self._addresses.whole(seen, station.security_profile, identity)
        # Never the password: the code hangs on walls and stays in telephones.
        facts = f"OCPP: {whole}\nID: {identity}\nocpp1.6 | ocpp2.0.1 | ocpp2.1"
        return self.shell.page(
            "stations/connect_told.html",
            request,
            viewer=actor,
            current="stations",
            station=station,
            made=made,
            base=base,
            whole=whole,
            local=self._addresses.is_local(seen),
            no_tls=station.security_profile >= 2 and not self._addresses.tls,
            by_proxy=station.security_profile >= 2 and self._addresses.tls_port is None and self._addresses.tls,
            security_profiles=SECURITY_PROFILES,
            qr=segno.make(facts, error="m", micro=False).svg_inline(scale=_QR_SCALE, border=4, light="#fff"),
            **self._progress(station, found),
        )

    async def look(
        self, request: AnyRequest, actor: Actor, db: Pool, clock: Clock, identity: str, seen: str
    ) -> Response[str]:
        """The third step alone; nothing while it is as it was `seen`."""
        async with db.tenant(actor.tenant_id) as conn:
            station = await _in_service(conn, actor.tenant_id, identity)
            found = None if station is None else await read_progress(conn, actor.tenant_id, station, clock.now())
        if station is None or found is None:
            return self._gone(request, actor, identity)
        told = self._progress(station, found)
        if told["seen"] == seen:
            return Response("", status_code=204)
        return self.shell.page("stations/connect_progress.html", request, viewer=actor, station=station, **told)

    def _gone(self, request: AnyRequest, actor: Actor, identity: str) -> Response[str]:
        return self.shell.page(
            "stations/gone.html", request, viewer=actor, current="stations", status=404, identity=identity
        )

    @staticmethod
    def _progress(station: StationRow, found: Progress) -> dict[str, Any]:
        registered = (station.registration, station.vendor, station.model, station.firmware, station.protocol)
        return {"progress": found, "meaning": meaning_of, "seen": etag([found, registered]).strip('"')}


async def _in_service(conn: Connection, tenant_id: int, identity: str) -> StationRow | None:
    return (await store.find_stations(conn, tenant_id, [identity])).get(identity)


async def read_progress(conn: Connection, tenant_id: int, station: StationRow, now: datetime) -> Progress:
    """How far a station is."""
    refusal = await kept.find_knock(conn, tenant_id, station.identity)
    strangers, said = [], []
    if not station.connected:
        wanted = KnockFilter(dismissed=True)
        strangers = await kept.list_knocks(conn, tenant_id, wanted, now, place=None, limit=MAX_LOOKED_AT)
    elif station.booted_at is not None:
        told = MessageFilter(action="StatusNotification", direction="i", kinds=(2,), since=station.booted_at)
        said = await store.list_messages(conn, tenant_id, station.station_id, limit=1, wanted=told)
    tls_failed = await kept.find_knock(conn, tenant_id, "")
    return progress(
        station,
        None if refusal is None or refusal.station_id != station.station_id else refusal,
        tls_failed,
        strangers,
        said[0] if said else None,
    )


def connect_pages(shell: Shell, addresses: OcppAddresses) -> list[HTTPRouteHandler]:
    """`/stations/connect` and what follows."""
    pages = ConnectPages(shell, addresses)
    changing = {"verb": Verb.CHANGE_STATIONS}

    @get("/stations/connect", include_in_schema=False, opt=changing)
    async def ask(request: AnyRequest, actor: Asker, db: Database) -> Response[str]:
        return await pages.ask(request, actor, db, ConnectForm(security_profile="1"))

    @post("/stations/connect", include_in_schema=False, opt=changing, status_code=200)
    async def register(
        request: AnyRequest,
        actor: Asker,
        db: Database,
        clock: Now,
        secret_key: SecretKey,
        refresher: StationRefresher,
        data: URLEncodedBody[ConnectForm],
    ) -> Response[str]:
        identity = data.id.strip()
        if not _identity.search(identity):
            return await pages.ask(request, actor, db, data, _NO_ID)
        values = {
            "name": data.name.strip() or None, "security_profile": int(data.security_profile),
            "registration": "accepted", "latitude": None, "longitude": None, "max_power_w": None,
        }  # fmt: skip
        try:
            async with db.tenant(actor.tenant_id) as conn:
                _, made = await service.create_station(
                    conn, actor, secret_key, identity=identity, site=data.site or None, password=None, values=values
                )
        except tuple(FAULTS) as fault:
            return await pages.ask(request, actor, db, data, FAULTS[type(fault)])
        await refresher()
        return await pages.tell(request, actor, db, clock, identity, made)

    @get("/stations/connect/{identity:str}", include_in_schema=False, opt=changing)
    async def tell(
        request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database, clock: Now
    ) -> Response[str]:
        return await pages.tell(request, actor, db, clock, identity)

    @get("/stations/connect/{identity:str}/progress", include_in_schema=False, opt=changing)
    async def look(
        request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database, clock: Now, seen: Seen = ""
    ) -> Response[str]:
        return await pages.look(request, actor, db, clock, identity, seen)

    return [ask, register, tell, look]
