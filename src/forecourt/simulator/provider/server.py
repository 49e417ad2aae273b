"""The HTTP server: the API under `/v1`, the provider's pages, and the control door."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import time

import aiohttp
import msgspec
from aiohttp import web

from forecourt.simulator.provider import limits
from forecourt.simulator.provider.act import new_id
from forecourt.simulator.provider.bank import Answer, Asked, Bank, broken
from forecourt.simulator.provider.books import Books
from forecourt.simulator.provider.control import Control
from forecourt.simulator.provider.errors import ApiError
from forecourt.simulator.provider.faults import Kind
from forecourt.simulator.provider.form import refuse_card_numbers
from forecourt.simulator.provider.hosted import Hosted

#: How often what comes by time is looked at, and how often old things are taken away.
TICK_S, PURGE_S = 0.25, 600.0


class Api:
    """Answers under `/v1`, with the faults that were asked for."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self._in_work = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self._in_work >= limits.MAX_IN_WORK:
            return _answer(_refusal(ApiError(429, "invalid_request_error", "Too many requests.", code="rate_limit")))
        self._in_work += 1
        try:
            asked = await self._asked(request)
        except ApiError as error:
            return _answer(_refusal(error))
        else:
            return await self._answered(request, asked)
        finally:
            self._in_work -= 1

    async def _asked(self, request: web.Request) -> Asked:
        refuse_card_numbers((name, value) for name, value in request.headers.items() if name != "Authorization")
        refuse_card_numbers([("path", request.path)])
        platform = self.bank.platform_of(_secret(request))
        given = request.headers.get("Stripe-Account")
        account = self.bank.connected(platform, given) if given and given != platform else platform
        form = request.query_string
        if request.method == "POST":
            kind = request.content_type
            if request.body_exists and kind != "application/x-www-form-urlencoded":
                raise ApiError(400, "invalid_request_error", f"Invalid content type: {kind[:80]}. A form is expected.")
            try:
                form = (await request.read()).decode()
            except UnicodeDecodeError:
                raise ApiError(400, "invalid_request_error", "The body is no UTF-8.") from None
        return Asked(
            method=request.method, path=request.path.rstrip("/"), form=form, account=account,
            platform=platform if account != platform else None, key=request.headers.get("Idempotency-Key"),
        )  # fmt: skip

    async def _answered(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        fault = self.bank.faults.choose(f"{asked.method} {asked.path}", asked.account)
        if fault in ("drop", "timeout"):
            return await self._cut(request, fault)
        if fault == "rate_limit":
            said = "Request rate limit exceeded."
            return _answer(_refusal(ApiError(429, "invalid_request_error", said, code="rate_limit")))
        if fault == "shut":
            return _answer(_refusal(ApiError(401, "invalid_request_error", "Expired API Key provided.")))
        if fault == "error":
            return _answer(_refusal(broken()))
        try:
            if (before := self.bank.replay(asked)) is not None:
                return _answer(before, asked.key)
        except ApiError as error:
            return _answer(_refusal(error))
        answer = await self._worked(asked, fault)
        if fault in ("drop_after", "timeout_after"):
            return await self._cut(request, fault)
        return _answer(answer, asked.key)

    async def _worked(self, asked: Asked, fault: Kind | None) -> Answer:
        """Does it; while it does, its key is in use."""
        busy = (asked.account, asked.key) if asked.key is not None and asked.method == "POST" else None
        if busy is not None:
            self.bank.in_work.add(busy)
        try:
            if (wait_s := self.bank.faults.plan.latency_s) and asked.method == "POST":
                await asyncio.sleep(wait_s)
            return self.bank.answer(asked, fails=fault == "error_after")
        finally:
            if busy is not None:
                self.bank.in_work.discard(busy)

    async def _cut(self, request: web.Request, fault: Kind) -> web.StreamResponse:
        """Ends the connection without an answer, at once or after a time in which the caller has given up."""
        if fault.startswith("timeout"):
            left_s = self.bank.faults.plan.hang_s
            while left_s > 0 and request.transport is not None:
                await asyncio.sleep(min(left_s, limits.HANG_LOOK_S))
                left_s -= limits.HANG_LOOK_S
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


def _secret(request: web.Request) -> str:
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            return base64.b64decode(rest).decode().partition(":")[0]
    if scheme.lower() != "bearer" or not rest:
        raise ApiError(401, "invalid_request_error", "You did not provide an API key: use Authorization: Bearer.")
    return rest.strip()


def _refusal(error: ApiError) -> Answer:
    return Answer(status=error.status, body=msgspec.json.encode(error.body), request=new_id("req"))


def _answer(answer: Answer, key: str | None = None) -> web.Response:
    headers = {"Request-Id": answer.request, "Stripe-Version": limits.API_VERSION, "Cache-Control": "no-store"}
    if key is not None:
        headers["Idempotency-Key"] = key
    if answer.replayed:
        headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.request}
    return web.Response(body=answer.body, status=answer.status, content_type="application/json", headers=headers)


def application(bank: Bank) -> web.Application:
    """Everything that is reached by HTTP."""
    app = web.Application(client_max_size=limits.MAX_BODY, middlewares=[_whole])
    app.add_routes(Control(bank).routes())
    app.add_routes(Hosted(bank).routes())
    app.router.add_route("*", "/v1/{rest:.*}", Api(bank).handle)
    return app


@web.middleware
async def _whole(request: web.Request, handler: Callable[..., object]) -> web.StreamResponse:
    """A body that is too large is refused in the provider's own words."""
    try:
        return await handler(request)  # type: ignore[misc,no-any-return]
    except web.HTTPRequestEntityTooLarge:
        said = f"The body is larger than {limits.MAX_BODY} bytes."
        return _answer(_refusal(ApiError(413, "invalid_request_error", said)))


@asynccontextmanager
async def serving(
    path: Path | str, *, host: str = "127.0.0.1", port: int = 0, address: str | None = None,
    wall: Callable[[], float] = time,
) -> AsyncIterator[Bank]:  # fmt: skip
    """Serves until left. `port` 0 takes a free one; `address` is how browsers reach it, else where it listens."""
    books = Books(path)
    bank = Bank(books, address or "", wall)
    runner = web.AppRunner(application(bank), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        taken = runner.addresses[0][1]
        bank.address = (address or f"http://{f'[{host}]' if ':' in host else host}:{taken}").rstrip("/")
        bank.rounds = [asyncio.create_task(_rounds(bank)), asyncio.create_task(_deliveries(bank))]
        try:
            yield bank
        finally:
            for task in bank.rounds:
                task.cancel()
            await asyncio.gather(*bank.rounds, return_exceptions=True)
    finally:
        await runner.cleanup()
        books.close()


async def _rounds(bank: Bank) -> None:
    """What comes by time, for ever."""
    purged = 0.0
    while True:
        bank.tick()
        if (purged := purged - TICK_S) <= 0:
            bank.purge()
            purged = PURGE_S
        await asyncio.sleep(TICK_S)


async def _deliveries(bank: Bank) -> None:
    """Brings webhooks as soon as there are some, for ever. A slow receiver doesn't hold up the next round."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session, asyncio.TaskGroup() as rounds:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await bank.courier.wake.wait()
            bank.courier.wake.clear()
            rounds.create_task(bank.courier.bring(session, bank.now()))
