"""What Adyen settled: reports that a webhook named are fetched, each until it was read, and told as movements.

A report is asked for by its name, which is signed. The address that stands in the webhook is not, and is used for
nothing: whoever could change it would be sent the key.
"""

import asyncio
from datetime import timedelta
from typing import Final, Protocol

import aiohttp
import structlog

from forecourt.payments.providers.adyen_report import (
    FIRST,
    REPORT_NAME,
    SECOND,
    WON,
    ReportUnreadable,
    Said,
    movement_of,
    read_report,
)
from forecourt.payments.providers.adyen_shapes import REPORT, disputes_of, second_of
from forecourt.payments.psp.errors import ProviderAway, ProviderRefused
from forecourt.payments.psp.words import DisputeState, Movement, Movements, Told
from forecourt.platform.clock import Clock

log = structlog.get_logger(__name__)

#: Our word for that the movements of a report were kept.
READ: Final = "report_read"
#: Our word for that a report told of a chargeback: its webhook may come late, or never.
CHARGED_BACK: Final = "report_chargeback"
#: Characters of a name that is remembered.
MAX_NAME: Final = 80
#: Where reports are, live and of test accounts.
LIVE: Final = "https://ca-live.adyen.com"
TEST: Final = "https://ca-test.adyen.com"
#: Bytes of one report, and how long it may take.
MAX_BYTES: Final = 64 * 1024 * 1024
DEADLINE_S: Final = 120.0
#: A report that can't be had for so long is asked for no more.
GIVE_UP: Final = timedelta(days=60)
#: So many reports that can't be had, one behind the other, are the provider's trouble and not theirs.
MAX_AWAY: Final = 10
_NO_KEY: Final = 401
_GONE: Final = 404
_BUSY: Final = 429
_BROKEN: Final = 500
_GOOD: Final = 200


class KeyRefused(ProviderRefused):
    """The payment provider does not take the key of its report user. See the account's settings."""


class Memory(Protocol):
    """What an account was told, as far as reports are concerned."""

    async def keep(self, told: Told) -> None:
        """Keeps it, once."""
        ...

    async def about(self, reference: str) -> list[Told]:
        """What happened to a payment."""
        ...

    async def named(self, reference: str) -> list[Told]:
        """What was told by this name."""
        ...

    async def unread(self) -> list[Told]:
        """Reports whose movements were not kept yet, the earliest first."""
        ...


class Reports:
    """The reports of one merchant account, by the key of its report user."""

    def __init__(self, memory: Memory, clock: Clock, *, merchant_account: str, key: str, base: str) -> None:
        self._memory, self._clock = memory, clock
        self._merchant, self._key, self._base = merchant_account, key, base

    async def page(self, after: str | None) -> Movements:
        """The movements of the first report that was not read, behind that of a name. Who asks for what is behind a
        report has kept it. Raises, once all others are taken, what kept one from being had: ProviderAway, or
        ProviderRefused where it was refused or can't be read; at once where the key is refused, or MAX_AWAY could not
        be had."""
        unread = await self._memory.unread()
        if after is not None:
            [before, *_] = [each for each in await self._memory.named(after) if each.kind == REPORT]
            await self._done(after)
            unread = [each for each in unread if each.reference != after]
            ahead = [each for each in unread if (each.at, each.event) > (before.at, before.event)]
        else:
            ahead = unread
        failed: Exception | None = None
        away = 0
        for told in ahead:
            try:
                return Movements(movements=await self._movements(told), next=told.reference)
            except KeyRefused:
                raise
            except (ReportUnreadable, ProviderAway, ProviderRefused) as fault:
                if told.at + GIVE_UP < self._clock.now():
                    await self._done(told.reference)
                log.warning("a settlement report can't be read", report=told.reference, why=str(fault))
                failed = fault
                away += isinstance(fault, ProviderAway)
            if away >= MAX_AWAY:
                break
        left = await self._memory.unread()
        if left and isinstance(failed, ProviderAway | ProviderRefused):
            raise failed
        if left:
            raise ProviderRefused(f"The report {left[0].reference} of the payment provider can't be read.")
        return Movements(movements=())

    async def _done(self, name: str) -> None:
        await self._memory.keep(Told(kind=READ, reference=name, about=name, at=self._clock.now()))

    async def _movements(self, told: Told) -> tuple[Movement, ...]:
        text = await self._fetch(told.reference)
        # Its clock may be ahead of ours: what stands in a report is ours to use.
        closed_at, found = min(told.at, self._clock.now()), []
        lines = await asyncio.to_thread(read_report, text, self._merchant)
        for said in lines:
            await self._remember(said)
        for said in lines:
            found.append(movement_of(said, closed_at, await self._dispute(said)))
        return tuple(found)

    async def _remember(self, said: Said) -> None:
        """Keeps by what name a chargeback is posted, for what reverses it."""
        names = (said.payment or "", said.change or "")
        if said.type == FIRST and all(0 < len(name) <= MAX_NAME for name in names):
            await self._memory.keep(Told(kind=CHARGED_BACK, reference=names[1], about=names[0], at=said.at))

    async def _dispute(self, said: Said) -> str | None:
        """The name by which a payment tells the chargeback that a line is of: the one that is still taken, or that was
        given back by this; where its webhook was not heard, the one that a report told of."""
        if said.type not in (WON, SECOND) or said.payment is None:
            return None
        told = await self._memory.about(said.payment)
        known = disputes_of(told)
        names = [each.reference for each in known]
        unheard = [each.reference for each in told if each.kind == CHARGED_BACK and each.reference not in names]
        if said.type == SECOND:
            return second_of(str(said.change), [*names[:1], *unheard])
        back = [each for each in known if any(one.reference == said.change for one in each.movements[1:])]
        standing = [each for each in known if each.status is not DisputeState.WON]
        return next(iter([*(each.reference for each in (*back, *standing)), *unheard]), None)

    async def _fetch(self, name: str) -> str:
        """A report's text. Raises ProviderAway where it may be had later, ProviderRefused, KeyRefused and
        ReportUnreadable."""
        assert REPORT_NAME.fullmatch(name), "only what is called so is kept"
        url = f"{self._base}/reports/download/MerchantAccount/{self._merchant}/{name}"
        try:
            async with (
                asyncio.timeout(DEADLINE_S),
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.get(url, headers={"x-api-key": self._key}, allow_redirects=False) as answer,
            ):
                if answer.status == _GONE:
                    raise ReportUnreadable("the provider has none of this name")
                if answer.status == _BUSY or answer.status >= _BROKEN:
                    raise ProviderAway
                if answer.status == _NO_KEY:
                    raise KeyRefused
                if answer.status != _GOOD:
                    raise ProviderRefused(
                        f"The payment provider does not give its report {name} ({answer.status}). See the key of its"
                        " report user."
                    )
                body = bytearray()
                async for chunk in answer.content.iter_chunked(1 << 16):
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise ReportUnreadable(f"it is larger than {MAX_BYTES} bytes")
        except (TimeoutError, aiohttp.ClientError, OSError) as fault:
            raise ProviderAway from fault
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise ReportUnreadable("it is no text") from None
