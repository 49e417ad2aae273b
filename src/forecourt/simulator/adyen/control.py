"""The control door: what people and tests do that no merchant can. A provider has no such door."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from forecourt.simulator.adyen import limits
from forecourt.simulator.adyen.acts import Bank
from forecourt.simulator.adyen.books import ApiError
from forecourt.simulator.adyen.cards import CARDS
from forecourt.simulator.adyen.hooks import Mischief, body_of
from forecourt.simulator.provider.faults import Faults, Plan

#: Where reports are fetched, behind it the merchant account and the name.
REPORTS = "/reports/download/MerchantAccount"
Do = Callable[[web.Request, Any], Awaitable[Any]]


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where webhooks of a merchant account go, and the key that they are signed with, in base 16."""

    merchant: str
    key: str
    url: str | None = None
    hmac: str
    #: The API key of the report user: with it a batch is closed each midnight (UTC), and its report told of.
    reports: str | None = None


class Paying(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a driver does on the page."""

    card: str = "visa"
    challenge: str = "fail"


def control(bank: Bank, faults: Faults) -> list[web.RouteDef]:
    """The routes of the door."""

    async def hook(_request: web.Request, body: Any) -> Any:
        wanted = msgspec.convert(body, Webhook)
        merchant = bank.books.merchant(wanted.merchant, wanted.key)
        merchant.url, merchant.hmac = wanted.url, wanted.hmac
        merchant.report_key, merchant.reports_at = wanted.reports, f"{bank.address}{REPORTS}"
        return {}

    async def settle(_request: web.Request, body: Any) -> Any:
        """Closes a batch now."""
        return {"report": bank.settling.close(bank.books.merchants[body["merchant"]], bank.now())}

    async def win(request: web.Request, _body: Any) -> Any:
        if request.match_info["id"] not in bank.books.payments:
            raise ApiError(404, "000", "There is no such payment.")
        bank.win(request.match_info["id"])
        return {}

    async def plan(_request: web.Request, body: Any) -> Any:
        faults.set(msgspec.convert(body, Plan))
        return dict(faults.counts)

    async def mischief(_request: web.Request, body: Any) -> Any:
        bank.courier.set(msgspec.convert(body, Mischief))
        return {}

    async def clock(_request: web.Request, body: Any) -> Any:
        return {"now": bank.advance(int(body.get("advance_s", 0)))}

    async def pay(request: web.Request, body: Any) -> Any:
        wanted = msgspec.convert(body, Paying)
        link = bank.books.links.get(request.match_info["id"])
        if link is None or wanted.card not in CARDS:
            raise ApiError(404, "000", "There is no such page, or card.")
        payment = bank.pay(link, CARDS[wanted.card])
        if payment is None:
            payment = bank.pay(link, CARDS[wanted.card], passed=wanted.challenge == "pass")
        assert payment is not None, "the bank asks once"
        return {"payment": payment.id, "refused": payment.refused}

    async def dispute(request: web.Request, _body: Any) -> Any:
        if request.match_info["id"] not in bank.books.payments:
            raise ApiError(404, "000", "There is no such payment.")
        bank.dispute(request.match_info["id"])
        return {}

    async def ledger(request: web.Request, _body: Any) -> Any:
        of = request.query.get("merchant")
        return [row for row in bank.books.ledger if of in (None, row["merchant"])]

    async def events(request: web.Request, _body: Any) -> Any:
        """Every webhook of a merchant as it is sent, from a number on."""
        of, after = request.query["merchant"], int(request.query.get("after", "0"))
        key = bank.books.merchants[of].hmac
        return [body_of(item, key).decode() for name, item in bank.courier.events if name == of][after:]

    async def idle(_request: web.Request, _body: Any) -> Any:
        async with asyncio.timeout(limits.IDLE_WAIT_S):
            while not bank.courier.idle(bank.now()):
                await asyncio.sleep(limits.TICK_S / 5)
        return {}

    return [
        web.post("/_adyen/webhook", _door(hook)),
        web.post("/_adyen/faults", _door(plan)),
        web.post("/_adyen/mischief", _door(mischief)),
        web.post("/_adyen/clock", _door(clock)),
        web.post("/_adyen/pay/{id}", _door(pay)),
        web.post("/_adyen/dispute/{id}", _door(dispute)),
        web.post("/_adyen/dispute/{id}/won", _door(win)),
        web.post("/_adyen/settle", _door(settle)),
        web.get("/_adyen/ledger", _door(ledger)),
        web.get("/_adyen/events", _door(events)),
        web.get("/_adyen/idle", _door(idle)),
    ]


def _door(do: Do) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A way through the door, from this machine alone."""

    async def handle(request: web.Request) -> web.Response:
        if request.remote not in ("127.0.0.1", "::1"):
            raise web.HTTPForbidden
        try:
            raw = await request.read()
            answer, status = await do(request, msgspec.json.decode(raw) if raw else {}), 200
        except ApiError as error:
            answer, status = error.body, 400
        except (msgspec.MsgspecError, ValueError, KeyError, TypeError, TimeoutError) as fault:
            answer, status = {"message": str(fault)[:200]}, 400
        return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")

    return handle
