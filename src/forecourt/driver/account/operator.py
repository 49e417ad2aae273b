"""Export and erasure as an operator does them for a driver who asked by another way."""

from typing import Any

from litestar import Router, delete, get

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.driver.account.api.fields import LeavingVerbs
from forecourt.driver.account.model import Erased, Export, MoneyLeft
from forecourt.drivers.accounts import service
from forecourt.drivers.accounts.model import DriverUnknown
from forecourt.drivers.api import DriverInPath

OPT: dict[str, Any] = {"verb": Verb.CHANGE_TOKENS}


@get(
    "/drivers/{driver_id:int}/export",
    opt={**OPT, "problems": [DriverUnknown]},
    summary="Export all that is kept of a driver",
    tags=["drivers"],
)
async def export_driver(driver_id: DriverInPath, actor: Asker, db: Database, leaving: LeavingVerbs) -> Export:
    async with db.tenant(actor.tenant_id) as conn:
        driver = await service.find_driver(conn, actor.tenant_id, driver_id)
    return await leaving.export(driver, actor)


@delete(
    "/drivers/{driver_id:int}",
    opt={**OPT, "problems": [DriverUnknown, MoneyLeft]},
    status_code=200,
    summary="Erase a driver",
    description="What must stay by law stays under a number that leads to nobody: see the explanation of accounts.",
    tags=["drivers"],
)
async def erase_driver(driver_id: DriverInPath, actor: Asker, db: Database, leaving: LeavingVerbs) -> Erased:
    async with db.tenant(actor.tenant_id) as conn:
        driver = await service.find_driver(conn, actor.tenant_id, driver_id)
    return await leaving.erase(driver, actor)


routes = Router("/", route_handlers=[export_driver, erase_driver])
