"""The control door `/_sandbox/`: for whoever plays with the provider, from this machine alone. No provider has one."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from forecourt.simulator.provider import accounts, cards, checkout, disputes, limits, methods, payouts, terminal
from forecourt.simulator.provider.act import Act, shown
from forecourt.simulator.provider.bank import Bank
from forecourt.simulator.provider.errors import ApiError, Json, invalid, missing
from forecourt.simulator.provider.faults import Plan
from forecourt.simulator.provider.hooks import Mischief

_SETTINGS: dict[str, type[int]] = {"settle_days": int, "payout_days": int, "increments_declined": bool}
MAX_DAYS = 90
#: How long a caller may wait for webhooks to be delivered.
IDLE_WAIT_S = 30.0
MAX_LEDGER = 1000


class Control:
    """The door of one provider."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_sandbox", self._door(self.overview)),
            web.get("/_sandbox/ledger", self._door(self.ledger)),
            web.post("/_sandbox/clock", self._door(self.clock)),
            web.post("/_sandbox/settings", self._door(self.settings)),
            web.post("/_sandbox/faults", self._door(self.faults)),
            web.post("/_sandbox/webhooks", self._door(self.webhooks)),
            web.get("/_sandbox/webhooks/idle", self._door(self.idle)),
            web.post("/_sandbox/events/{id}/resend", self._door(self.resend)),
            web.post("/_sandbox/sessions/{id}/pay", self._door(self.pay)),
            web.post("/_sandbox/readers/{id}", self._door(self.reader)),
            web.post("/_sandbox/readers/{id}/present", self._door(self.present)),
            web.post("/_sandbox/readers/{id}/cancel", self._door(self.cancel_at_reader)),
            web.post("/_sandbox/charges/{id}/dispute", self._door(self.dispute)),
            web.post("/_sandbox/disputes/{id}", self._door(self.decide)),
            web.post("/_sandbox/payouts/{id}/fail", self._door(self.fail_payout)),
            web.post("/_sandbox/accounts/{id}", self._door(self.account)),
            web.post("/_sandbox/accounts/{id}/onboard", self._door(self.onboard)),
        ]

    def _door(
        self, work: Callable[[web.Request, Json], Awaitable[Json]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def through(request: web.Request) -> web.Response:
            if not _local(request):
                raise web.HTTPForbidden(text="The control door opens from this machine alone.")
            try:
                # A page of another origin can't send JSON without being asked first, and it is never allowed to.
                if request.method == "POST" and request.content_type != "application/json":
                    raise invalid("The control door takes JSON.")
                body = await _json(request)
                told, status = await work(request, body), 200
            except ApiError as error:
                told, status = error.body, error.status
            finally:
                self.bank.courier.wake.set()
            return web.Response(body=msgspec.json.encode(shown(told)), status=status, content_type="application/json")

        return through

    def _find(self, request: web.Request, kind: str) -> tuple[Act, Json]:
        given = request.match_info["id"]
        owner = self.bank.books.owner(given)
        found = self.bank.books.get(owner, given, kind) if owner else None
        if owner is None or found is None:
            raise missing(kind, given)
        return self.bank.act(owner), found

    # Looking.

    async def overview(self, request: web.Request, body: Json) -> Json:
        bank = self.bank
        return {
            "address": bank.address, "now": bank.now(), "ahead_s": bank.books.setting("ahead_s", 0),
            "webhooks_waiting": bank.books.waiting(), "in_work": len(bank.in_work),
            "faults": msgspec.to_builtins(bank.faults.plan), "fault_counts": dict(bank.faults.counts),
            "webhooks": msgspec.to_builtins(bank.courier.mischief), "cards": [card.name for card in cards.CARDS],
        }  # fmt: skip

    async def ledger(self, request: web.Request, body: Json) -> Json:
        try:
            after = int(request.query.get("after", "0"))
            limit = min(int(request.query.get("limit", str(MAX_LEDGER))), MAX_LEDGER)
        except ValueError:
            raise invalid("after and limit are integers") from None
        rows = self.bank.books.history(after, request.query.get("account"), limit)
        return {"data": rows, "has_more": len(rows) == limit}

    # Time and faults.

    async def clock(self, request: web.Request, body: Json) -> Json:
        to, by = body.get("to"), body.get("advance_s")
        seconds = to - self.bank.now() if isinstance(to, int) else by
        if not isinstance(seconds, int):
            raise invalid("Give advance_s, or to in UNIX seconds.")
        return {"now": self.bank.advance(seconds)}

    async def settings(self, request: web.Request, body: Json) -> Json:
        for name, value in body.items():
            if name not in _SETTINGS or not isinstance(value, _SETTINGS[name]) or not 0 <= value <= MAX_DAYS:
                raise invalid(f"Settings are {', '.join(_SETTINGS)}.", param=name)
        with self.bank.books.transaction():
            for name, value in body.items():
                self.bank.books.set(name, value)
        return {name: self.bank.books.setting(name) for name in _SETTINGS}

    async def faults(self, request: web.Request, body: Json) -> Json:
        plan = _read(body, Plan)
        if len(plan.next) > limits.MAX_SCRIPTED or not 0 <= plan.latency_s <= limits.MAX_LATENCY_S:
            raise invalid(f"At most {limits.MAX_SCRIPTED} scripted faults and {limits.MAX_LATENCY_S:g} s of latency.")
        self.bank.faults.set(plan)
        return {"faults": msgspec.to_builtins(plan)}

    async def webhooks(self, request: web.Request, body: Json) -> Json:
        wanted = _read(body, Mischief)
        if not 0 <= wanted.delay_s <= limits.MAX_DELAY_S:
            raise invalid(f"delay_s is at most {limits.MAX_DELAY_S:g}.")
        self.bank.courier.mischief = wanted
        return {"webhooks": msgspec.to_builtins(wanted)}

    async def idle(self, request: web.Request, body: Json) -> Json:
        """Answers once nothing is due to be delivered, or says what is left."""
        books, courier = self.bank.books, self.bank.courier
        loop = asyncio.get_running_loop()
        until = loop.time() + IDLE_WAIT_S
        while (courier.under_way or books.queued(self.bank.now())) and loop.time() < until:
            await asyncio.sleep(0.01)
        return {"waiting": books.waiting(), "due": len(books.queued(self.bank.now()))}

    async def resend(self, request: web.Request, body: Json) -> Json:
        act, event = self._find(request, "event")
        with self.bank.books.transaction():
            for endpoint in act.books.newest(act.platform or act.account, "webhook_endpoint"):
                if bool(endpoint["_connect"]) == bool(act.platform):
                    act.books.queue(endpoint["id"], event["id"], act.now)
        return event

    # What people and banks do.

    async def pay(self, request: web.Request, body: Json) -> Json:
        """What a driver does on the page: pays by a card by name, and passes 3-D Secure or fails."""
        act, session = self._find(request, "checkout.session")
        card = _card(body)
        with self.bank.books.transaction():
            intent = checkout.pay(act, session, methods.make(act, card))
        if intent["status"] == "requires_action" and body.get("challenge") in ("pass", "fail"):
            session = act.get("checkout.session", session["id"])
            with self.bank.books.transaction():
                checkout.challenge(act, session, passed=body["challenge"] == "pass")
        return act.get("checkout.session", session["id"])

    async def reader(self, request: web.Request, body: Json) -> Json:
        """Which card the reader's driver has, whether it comes by itself, whether the reader is online."""
        act, reader = self._find(request, "terminal.reader")
        waits = body.get("presents_after_s", reader["_presents_after_s"])
        status = body.get("status", reader["status"])
        if not (waits is None or (isinstance(waits, int) and 0 <= waits <= 3600)) or status not in (
            "online",
            "offline",
        ):
            raise invalid("presents_after_s is up to 3600 or null, status online or offline.")
        card = _card(body).name if "card" in body else reader["_card"]
        with self.bank.books.transaction():
            return act.put(reader | {"_card": card, "_presents_after_s": waits, "status": status})

    async def present(self, request: web.Request, body: Json) -> Json:
        act, reader = self._find(request, "terminal.reader")
        card = _card(body) if "card" in body else cards.BY_NAME[reader["_card"]]
        with self.bank.books.transaction():
            return terminal.hold_to(act, reader, card)

    async def cancel_at_reader(self, request: web.Request, body: Json) -> Json:
        """What somebody does who presses the reader's red key."""
        act, reader = self._find(request, "terminal.reader")
        with self.bank.books.transaction():
            return terminal.press_cancel(act, reader)

    async def dispute(self, request: web.Request, body: Json) -> Json:
        act, charge = self._find(request, "charge")
        reason = body.get("reason", "fraudulent")
        if reason not in disputes.REASONS or not charge["captured"] or charge["disputed"]:
            raise invalid(
                "Only a captured charge that is not disputed yet can be, for a reason of the provider's list."
            )
        with self.bank.books.transaction():
            return disputes.start(act, charge, reason)

    async def decide(self, request: web.Request, body: Json) -> Json:
        act, dispute = self._find(request, "dispute")
        if body.get("status") not in ("won", "lost"):
            raise invalid("status is won or lost.")
        with self.bank.books.transaction():
            return disputes.decide(act, dispute, won=body["status"] == "won")

    async def fail_payout(self, request: web.Request, body: Json) -> Json:
        act, payout = self._find(request, "payout")
        with self.bank.books.transaction():
            return payouts.fail(act, payout, _failure(body.get("code", "account_closed")))

    async def account(self, request: web.Request, body: Json) -> Json:
        """How an account is paid out: by itself every day or on demand, and whether its next payout fails."""
        given = request.match_info["id"]
        if self.bank.books.owner(given) is None:
            raise missing("account", given)
        act = self.bank.act(given)
        interval, code = body.get("payouts"), body.get("next_payout_fails")
        if interval not in (None, "daily", "manual"):
            raise invalid("payouts is daily or manual.")
        with self.bank.books.transaction():
            if interval is not None:
                account = accounts.own(act)
                account["settings"]["payouts"]["schedule"]["interval"] = interval
                if act.platform is not None:
                    act.of(act.platform).put(account)
                accounts.plan_payout(act, account)
            if code is not None:
                act.books.set(f"payout_fails:{given}", _failure(code))
            if "name" in body:
                act.books.set(
                    f"merchant:{given}", [str(body["name"])[:100], str(body.get("statement", "SANDBOX"))[:22]]
                )
        return {"id": given, "payouts": interval, "next_payout_fails": code}

    async def onboard(self, request: web.Request, body: Json) -> Json:
        """What a host does on the page."""
        act, account = self._find(request, "account")
        iban, holder = str(body.get("iban", "DE89370400440532013000")), str(body.get("holder", "Host"))
        with self.bank.books.transaction():
            return accounts.onboarded(act, account["id"], iban, holder)


def _local(request: web.Request) -> bool:
    """Whether it comes from this machine and was meant for it, whatever name a page may have given it."""
    host = (request.host or "").rpartition(":")[0] or request.host
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback and (
            host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
        )
    except ValueError:
        return False


async def _json(request: web.Request) -> Json:
    raw = await request.read()
    try:
        return msgspec.json.decode(raw, type=dict[str, Any]) if raw else {}
    except msgspec.DecodeError as fault:
        raise invalid(f"The body is no JSON object: {fault}.") from None


def _read(body: Json, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as fault:
        raise invalid(str(fault)) from None


def _card(body: Json) -> cards.Card:
    card = cards.BY_NAME.get(str(body.get("card", "visa")))
    if card is None:
        raise invalid(f"card is one of {', '.join(cards.BY_NAME)}.", param="card")
    return card


def _failure(code: object) -> str:
    if code not in payouts.FAILURES:
        raise invalid(f"code is one of {', '.join(payouts.FAILURES)}.", param="code")
    return str(code)
