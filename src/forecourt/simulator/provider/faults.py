"""Faults on calls to the API: by chance on a share of them, repeatable by a seed, or scripted for the next ones."""

import random
from collections import Counter
from fnmatch import fnmatchcase
from typing import Literal, get_args

import msgspec

from forecourt.simulator.provider import limits

Kind = Literal["error", "error_after", "rate_limit", "drop", "drop_after", "timeout", "timeout_after", "shut"]


class Scripted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A fault of the next calls that match, `POST /v1/payment_intents/*/capture` for instance."""

    fault: Kind
    match: str = "*"
    times: int = 1


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall go wrong. Shares lie between 0 and 1 and are tried in this order, one fault a call.

    `error`, `rate_limit` and `shut`, by which the key is not let in, did nothing and keep nothing; `error_after` acted,
    answers 500 and keeps that answer for the key, as the provider does; the connection is dropped or hangs before or
    after acting.
    """

    seed: int = 1
    #: Which calls it is about, as in a script.
    match: str = "POST *"
    #: The account whose calls these are; None: anybody's.
    account: str | None = None
    error: float = 0.0
    error_after: float = 0.0
    rate_limit: float = 0.0
    drop: float = 0.0
    drop_after: float = 0.0
    timeout: float = 0.0
    timeout_after: float = 0.0
    shut: float = 0.0
    #: Every matching call waits so long before it acts.
    latency_s: float = 0.0
    #: How long a call hangs before it is cut.
    hang_s: float = limits.HANG_S
    next: list[Scripted] = []


KINDS: tuple[Kind, ...] = get_args(Kind)


class Faults:
    """Chooses for each call what goes wrong with it, and counts."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.set(plan or Plan())

    def set(self, plan: Plan) -> None:
        self.plan, self.script = plan, list(plan.next)
        self._random = random.Random(plan.seed)  # noqa: S311 - repeatable on purpose

    def choose(self, call: str, account: str | None = None) -> Kind | None:
        """The fault of a call of an account, `POST /v1/refunds` for instance."""
        for scripted in self.script:
            if fnmatchcase(call, scripted.match):
                scripted.times -= 1
                if scripted.times <= 0:
                    self.script.remove(scripted)
                self.counts[scripted.fault] += 1
                return scripted.fault
        if not fnmatchcase(call, self.plan.match) or self.plan.account not in (None, account):
            return None
        drawn = self._random.random()
        for kind in KINDS:
            drawn -= getattr(self.plan, kind)
            if drawn < 0:
                self.counts[kind] += 1
                return kind
        return None
