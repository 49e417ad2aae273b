"""What others limit a station to, what else it holds than it was told, and what can be done about either."""

from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.energy.dispatch.checking import with_reported
from forecourt.energy.errors import ExternalUnknown
from forecourt.energy.outside.model import External
from forecourt.energy.store import Connection, checks, outside
from forecourt.energy.store.checks import Check
from forecourt.energy.store.nudges import nudge_of_station


class AtStation(Struct, frozen=True, kw_only=True):
    """Of one station. `check` None: it was never asked."""

    externals: list[External]
    check: Check | None


async def at_station(conn: Connection, tenant_id: int, station: str) -> AtStation:
    """What is known of a station; nothing of one that nobody knows."""
    check = await checks.find_check(conn, tenant_id, station)
    externals = await outside.externals_at(conn, tenant_id, station)
    return AtStation(externals=with_reported(externals, {} if check is None else {station: check.last}), check=check)


async def forget_external(conn: Connection, actor: Actor, station: str, evse: int, source: str) -> None:
    """Plans without a limit whose end was never said. Raises ExternalUnknown."""
    station_id = await outside.forget_external(conn, actor.tenant_id, station, evse, source)
    if station_id is None:
        raise ExternalUnknown
    await nudge_of_station(conn, actor.tenant_id, station_id)
    await audit(conn, actor, "forget external limit", f"station:{station}", {"evse": evse, "source": source})


async def check_again(conn: Connection, tenant_id: int, station: str) -> bool:
    """Have the planner ask a station at once what it holds; whether it plans for it and has asked it before."""
    station_id = await checks.forget_check(conn, tenant_id, station)
    if station_id is None:
        return False
    await nudge_of_station(conn, tenant_id, station_id)
    return True
