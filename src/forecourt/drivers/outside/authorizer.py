"""Asks the outside service about a token, within its deadline, and gives up on one that keeps failing.

Never raises and never waits longer than the deadline: who asks has a fallback.
"""

import base64
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import msgspec
import structlog
from msgspec import Struct
from prometheus_client import Counter, Histogram

from forecourt.drivers.outside.model import (
    FAILURES_TO_OPEN,
    MAX_ANSWER,
    MAX_AT_ONCE,
    MAX_DETAIL,
    OPEN_S,
    QUESTION,
    Hook,
    Verdict,
    decode_verdict,
)
from forecourt.ocpp.neutral import Token, TokenStatus
from forecourt.platform.clock import Clock
from forecourt.platform.errors import ForecourtError
from forecourt.platform.outward import Outward, Unanswered, signed_headers
from forecourt.platform.sealing import Seal

log = structlog.get_logger(__name__)

SEAL_PURPOSE: Final = "authorization"
#: Organisations whose failures are remembered; the one that failed longest ago is forgotten first.
MAX_BREAKERS: Final = 10_000

ASKED = Counter("forecourt_outside_authorizations_total", "Questions about tokens to outside services.", ["outcome"])
DURATION_S = Histogram(
    "forecourt_outside_authorization_seconds", "Time to an outside decision.", buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5)
)


class Decision(Struct, frozen=True, kw_only=True):
    """What was decided about a token, and until when that counts."""

    tenant_id: int
    uid: str
    status: TokenStatus
    decided_at: datetime
    valid_until: datetime


class Failure(Struct, frozen=True, kw_only=True):
    """A question that got no decision, so that the fallback decided."""

    tenant_id: int
    outcome: str
    detail: str
    at: datetime


class Asked(Struct, frozen=True, kw_only=True):
    """What came of a question: a decision, or why there is none. `took_ms` is 0 where nothing was sent."""

    decision: Decision | None
    outcome: str
    detail: str = ""
    took_ms: int = 0


class OutsideAuthorizer:
    """Owns what is asked at this moment, and which services are given a rest. `keep` stores a decision, or that there
    is none."""

    def __init__(
        self,
        outward: Outward,
        secret_key: bytes,
        clock: Clock,
        keep: Callable[[Decision | Failure], None] | None = None,
    ) -> None:
        self._outward = outward
        self._seal = Seal(secret_key, SEAL_PURPOSE)
        self._clock = clock
        self._keep = keep
        self._asking = 0
        #: By organisation: failures in a row, and when the last one was.
        self._failures: OrderedDict[int, tuple[int, float]] = OrderedDict()

    async def decide(self, tenant_id: int, hook: Any, token: Token, station: str) -> TokenStatus | None:
        """The decision about a token shown at a station; None where the fallback must do. `hook` is a row of
        `outside_authorizations` without its tenant."""
        asked = await self.ask(tenant_id, msgspec.convert(hook, Hook), token, station)
        if asked.decision is None:
            log.info("no outside decision about a token", tenant_id=tenant_id, outcome=asked.outcome)
            if self._keep is not None:
                self._keep(self.failure(tenant_id, asked))
            return None
        if self._keep is not None:
            self._keep(asked.decision)
        return asked.decision.status

    def failure(self, tenant_id: int, asked: Asked) -> Failure:
        """What is kept of a question that got no decision."""
        detail = asked.detail.replace("\x00", "")[:MAX_DETAIL]
        return Failure(tenant_id=tenant_id, outcome=asked.outcome, detail=detail, at=self._clock.now())

    async def ask(self, tenant_id: int, hook: Hook, token: Token, station: str) -> Asked:
        """One question, counted and timed."""
        if self._asking >= MAX_AT_ONCE:
            asked = Asked(decision=None, outcome="busy", detail="too many questions are in the air")
        elif self._resting(tenant_id):
            asked = Asked(decision=None, outcome="resting", detail="it failed too often; it is asked again in a moment")
        else:
            self._asking += 1
            try:
                asked = await self._ask(tenant_id, hook, token, station)
            finally:
                self._asking -= 1
        ASKED.labels(asked.outcome).inc()
        return asked

    async def _ask(self, tenant_id: int, hook: Hook, token: Token, station: str) -> Asked:
        began, now = self._clock.monotonic(), self._clock.now()
        data = {"uid": token.uid, "type": token.type, "station": station}
        body = msgspec.json.encode({"type": QUESTION, "timestamp": now, "data": data})
        try:
            keys = [self._seal.open(base64.b64decode(sealed)) for sealed in hook.secrets]
            headers = signed_headers(keys, str(uuid4()), int(now.timestamp()), body)
            answer = await self._outward.post(
                hook.url, headers, body, deadline_s=hook.deadline_ms / 1000, most=MAX_ANSWER
            )
            verdict = _read(answer.status, answer.body)
        except (Unanswered, ForecourtError) as fault:
            self._failed(tenant_id)
            took_s = self._clock.monotonic() - began
            return Asked(decision=None, outcome="failed", detail=str(fault), took_ms=round(took_s * 1000))
        took_s = self._clock.monotonic() - began
        DURATION_S.observe(took_s)
        self._failures.pop(tenant_id, None)
        decision = Decision(
            tenant_id=tenant_id,
            uid=token.uid,
            status=verdict.token_status(),
            decided_at=now,
            valid_until=now + timedelta(seconds=hook.cache_s),
        )
        return Asked(decision=decision, outcome="decided", took_ms=round(took_s * 1000))

    def _resting(self, tenant_id: int) -> bool:
        """After a rest one question is let through; if it fails too, the rest begins anew."""
        number, last = self._failures.get(tenant_id, (0, 0.0))
        if number < FAILURES_TO_OPEN:
            return False
        if self._clock.monotonic() - last < OPEN_S:
            return True
        self._failures[tenant_id] = (number, self._clock.monotonic())
        return False

    def _failed(self, tenant_id: int) -> None:
        number, _ = self._failures.get(tenant_id, (0, 0.0))
        self._failures[tenant_id] = (number + 1, self._clock.monotonic())
        self._failures.move_to_end(tenant_id)
        if len(self._failures) > MAX_BREAKERS:
            self._failures.popitem(last=False)


def _read(status: int, body: bytes) -> Verdict:
    """Raises Unanswered for what is no verdict."""
    if status != 200:
        raise Unanswered(f"it answered with status {status} and not 200")
    try:
        return decode_verdict(body)
    except msgspec.MsgspecError as fault:
        raise Unanswered(f"its answer can't be understood: {fault}") from None
