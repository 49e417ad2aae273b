"""The import of stations from a sheet: the registry's own verbs, line by line."""

from msgspec.structs import replace

from forecourt.access import Actor
from forecourt.platform.sheets import Plan, Planned, Wrong, read_sheet
from forecourt.stations import service, store
from forecourt.stations.errors import StationExists
from forecourt.stations.sheet import COLUMNS, TAKEN, plan_stations
from forecourt.stations.store import Connection


async def import_stations(
    conn: Connection, actor: Actor, secret_key: bytes, csv: bytes | str, *, dry_run: bool
) -> Plan:
    """What a sheet of stations comes to and, unless `dry_run`, doing it by the registry's verbs, in one transaction.

    Lines that are refused are left out. A second time nothing is left to change. A password that was made for a new
    station stands in the plan that is done, this once. Raises SheetRefused.
    """
    sheet = read_sheet(csv, frozenset(COLUMNS), "id")
    identities = [line.cells.get("id", "") for line in sheet.lines]
    known = await store.find_stations(conn, actor.tenant_id, identities)
    sites = await store.find_slugs(conn, actor.tenant_id, {line.cells.get("site", "") for line in sheet.lines})
    plan = plan_stations(sheet, known, sites)
    if dry_run:
        return plan
    return Plan(lines=[await _done(conn, actor, secret_key, line) for line in plan.lines], done=True)


async def _done(conn: Connection, actor: Actor, secret_key: bytes, line: Planned) -> Planned:
    if line.action == "create":
        values = dict(line.values)
        site, password = values.pop("site", None), values.pop("password", None)
        try:
            _, made = await service.create_station(
                conn, actor, secret_key, identity=line.id, site=site, password=password, values=values
            )
        except StationExists:
            return replace(line, action="refused", wrong=[Wrong(column="id", value=line.id, rule=TAKEN)])
        return replace(line, secret=made or "")
    if line.action == "change":
        _, made = await service.change_station(conn, actor, secret_key, line.id, line.values, None)
        return replace(line, secret=made or "")
    return line
