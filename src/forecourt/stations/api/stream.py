"""The live stream for programs: which stations it carries is decided when it is opened."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta

from forecourt.access.guard import Asker, Database, Doorkeeper, identify
from forecourt.access.model import Verb
from forecourt.stations import store
from forecourt.stations.api.fields import SITE_PATTERN
from forecourt.stations.model import IDENTITY_PATTERN
from forecourt.ui.live import TooManyPages
from forecourt.ui.stream import MAX_STREAMED, EventStream, Streams, TooManyStreamed, TooManyStreams

LiveStreams = NamedDependency[Streams]
MAX_NAMED = 500

_EXAMPLE = (
    'data: {"snapshot": {"station.CP1.state": "Charging", "station.CP1.power_w": 7200, "station.CP1.energy_wh": 1830}}'
    '\n\ndata: {"delta": {"station.CP1.power_w": 7150}}\n\n: beat\n\n'
)


@get(
    "/stream",
    opt={"stream": _EXAMPLE, "problems": [TooManyStreams, TooManyStreamed, TooManyPages]},
    summary="Follow stations live",
    description=(
        "Server-Sent Events: first `snapshot` with every live value of the stations, then `delta` with what changed, at"
        " most ten times a second; now and then a fresh snapshot. Keys are `station.{id}.` and `state`, `error`,"
        " `power_w`, `energy_wh`, `soc_pct` or `session_id`. A comment comes when nothing else does for 15 s."
        " Last-Event-ID is not looked at: who comes back gets a snapshot. `event: end` says why a stream is ended from"
        " our side. Without `stations` and `sites` it carries every station there is when it is opened."
    ),
    tags=["stations"],
)
async def stream(
    request: Request[Any, Any, Any],
    actor: Asker,
    db: Database,
    access: Doorkeeper,
    streams: LiveStreams,
    stations: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=255, pattern=IDENTITY_PATTERN)]] | None,
        QueryParameter(max_items=MAX_NAMED, description="Only these; may be said several times."),
    ] = None,
    sites: Annotated[
        list[Annotated[str, Meta(pattern=SITE_PATTERN)]] | None,
        QueryParameter(max_items=MAX_NAMED, description="Only those at the sites of these slugs."),
    ] = None,
) -> EventStream:
    async with db.tenant(actor.tenant_id) as conn:
        found = await store.list_identities(
            conn, actor.tenant_id, identities=stations, sites=sites, limit=MAX_STREAMED + 1
        )

    async def still() -> bool:
        now = await identify(access, request)
        return now is not None and (now.tenant_id, now.sites) == (actor.tenant_id, actor.sites) and now.may(Verb.READ)

    return streams.begin(actor.tenant_id, f"{actor.kind}:{actor.id}", found, still, sites=actor.sites)
