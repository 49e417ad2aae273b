"""The page on which stations are imported from a sheet."""

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.sheets import Plan
from forecourt.stations.api.fields import SecretKey, StationRefresher
from forecourt.stations.imports import import_stations
from forecourt.stations.sheet import COLUMNS
from forecourt.ui.i18n import mark
from forecourt.ui.sheets import ImportPage, ImportScreen
from forecourt.ui.shell import Shell

IMPORT: Final = ImportPage(
    path="/stations/import",
    current="stations",
    back="/stations",
    title=mark("Import stations"),
    intro=mark("One line a station, known by its id: new ones are registered and may connect, existing ones changed."),
    columns={name: rule for name, (_, rule) in COLUMNS.items()},
    example="id,name,site,max_power_w\nCP1,North yard 1,north-yard,22000",
)


def import_pages(shell: Shell) -> list[HTTPRouteHandler]:
    """GET and POST `/stations/import`."""
    screen = ImportScreen(shell, IMPORT)

    @get(IMPORT.path, opt={"verb": Verb.CHANGE_STATIONS}, include_in_schema=False, sync_to_thread=False)
    def choose_stations(request: Request[Any, Any, Any]) -> Response[str]:
        return screen.choose(request)

    @post(IMPORT.path, opt={"verb": Verb.CHANGE_STATIONS}, include_in_schema=False, status_code=200)
    async def import_sheet(
        request: Request[Any, Any, Any],
        actor: Asker,
        db: Database,
        secret_key: SecretKey,
        refresher: StationRefresher,
    ) -> Response[str]:
        async def run(csv: bytes | str, *, dry_run: bool) -> Plan:
            async with db.tenant(actor.tenant_id) as conn:
                plan = await import_stations(conn, actor, secret_key, csv, dry_run=dry_run)
            if plan.done:
                await refresher()
            return plan

        return await screen.run(request, run)

    return [choose_stations, import_sheet]
