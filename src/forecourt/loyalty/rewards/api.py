"""Routes of the loyalty program and of drivers' points."""

from typing import Final

from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.accounts.model import DriverUnknown
from forecourt.drivers.accounts.service import find_driver
from forecourt.drivers.api import DriverInPath
from forecourt.loyalty.rewards import service
from forecourt.loyalty.rewards.model import Program, ProgramMissing, ProgramRefused
from forecourt.loyalty.rewards.service import Purse
from forecourt.platform.clock import Clock

TAGS: Final = ["loyalty"]
READS: Final = {"verb": Verb.READ_CAMPAIGNS}
Ticking = NamedDependency[Clock]


@get("/loyalty/program", opt={**READS, "problems": [ProgramMissing]}, summary="Show the loyalty program", tags=TAGS)
async def find_program(actor: Asker, db: Database) -> Program:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.find_program(conn, actor.tenant_id)


@put(
    "/loyalty/program",
    opt={"verb": Verb.CHANGE_PRICES, "problems": [ProgramRefused]},
    summary="Set the loyalty program",
    description="It counts for sessions that are paid from now on; points that were earned keep what they are worth.",
    tags=TAGS,
)
async def set_program(data: JSONBody[Program], actor: Asker, db: Database, clock: Ticking) -> Program:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.set_program(conn, actor, data, clock.now())


@get(
    "/loyalty/drivers/{driver_id:int}/points",
    opt={**READS, "problems": [DriverUnknown, ProgramMissing]},
    summary="Show a driver's points and tier",
    tags=TAGS,
)
async def find_points(driver_id: DriverInPath, actor: Asker, db: Database, clock: Ticking) -> Purse:
    async with db.tenant(actor.tenant_id) as conn:
        await find_driver(conn, actor.tenant_id, driver_id)
        found = await service.purse_of(conn, actor.tenant_id, driver_id, clock.now())
    if found is None:
        raise ProgramMissing
    return found


handlers = [find_program, set_program, find_points]
