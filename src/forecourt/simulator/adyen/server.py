"""The HTTP server: the API under its version, the provider's pages, and the control door."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import time
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from forecourt.simulator.adyen import limits
from forecourt.simulator.adyen.acts import Bank
from forecourt.simulator.adyen.books import ApiError, Json, Kept, Merchant
from forecourt.simulator.adyen.control import REPORTS, control
from forecourt.simulator.adyen.hosted import hosted
from forecourt.simulator.provider.faults import Faults

_IN_WORK = ApiError(422, "704", "request already processed or in progress")


class Api:
    """Answers under the API's version, with the faults that were asked for."""

    def __init__(self, bank: Bank, faults: Faults) -> None:
        self.bank, self.faults = bank, faults
        self._in_work: set[tuple[str, str]] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(f"/{limits.VERSION}")
        fault = self.faults.choose(f"{request.method} {path}")
        if fault in ("drop", "timeout"):
            return await self._cut(request, fault)
        if fault == "rate_limit":
            return _refused(ApiError(429, "000", "Too many requests", "security"))
        if fault == "shut":
            return _refused(ApiError(401, "000", "HTTP Status Response - Unauthorized", "security"))
        if fault == "error":
            return _refused(ApiError(500, "905", "Could not be processed", "internal"))
        try:
            body, key = await self._answer(request, path)
        except ApiError as error:
            return _refused(error)
        if fault in ("drop_after", "timeout_after"):
            return await self._cut(request, fault)
        if fault == "error_after":
            return _refused(ApiError(500, "905", "Could not be processed", "internal"))
        headers = {"idempotency-key": key} if key else {}
        created = request.method == "POST" and path != "/payments"
        return web.Response(body=body, status=201 if created else 200, content_type="application/json", headers=headers)

    async def report(self, request: web.Request) -> web.StreamResponse:
        """A report, to whoever has the key of its merchant's report user."""
        fault = self.faults.choose(f"{request.method} {request.path}")
        if fault in ("drop", "drop_after", "timeout", "timeout_after"):
            return await self._cut(request, fault)
        if fault is not None:
            return web.Response(status={"rate_limit": 429, "shut": 401}.get(fault, 500))
        self.bank.tick()
        merchant = self.bank.books.merchants.get(request.match_info["merchant"])
        if merchant is None or merchant.report_key is None or request.headers.get("x-api-key") != merchant.report_key:
            return web.Response(status=401)
        found = self.bank.books.reports.get((merchant.name, request.match_info["name"]))
        return web.Response(status=404) if found is None else web.Response(body=found, content_type="text/csv")

    async def _answer(self, request: web.Request, path: str) -> tuple[bytes, str | None]:
        """What was answered to this key before, or is now."""
        who = request.headers.get("x-api-key", "")
        if len(who) < 8:
            raise ApiError(401, "000", "HTTP Status Response - Unauthorized", "security")
        raw = await request.read()
        try:
            body = msgspec.json.decode(raw) if raw else None
        except msgspec.DecodeError:
            raise ApiError(400, "702", "The request is no JSON") from None
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        if key is None:
            return msgspec.json.encode(self._act(request.method, path, who, body)), None
        if len(key) > limits.MAX_KEY:
            raise ApiError(422, "702", "The idempotency key is too long")
        printed = hashlib.sha256(path.encode() + b"\n" + msgspec.json.encode(body, order="sorted")).hexdigest()
        kept = self.bank.books.keys.get((who, key))
        if kept is None:
            if (who, key) in self._in_work:
                raise _IN_WORK
            self._in_work.add((who, key))
            try:
                if wait_s := self.faults.plan.latency_s:
                    await asyncio.sleep(wait_s)
                answer = msgspec.json.encode(self._act(request.method, path, who, body))
            finally:
                self._in_work.discard((who, key))
            kept = self.bank.books.keys[who, key] = Kept(print=printed, body=answer)
        if kept.print != printed:
            raise ApiError(422, "702", "The idempotency key was used for another request")
        return kept.body, key

    def _act(self, method: str, path: str, who: str, body: Any) -> Json:
        self.bank.tick()
        match (method, *path.strip("/").split("/")):
            case ("POST", "paymentLinks"):
                return self.bank.make_link(self._merchant(who, body), body)
            case ("GET", "paymentLinks", given):
                return self.bank.shown(self.bank.find_link(who, given))
            case ("PATCH", "paymentLinks", given):
                return self.bank.close_link(self.bank.find_link(who, given), body)
            case ("POST", "payments"):
                return self.bank.pay_kept(self._merchant(who, body), body)
            case ("POST", "payments", given, ("captures" | "cancels" | "refunds" | "amountUpdates") as what):
                return self.bank.change(self._merchant(who, body), given, what, body)
            case ("POST", "cancels"):
                return self.bank.cancel_by_reference(self._merchant(who, body), body)
        raise ApiError(404, "000", "There is nothing here. The sandbox speaks only what its reference names.")

    def _merchant(self, who: str, body: Any) -> Merchant:
        name = body.get("merchantAccount") if isinstance(body, dict) else None
        if not isinstance(name, str) or not name:
            raise ApiError(422, "130", "Required field 'merchantAccount' is not provided.")
        return self.bank.books.merchant(name, who)

    async def _cut(self, request: web.Request, fault: str) -> web.StreamResponse:
        """Ends the connection without an answer, at once or after a time in which the caller has given up."""
        if fault.startswith("timeout"):
            await asyncio.sleep(self.faults.plan.hang_s)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


def _refused(error: ApiError) -> web.Response:
    return web.Response(body=msgspec.json.encode(error.body), status=error.status, content_type="application/json")


@asynccontextmanager
async def serving(
    *, host: str = "127.0.0.1", port: int = 0, address: str | None = None, wall: Callable[[], float] = time
) -> AsyncIterator[Bank]:
    """Serves until left. `port` 0 takes a free one; `address` is how browsers reach it, else where it listens."""
    bank, faults = Bank(wall), Faults()
    app = web.Application(client_max_size=limits.MAX_BODY)
    app.add_routes(control(bank, faults))
    app.add_routes(hosted(bank))
    api = Api(bank, faults)
    app.router.add_route("*", f"/{limits.VERSION}/{{rest:.*}}", api.handle)
    app.router.add_get(f"{REPORTS}/{{merchant}}/{{name}}", api.report)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bank.address = (address or f"http://{host}:{runner.addresses[0][1]}").rstrip("/")
        task = asyncio.create_task(_deliveries(bank))
        try:
            yield bank
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    finally:
        await runner.cleanup()


async def _deliveries(bank: Bank) -> None:
    """Brings webhooks as soon as there are some, for ever. A slow receiver doesn't hold up the next round."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session, asyncio.TaskGroup() as rounds:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limits.TICK_S):
                    await bank.courier.wake.wait()
            bank.courier.wake.clear()
            rounds.create_task(bank.courier.bring(session, bank.now()))
