"""A VEN of OpenADR 2.0b, by openleadr: it registers, polls, reads all events that count, and opts in to what it can.

openleadr tells of what goes wrong in the log alone, so what went wrong is learned from the connection itself.
"""

import asyncio
import importlib
import logging
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import structlog

from forecourt.energy.feeds.day_ahead import of_status
from forecourt.energy.feeds.events import limits_of
from forecourt.energy.feeds.model import (
    MAX_EVENTS,
    MAX_VALUES,
    Allowed,
    FeedFailed,
    Fetched,
    Memory,
    OpenAdr2,
    Secrets,
)
from forecourt.platform.outward import (
    ADDRESS_PRIVATE,
    NAME_PRIVATE,
    NO_TLS,
    UNTRUSTED,
    AddressRefused,
    Outward,
    why_unanswered,
)

log = structlog.get_logger(__name__)

#: Bytes of one answer.
MAX_ANSWER: Final = 2 * 2**20
#: Messages that a VTN has waiting, of which one turn takes so many.
MAX_POLLS: Final = 10
#: What one request may wait for its connection and for each part of its answer.
TIMEOUT_S: Final = 10
_OVER: Final = frozenset({"cancelled", "completed"})
#: What a VTN says to a VEN that it doesn't know, or not any more.
_UNKNOWN: Final = (452, 463)
#: What codes begin with where all is well. After any other, what is said of events says nothing of them.
_SUCCESS: Final = 2
#: What went wrong, by why there was no answer.
_FAULTS: Final = {UNTRUSTED: "untrusted", NO_TLS: "own-certificate", NAME_PRIVATE: "private"}


class _Bounded(aiohttp.ClientResponse):
    """An answer of which no more is read than is taken."""

    async def read(self) -> bytes:
        found = bytearray()
        async for chunk in self.content.iter_any():
            found += chunk
            if len(found) > MAX_ANSWER:
                raise ValueError("too much")
        return bytes(found)


class Ven:
    """One turn of a VEN, within `async with`: what openleadr's client does not tell is seen here."""

    def __init__(self, client: Any, source: OpenAdr2, feed_id: int, memory: Memory) -> None:
        self._client = client
        self._source = source
        self._feed_id = feed_id
        self._memory = memory
        self.fault: FeedFailed | None = None

    async def turn(self, now: datetime) -> Fetched:
        """Registers where it isn't, takes what waits, and reads all events. Raises FeedFailed."""
        if self._memory.registration_id is None:
            await self._register()
        self._client.ven_id = self._memory.ven_id
        self._client.registration_id = self._memory.registration_id
        for _ in range(MAX_POLLS):
            if not await self._poll():
                break
        kind, payload = await self._answered(self._client.request_event(reply_limit=MAX_EVENTS))
        if kind not in ("oadrDistributeEvent", "oadrResponse"):
            raise FeedFailed("unreadable")
        events = payload.get("events") or [] if kind == "oadrDistributeEvent" else []
        if len(events) > MAX_EVENTS:
            raise FeedFailed("too-much")
        limits, left_out, opted = self._read(events, now)
        answered = await self._opt(payload, events, opted)
        memory = Memory(
            ven_id=self._memory.ven_id,
            registration_id=self._memory.registration_id,
            answered=answered,
            left_out=tuple(sorted(left_out))[:MAX_EVENTS],
        )
        return Fetched(limits=limits, memory=memory)

    async def _register(self) -> None:
        await self._answered(self._client.create_party_registration(ven_id=self._source.ven_id))
        if self._client.registration_id is None or self._client.ven_id is None:
            raise FeedFailed("no-registration")
        self._memory = Memory(ven_id=str(self._client.ven_id), registration_id=str(self._client.registration_id))

    async def _poll(self) -> bool:
        """Takes one message that waits; whether another may. Events are read whole afterwards."""
        kind, _nothing = await self._answered(self._client.poll())
        if kind == "oadrRequestReregistration":
            await self._answered(self._client.send_response(service="EiRegisterParty"), empty=True)
            await self._answered(
                self._client.create_party_registration(
                    ven_id=self._memory.ven_id, registration_id=self._memory.registration_id
                )
            )
            if self._client.registration_id is None or self._client.ven_id is None:
                raise FeedFailed("no-registration")
            self._memory = Memory(ven_id=str(self._client.ven_id), registration_id=str(self._client.registration_id))
            return True
        if kind == "oadrCancelPartyRegistration":
            raise FeedFailed("registration-cancelled")
        return False

    def _read(self, events: list[Mapping[str, Any]], now: datetime) -> tuple[list[Allowed], set[str], dict[str, bool]]:
        """What the events allow, what of them isn't followed, and which are followed, by their ids."""
        limits: list[Allowed] = []
        left_out: set[str] = set()
        opted: dict[str, bool] = {}
        for event in events:
            told = event["event_descriptor"]
            found: list[Allowed] = []
            if told["event_status"] in _OVER:
                unknown = []
            elif told.get("test_event"):
                unknown = ["test event"]
            else:
                found, unknown = limits_of(self._source, self._feed_id, event)
            limits += [each for each in found if each.ends_at is None or each.ends_at > now]
            left_out.update(unknown)
            opted[str(told["event_id"])] = not unknown or bool(found)
        if len(limits) > MAX_VALUES:
            raise FeedFailed("too-much")
        return limits, left_out, opted

    async def _opt(
        self, payload: Mapping[str, Any], events: list[Mapping[str, Any]], opted: Mapping[str, bool]
    ) -> dict[str, int]:
        """Answers each event that wants an answer, once for each change of it; what is answered now. What a VTN doesn't
        take is answered again next time: its limits count all the same."""
        answered: dict[str, int] = {}
        for event in events:
            told = event["event_descriptor"]
            event_id, change = str(told["event_id"]), int(told["modification_number"])
            wanted = event.get("response_required") == "always" and told["event_status"] != "completed"
            if wanted and self._memory.answered.get(event_id) != change:
                word = "optIn" if opted[event_id] else "optOut"
                answer = self._client.created_event(payload["request_id"], event_id, word, change)
                try:
                    await self._answered(answer, empty=True)
                except FeedFailed as failed:
                    log.warning("a VTN took no answer to its event", feed_id=self._feed_id, why=failed.code)
                    continue
            answered[event_id] = change
        return answered

    async def _answered(self, asking: Any, *, empty: bool = False) -> tuple[str | None, Mapping[str, Any]]:
        """What was answered. Raises FeedFailed, also where openleadr only wrote in the log that something failed."""
        self.fault = None
        answer = await asking
        if self.fault is not None:
            raise self.fault
        if empty:
            return None, {}
        if answer is None:
            raise FeedFailed("no-registration" if self._memory.registration_id is None else "unreadable")
        kind, payload = answer
        if kind is None:
            raise FeedFailed("unreadable")
        code = (payload.get("response") or {}).get("response_code", 200)
        if code in _UNKNOWN:
            raise FeedFailed("registration-cancelled", f"OpenADR {code}")
        if int(code) // 100 != _SUCCESS:
            raise FeedFailed("not-taken", f"OpenADR {code}")
        return kind, payload


