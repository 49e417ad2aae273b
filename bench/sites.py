"""A site under measurement: thousands of stations of one panel each, at every one of which a car charges and was told
its limit; and what it takes until they are told less."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from bench.servers import Stage
from forecourt.energy import store
from forecourt.energy.dispatch.defaults import default_wants
from forecourt.energy.model import Node, Phases
from forecourt.energy.site import HungEvse, Mode, Settings, SiteTree
from forecourt.ocpp.neutral import Measurand, Phase, Unit
from forecourt.platform.database import Pool
from forecourt.stations.desired.service import want_many

PER_PANEL = 20
PANEL_A = 125.0
#: What each car was told; the connection bears a tenth more.
TOLD_MA = 16_000
BY = "bench"
_LINES = (Phases.L1, Phases.L2, Phases.L3)
#: What their meters said last, twice.
_READINGS = [
    Measurand.CURRENT_IMPORT | Phase.L1 << 8, 15_800,
    Measurand.POWER_IMPORT, 3_600,
    Measurand.ENERGY_IMPORT_REGISTER, 5_000,
]  # fmt: skip


async def furnish(stage: Stage, pool: Pool, first: int, count: int, now: datetime, slug: str) -> int:
    """A site at which all these stations stand and hang, charged smartly; its number."""
    names = [f"CP{first + number:06d}" for number in range(count)]
    async with await stage.admin() as connection:
        cursor = await connection.execute(
            "INSERT INTO sites (tenant_id, slug, name, time_zone) VALUES (%s, %s, %s, 'Europe/Berlin')"
            " RETURNING site_id",
            (stage.tenant_id, slug, slug),
        )
        [(site_id,)] = await cursor.fetchall()
        await connection.execute(
            "UPDATE stations SET site_id = %s, registration = 'accepted' WHERE identity = ANY(%s)", (site_id, names)
        )
        await connection.execute(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " SELECT station_id, 1, 1, tenant_id, 'Charging', %s FROM stations WHERE identity = ANY(%s)"
            " ON CONFLICT DO NOTHING",
            (now, names),
        )
    tree = tree_of(names)
    async with pool.tenant(stage.tenant_id) as conn:
        await store.lock_site(conn, stage.tenant_id, site_id, BY, now)
        await store.store_tree(conn, stage.tenant_id, site_id, 1, tree, BY, now)
        await store.hang(conn, stage.tenant_id, site_id, [(each.station, each.evse) for each in tree.evses])
        settings = Settings(mode=Mode.CHEAPEST, enabled=True, unserved_per_kwh=Decimal(1))
        await store.store_settings(conn, stage.tenant_id, site_id, settings, BY, now)
    await _hold_defaults(stage, pool, tree, settings, now)
    return site_id


def tree_of(names: list[str]) -> SiteTree:
    """A third of the stations on each phase, twenty at a panel."""
    panels = max(1, len(names) // PER_PANEL)
    return SiteTree(
        nodes=(
            Node(id="grid", limit_a=1.1 * all_a(len(names))),
            *(Node(id=f"panel {number}", parent="grid", limit_a=PANEL_A) for number in range(panels)),
        ),
        evses=tuple(
            HungEvse(station=name, evse=1, node=f"panel {number % panels}", phases=_LINES[number % 3])
            for number, name in enumerate(names)
        ),
    )


async def _hold_defaults(stage: Stage, pool: Pool, tree: SiteTree, settings: Settings, now: datetime) -> None:
    """Each station has said yes to its default profile long ago."""
    async with pool.tenant(stage.tenant_id) as conn:
        wants = default_wants(tree, settings, lambda evse: Unit.CURRENT)
        await want_many(conn, stage.tenant_id, wants, BY, now - timedelta(hours=2))
    async with await stage.admin() as connection:
        await connection.execute(
            "UPDATE desires SET state = 'reached', reported = wanted, reported_at = wanted_at, next_try_at = %s"
            " WHERE set_by = %s",
            (now + timedelta(hours=1), BY),
        )


def all_a(count: int) -> float:
    """What flows on each conductor while all have what they were told."""
    return TOLD_MA / 1000 * count / len(_LINES)


async def hold(stage: Stage, site_id: int, gateway: str, now: datetime) -> None:
    """A gateway that isn't there says that it holds the stations."""
    async with await stage.admin() as connection:
        await connection.execute(
            "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES (%s, %s, now() + interval '1 hour')",
            (gateway, now),
        )
        await connection.execute(
            "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
            " SELECT station_id, tenant_id, 1, %s, 'ocpp1.6', %s, %s FROM hung_evses WHERE site_id = %s",
            (gateway, now - timedelta(hours=2), now, site_id),
        )


