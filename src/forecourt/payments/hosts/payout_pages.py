"""What is done about payouts on the screens of hosts: pay now, paid by hand, booked, given up, pay them again."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from litestar import Request, post
from litestar.datastructures import FormMultiDict
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect
from msgspec import Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.payments.hosts import service
from forecourt.payments.hosts.api.payouts import BookedByBank, PaidByHand, Reason
from forecourt.payments.hosts.connect import Connect
from forecourt.payments.hosts.store import Connection
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

MAX_REASON: Final = 300
#: What was said of a payout by hand, or of its booking, can't be read.
WRONG_PAID: Final = "paid-by-hand"
WRONG_BOOKED: Final = "booked"

WebRequest = Request[Any, Any, Any]
Saying = TypeVar("Saying", bound=Struct)
Number = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


def payout_pages(db: Pool, clock: Clock, connect: Connect) -> list[HTTPRouteHandler]:
    """`/hosts/pay`, `/payouts/{payout_id}/...`, `/hosts/{host_id}/resume`."""

    @post("/hosts/pay", opt={"verb": Verb.CHANGE_HOSTS}, include_in_schema=False, status_code=303)
    async def pay(actor: Asker) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await service.ask_to_pay(conn, actor)
        return Redirect("/hosts?asked=1", status_code=303)

    @post(
        "/payouts/{payout_id:int}/give-up", opt={"verb": Verb.CHANGE_HOSTS}, include_in_schema=False, status_code=303
    )  # fmt: skip
    async def give_up(request: WebRequest, actor: Asker, payout_id: Number) -> Redirect:
        form = await request.form()
        reason, back = str(form.get("reason", ""))[:MAX_REASON].strip(), _back(form)
        try:
            if reason:
                await connect.give_up(actor, payout_id, reason)
        except ForecourtError as fault:
            return Redirect(f"{back}?said={fault.code}", status_code=303)
        return Redirect(back, status_code=303)

    @post(
        "/payouts/{payout_id:int}/paid-by-hand", opt={"verb": Verb.CHANGE_HOSTS}, include_in_schema=False,
        status_code=303,
    )  # fmt: skip
    async def paid_by_hand(request: WebRequest, actor: Asker, payout_id: Number) -> Redirect:
        async def say(conn: Connection, said: PaidByHand) -> None:
            await service.paid_by_hand(conn, actor, payout_id, said.on, said.reference, clock.now())

        return await _say(db, actor, await request.form(), PaidByHand, WRONG_PAID, say)

    @post(
        "/payouts/{payout_id:int}/booked", opt={"verb": Verb.CHANGE_HOSTS}, include_in_schema=False, status_code=303
    )  # fmt: skip
    async def booked(request: WebRequest, actor: Asker, payout_id: Number) -> Redirect:
        async def say(conn: Connection, said: BookedByBank) -> None:
            await service.booked(conn, actor, payout_id, said.on, said.reason, clock.now())

        return await _say(db, actor, await request.form(), BookedByBank, WRONG_BOOKED, say)

    @post(
        "/payouts/{payout_id:int}/not-booked", opt={"verb": Verb.CHANGE_HOSTS}, include_in_schema=False,
        status_code=303,
    )  # fmt: skip
    async def not_booked(request: WebRequest, actor: Asker, payout_id: Number) -> Redirect:
        async def say(conn: Connection, said: Reason) -> None:
            await service.not_booked(conn, actor, payout_id, said.reason)

        return await _say(db, actor, await request.form(), Reason, WRONG_BOOKED, say)

    @post("/hosts/{host_id:int}/resume", opt={"verb": Verb.CHANGE_HOSTS}, include_in_schema=False, status_code=303)
    async def resume(actor: Asker, host_id: Number) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await service.resume(conn, actor, host_id)
        return Redirect(f"/hosts/{host_id}", status_code=303)

    return [pay, paid_by_hand, booked, not_booked, give_up, resume]


async def _say(
    db: Pool, actor: Actor, form: FormMultiDict, kind: type[Saying], wrong: str,
    say: Callable[[Connection, Saying], Awaitable[None]],
) -> Redirect:  # fmt: skip
    """Says what was typed of a payout, and leads back to where that was, where the page tells what became of it.
    `wrong`: what it tells of what can't be read."""
    told = "done=stored"
    try:
        said = msgspec.convert({name: str(form.get(name, "")).strip() for name in kind.__struct_fields__}, kind)
        async with db.tenant(actor.tenant_id) as conn:
            await say(conn, said)
    except msgspec.ValidationError:
        told = f"said={wrong}"
    except ForecourtError as fault:
        told = f"said={fault.code}"
    return Redirect(f"{_back(form)}?{told}", status_code=303)


def _back(form: FormMultiDict) -> str:
    """The page of the host whose form it is."""
    host = str(form.get("host", ""))
    return f"/hosts/{int(host)}" if host.isascii() and host.isdigit() else "/hosts"