async def fetch_limits(
    source: OpenAdr2, secrets: Secrets, memory: Memory, feed_id: int, outward: Outward, now: datetime
) -> Fetched:
    """What the VTN's events allow. Raises FeedFailed."""
    try:
        outward.check(source.url)
    except AddressRefused:
        raise FeedFailed("private", ADDRESS_PRIVATE) from None
    # Its imports take a third of a second, in which nothing else should wait. It logs what it is sent.
    await asyncio.to_thread(importlib.import_module, "openleadr")
    logging.getLogger("openleadr").setLevel(logging.CRITICAL)
    async with _ven(source, secrets, memory, feed_id, outward) as ven:
        try:
            return await ven.turn(now)
        except (AttributeError, KeyError, TypeError, ValueError):
            # What a VTN sends may hold anything, and openleadr reads much of it as it is.
            raise FeedFailed("unreadable") from None


@asynccontextmanager
async def _ven(
    source: OpenAdr2, secrets: Secrets, memory: Memory, feed_id: int, outward: Outward
) -> AsyncIterator[Ven]:
    from openleadr import OpenADRClient

    with tempfile.TemporaryDirectory(prefix="forecourt-ven-") as folder:
        files = _files(Path(folder), secrets)
        try:
            context = _context(source, files)
            client = OpenADRClient(
                ven_name=source.ven_name,
                vtn_url=source.url,
                ven_id=source.ven_id,
                vtn_fingerprint=source.vtn_fingerprint,
                show_fingerprint=False,
                **files,
            )
        except (ssl.SSLError, ValueError, OSError):
            raise FeedFailed("certificate-unreadable") from None
        ven = Ven(client, source, feed_id, memory)
        client.client_session = outward.session(
            ssl=context,
            headers={"content-type": "application/xml"},
            timeout=aiohttp.ClientTimeout(sock_connect=TIMEOUT_S, sock_read=TIMEOUT_S),
            trace_configs=[_watching(ven)],
            response_class=_Bounded,
        )
        try:
            yield ven
        finally:
            await client.client_session.close()


def _files(folder: Path, secrets: Secrets) -> dict[str, str]:
    """Certificate and key where the TLS of Python wants them, readable to nobody else, as long as a turn takes."""
    found = {}
    for name, text in (("cert", secrets.certificate), ("key", secrets.key)):
        if text:
            path = folder / f"{name}.pem"
            path.touch(mode=0o600)
            path.write_text(text, encoding="ascii", errors="strict")
            found[name] = str(path)
    return found


def _context(source: OpenAdr2, files: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=source.ca or None)
    if files:
        context.load_cert_chain(files["cert"], files["key"])
    return context


def _is_broken_off(fault: BaseException) -> bool:
    """Whether a connection that stood was ended: with TLS 1.3 that is how a server refuses a certificate."""
    broken = isinstance(fault, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError)
    return broken and not isinstance(fault, aiohttp.ClientConnectorError)


def _watching(ven: Ven) -> aiohttp.TraceConfig:
    """Sees what becomes of each request."""

    async def failed(_session: Any, _context: Any, told: aiohttp.TraceRequestExceptionParams) -> None:
        why = why_unanswered(told.exception) if isinstance(told.exception, Exception) else ""
        code = _FAULTS.get(why, "unreachable")
        if isinstance(told.exception, TimeoutError):
            code = "late"
        elif told.url.scheme == "https" and _is_broken_off(told.exception):
            code = "own-certificate"
        ven.fault = ven.fault or FeedFailed(code, why)

    async def ended(_session: Any, _context: Any, told: aiohttp.TraceRequestEndParams) -> None:
        status = told.response.status
        if status in (401, 403):
            ven.fault = FeedFailed("no-registration", f"HTTP {status}")
        elif status != 200:
            ven.fault = of_status(status)

    async def redirected(_session: Any, _context: Any, told: aiohttp.TraceRequestRedirectParams) -> None:
        # It could lead into our own network.
        ven.fault = FeedFailed("not-taken", f"HTTP {told.response.status}")
        raise aiohttp.ClientError

    watching = aiohttp.TraceConfig()
    watching.on_request_redirect.append(redirected)
    watching.on_request_exception.append(failed)
    watching.on_request_end.append(ended)
    return watching
