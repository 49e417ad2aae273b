"""What is done about payouts on the screens of hosts: pay now, paid by hand, booked, given up, pay them again."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, post
from litestar.datastructures import FormMultiDict
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.payments.hosts import service
from forecourt.payments.hosts.api.payouts import BookedByBank, PaidByHand, Reason
from forecourt.payments.hosts.connect import Connect
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

MAX_REASON: Final = 300
#: What was said of a payout by hand, or of its booking, can't be read.
WRONG_PAID: Final = "paid-by-hand"
WRONG_BOOKED: Final = "booked"

WebRequest = Request[Any, Any, Any]
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
        form = await request.form()
        said = {name: str(form.get(name, "")).strip() for name in ("on", "reference")}
        return Redirect(f"{_back(form)}?{await _say_paid(db, clock, actor, payout_id, said)}", status_code=303)

    @post(
        "/payouts/{payout_id:int}/booked", opt={"verb": Verb.CHANGE_HOSTS}, include_in_schema=False, status_code=303
    )  # fmt: skip
    async def booked(request: WebRequest, actor: Asker, payout_id: Number) -> Redirect:
        form = await request.form()
        said = {name: str(form.get(name, "")).strip() for name in ("on", "reason")}
        return Redirect(f"{_back(form)}?{await _say_booked(db, clock, actor, payout_id, said)}", status_code=303)

    @post(
        "/payouts/{payout_id:int}/not-booked", opt={"verb": Verb.CHANGE_HOSTS}, include_in_schema=False,
        status_code=303,
    )  # fmt: skip
    async def not_booked(request: WebRequest, actor: Asker, payout_id: Number) -> Redirect:
        form = await request.form()
        said = await _take_back_booked(db, actor, payout_id, {"reason": str(form.get("reason", "")).strip()})
        return Redirect(f"{_back(form)}?{said}", status_code=303)

    @post("/hosts/{host_id:int}/resume", opt={"verb": Verb.CHANGE_HOSTS}, include_in_schema=False, status_code=303)
    async def resume(actor: Asker, host_id: Number) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await service.resume(conn, actor, host_id)
        return Redirect(f"/hosts/{host_id}", status_code=303)

    return [pay, paid_by_hand, booked, not_booked, give_up, resume]


async def _say_paid(db: Pool, clock: Clock, actor: Actor, payout_id: int, typed: dict[str, str]) -> str:
    """Says that a payout was paid by hand; what the page tells of that."""
    try:
        said = msgspec.convert(typed, PaidByHand)
        async with db.tenant(actor.tenant_id) as conn:
            await service.paid_by_hand(conn, actor, payout_id, said.on, said.reference, clock.now())
    except msgspec.ValidationError:
        return f"said={WRONG_PAID}"
    except ForecourtError as fault:
        return f"said={fault.code}"
    return "done=stored"


async def _say_booked(db: Pool, clock: Clock, actor: Actor, payout_id: int, typed: dict[str, str]) -> str:
    """Says that the bank booked a payout; what the page tells of that."""
    try:
        said = msgspec.convert(typed, BookedByBank)
        async with db.tenant(actor.tenant_id) as conn:
            await service.booked(conn, actor, payout_id, said.on, said.reason, clock.now())
    except msgspec.ValidationError:
        return f"said={WRONG_BOOKED}"
    except ForecourtError as fault:
        return f"said={fault.code}"
    return "done=stored"


async def _take_back_booked(db: Pool, actor: Actor, payout_id: int, typed: dict[str, str]) -> str:
    """Takes back that the bank booked a payout; what the page tells of that."""
    try:
        said = msgspec.convert(typed, Reason)
        async with db.tenant(actor.tenant_id) as conn:
            await service.not_booked(conn, actor, payout_id, said.reason)
    except msgspec.ValidationError:
        return f"said={WRONG_BOOKED}"
    except ForecourtError as fault:
        return f"said={fault.code}"
    return "done=stored"


def _back(form: FormMultiDict) -> str:
    """The page of the host whose form it is."""
    host = str(form.get("host", ""))
    return f"/hosts/{int(host)}" if host.isascii() and host.isdigit() else "/hosts"