async def charge(stage: Stage, site_id: int, now: datetime) -> None:
    """A session at each EVSE, with what its meter said."""
    async with await stage.admin() as connection:
        await connection.execute(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, evse, connector, token_status, meter_start_wh, meter_stop_wh, power_w, power_key,"
            " charging_state) SELECT tenant_id, station_id, station_id::text, 0, %s, 0, %s, %s, evse, 1, 'Accepted', 0,"
            " 5000, 3600, 1, 'Charging' FROM hung_evses WHERE site_id = %s",
            (now - timedelta(hours=1), now, now, site_id),
        )
    for ago in (90, 60, 30):
        await speak(stage, site_id, now - timedelta(seconds=ago), 1.0)


async def speak(stage: Stage, site_id: int, now: datetime, share: float) -> None:
    """The meters of a share of the cars say something new."""
    async with await stage.admin() as connection:
        await connection.execute(
            "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings)"
            " SELECT n.station_id, n.transaction_id, %s, 1, n.tenant_id, n.evse, %s FROM sessions n"
            " JOIN hung_evses h USING (tenant_id, station_id) WHERE h.site_id = %s AND n.over_at IS NULL"
            " AND n.station_id %% 1000 < %s",
            (now, _READINGS, site_id, int(1000 * share)),
        )


async def tell(stage: Stage, site_id: int, now: datetime) -> None:
    """What each was told a while ago, and said yes to; the default profiles that they have."""
    async with await stage.admin() as connection:
        await connection.execute("DELETE FROM charging_orders WHERE site_id = %s", (site_id,))
        for ago in (270, 150):
            await connection.execute(
                "INSERT INTO charging_orders (tenant_id, site_id, station_id, evse, session_id, limit_ma, urgent,"
                " sent_at, valid_to, answered_at, accepted, unsent)"
                " SELECT h.tenant_id, h.site_id, h.station_id, h.evse, n.session_id, %(told)s, false, %(sent)s,"
                " %(until)s, %(sent)s, true, false FROM hung_evses h JOIN sessions n USING (tenant_id, station_id)"
                " WHERE h.site_id = %(site)s AND n.over_at IS NULL",
                {
                    "told": TOLD_MA,
                    "sent": now - timedelta(seconds=ago),
                    "until": now - timedelta(seconds=ago) + timedelta(minutes=5),
                    "site": site_id,
                },
            )


async def limit(pool: Pool, tenant_id: int, site_id: int, limit_a: float, now: datetime) -> UUID:
    """Somebody limits the whole site from now on; by which id."""
    async with pool.tenant(tenant_id) as conn:
        cursor = await conn.execute(
            "INSERT INTO node_limits (tenant_id, site_id, source, external_id, limit_a, starts_at, said_at, said_by)"
            " VALUES (%s, %s, 'bench', %s, %s, %s, %s, 'bench') RETURNING limit_id",
            (tenant_id, site_id, str(uuid4()), limit_a, now, now),
        )
        [(limit_id,)] = await cursor.fetchall()
    return UUID(str(limit_id))


async def unlimit(stage: Stage, limit_id: UUID) -> None:
    """It was never said."""
    async with await stage.admin() as connection:
        await connection.execute("DELETE FROM node_limits WHERE limit_id = %s", (limit_id,))
