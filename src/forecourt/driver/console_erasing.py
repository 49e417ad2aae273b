"""The button of the console that erases a driver who asked for it by another way."""

from typing import Annotated, Any, Final

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.driver.account.leaving import Leaving
from forecourt.driver.account.model import MoneyLeft
from forecourt.drivers.accounts import service
from forecourt.platform.database import Pool
from forecourt.platform.paging import NEWEST

Number = Annotated[int, PathParameter(ge=1, le=NEWEST)]
OPT: Final[dict[str, Any]] = {"verb": Verb.CHANGE_TOKENS}
ERASED: Final = "erased"


def erasing_console(db: Pool, leaving: Leaving) -> list[HTTPRouteHandler]:
    """`/drivers/{number}/erase`, which the page of a driver asks for."""

    @post("/drivers/{number:int}/erase", opt=dict(OPT), include_in_schema=False, status_code=303)
    async def erase(actor: Asker, number: Number) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            driver = await service.find_driver(conn, actor.tenant_id, number)
        try:
            await leaving.erase(driver, actor)
        except MoneyLeft as fault:
            return Redirect(f"/drivers/{number}?done={fault.code}", status_code=303)
        return Redirect(f"/drivers/{number}?done={ERASED}", status_code=303)

    return [erase]
