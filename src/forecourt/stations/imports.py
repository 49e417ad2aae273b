"""The import of stations from a sheet: the registry's own verbs, line by line."""

from msgspec.structs import replace

from forecourt.access import Actor
from forecourt.platform.sheets import Plan, Planned, read_sheet
from forecourt.stations import service, store
from forecourt.stations.errors import StationExists
from forecourt.stations.sheet import COLUMNS, plan_stations, refuse_taken
from forecourt.stations.store import Connection


async def import_stations(
    conn: Connection, actor: Actor, secret_key: bytes, csv: bytes | str, *, dry_run: bool
) -> Plan:
    """What a sheet of stations comes to and, unless `dry_run`, doing it by the registry's verbs, in one transaction.

    Lines that are refused are left out, and a plan refuses those that doing it would. A second time nothing is left to
    change. A password that was made for a new station stands in the plan that is done, this once. Raises SheetRefused.
    """
    sheet = read_sheet(csv, frozenset(COLUMNS), "id")
    identities = [line.cells.get("id", "") for line in sheet.lines]
    known = await store.find_stations(conn, actor.tenant_id, identities)
    sites = await store.find_slugs(conn, actor.tenant_id, {line.cells.get("site", "") for line in sheet.lines})
    plan = plan_stations(sheet, known, sites, limited=actor.sites is not None)
    if dry_run:
        wanted = {line.id: line.values.get("site") for line in plan.of("create")}
        free = await store.find_free(conn, actor.tenant_id, wanted)
        taken = {line.line for line in plan.of("create") if line.id not in free}
        return Plan(lines=[refuse_taken(line) if line.line in taken else line for line in plan.lines])
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
            return refuse_taken(line)
        return replace(line, secret=made or "")
    if line.action == "change":
        _, made = await service.change_station(conn, actor, secret_key, line.id, line.values, None)
        return replace(line, secret=made or "")
    return line
