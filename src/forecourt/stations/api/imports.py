"""Route of the import of stations."""

from litestar import post
from litestar.params import JSONBody

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.sheets import Imported, SheetBody, SheetRefused, imported
from forecourt.stations import imports
from forecourt.stations.api.fields import SecretKey, StationRefresher


@post(
    "/stations/import",
    opt={
        "verb": Verb.CHANGE_STATIONS,
        "problems": [SheetRefused],
        "example": {"csv": "id,name,site,max_power_w\nCP1,Pillar by the gate,north-yard,150000\n"},
    },
    status_code=200,
    summary="Import stations from CSV, or say what that would do",
    description=(
        "Columns: `id`, and any of `name`, `site`, `security_profile`, `password`, `registration`, `max_power_w`,"
        " `latitude`, `longitude`. A column that is absent leaves existing stations as they are; a password is taken"
        " for new ones only, and one that is made is returned this once. Lines that are refused are left out, all"
        " others are done in one transaction; a second time nothing changes."
    ),
    tags=["stations"],
)
async def import_stations(
    data: JSONBody[SheetBody], actor: Asker, db: Database, secret_key: SecretKey, refresher: StationRefresher
) -> Imported:
    async with db.tenant(actor.tenant_id) as conn:
        plan = await imports.import_stations(conn, actor, secret_key, data.csv, dry_run=data.dry_run)
    if plan.done:
        await refresher()
    return imported(plan)
