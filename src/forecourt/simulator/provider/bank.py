"""The provider itself: its books, its clock, and the one place where a request becomes an act upon them."""

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

import msgspec

from forecourt.simulator.provider import limits, money, routes
from forecourt.simulator.provider.act import Act, new_id, shown
from forecourt.simulator.provider.books import Books, Kept
from forecourt.simulator.provider.errors import ApiError, Json, invalid
from forecourt.simulator.provider.faults import Faults
from forecourt.simulator.provider.form import Params, decode
from forecourt.simulator.provider.hooks import Courier

_KEY = re.compile(r"(?:sk|rk)_test_[A-Za-z0-9_]{8,200}")
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back: the body in bytes, and whether it is one of before."""

    status: int
    body: bytes
    request: str
    replayed: bool = False


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the API, its form not read yet."""

    method: str
    path: str
    form: str
    account: str
    platform: str | None
    key: str | None


class Bank:
    """One provider with its file."""

    def __init__(self, books: Books, address: str, wall: Callable[[], float] = time.time) -> None:
        self.books, self.address, self._wall = books, address, wall
        self.faults = Faults()
        self.courier = Courier(books)
        #: Keys of requests that are in work.
        self.in_work: set[tuple[str, str]] = set()
        #: What goes on for ever beside the requests; where one of them ends, the provider is broken.
        self.rounds: list[asyncio.Task[None]] = []

    def now(self) -> int:
        """UNIX seconds by the provider's own clock."""
        return int(self._wall()) + int(self.books.setting("ahead_s", 0))

    def advance(self, seconds: int) -> int:
        """Sets the clock ahead, never back; does what comes by time."""
        ahead = int(self.books.setting("ahead_s", 0)) + seconds
        if seconds < 0 or ahead > limits.MAX_AHEAD_S:
            raise invalid(f"The clock goes forward, up to {limits.MAX_AHEAD_S} s ahead of real time.")
        with self.books.transaction():
            self.books.set("ahead_s", ahead)
        self.tick()
        return self.now()

    def tick(self) -> None:
        """Does all that has come due, each at its own time in one transaction."""
        now = self.now()
        while self.books.is_due(now):
            with self.books.transaction():
                due = self.books.next_due(now)
                if due is None:
                    return
                at, account, what, given = due
                # What can't be done any more, as it was done otherwise meanwhile, is no news.
                with contextlib.suppress(ApiError):
                    routes.COMING[what](self.act(account, now=at), given)
            self.courier.wake.set()

    def purge(self) -> None:
        with self.books.transaction():
            self.books.purge(self.now())

    def act(self, account: str, *, now: int | None = None, key: str | None = None, request: str | None = None) -> Act:
        """An act upon an account; whether it is connected to another is read from the books."""
        owner = self.books.owner(account)
        return Act(
            books=self.books, account=account, now=self.now() if now is None else now, address=self.address,
            platform=None if owner in (None, account) else owner, key=key, request=request,
        )  # fmt: skip

    # Who asks.

    def platform_of(self, secret: str) -> str:
        """The account of a secret key: any test key has one, made when it is used first."""
        if not _KEY.fullmatch(secret):
            said = f"Invalid API Key provided: {secret[:8]}***. The sandbox takes keys that begin with sk_test_."
            raise ApiError(401, "invalid_request_error", said)
        account = account_of(secret)
        if self.books.get(account, account) is None:
            if self.books.count(None, "platform") >= limits.MAX_ACCOUNTS:
                raise ApiError(401, "invalid_request_error", "The sandbox has too many accounts for a new key.")
            with self.books.transaction():
                self.books.put(account, {"id": account, "object": "platform", "created": self.now()})
        return account

    def connected(self, platform: str, given: str) -> str:
        """The account of a `Stripe-Account` header."""
        if self.books.get(platform, given, "account") is None:
            raise ApiError(
                403, "invalid_request_error", f"The provided key does not have access to account '{given[:100]}' (or"
                " that account does not exist).", code="account_invalid",
            )  # fmt: skip
        return given

    # What is asked.

    def replay(self, asked: Asked) -> Answer | None:
        """The answer that this key has had; raises where it was for something else or is in work."""
        if asked.key is None or asked.method != "POST":
            return None
        if len(asked.key) > limits.MAX_KEY:
            raise ApiError(400, "idempotency_error", f"The key is longer than {limits.MAX_KEY} characters.")
        if (asked.account, asked.key) in self.in_work:
            raise ApiError(
                409, "idempotency_error", "There is currently another in-progress request using this Idempotency Key.",
                code="idempotency_key_in_use",
            )  # fmt: skip
        kept = self.books.kept(asked.account, asked.key, self.now())
        if kept is None:
            return None
        if kept.path != asked.path:
            raise ApiError(
                400, "idempotency_error", "Keys for idempotent requests can only be used for the same endpoint they"
                f" were first used for ('{asked.path}' vs '{kept.path}'). Try using a key other than '{asked.key}' if"
                " you meant to execute a different request.",
            )  # fmt: skip
        if kept.print != _print(asked):
            raise ApiError(
                400, "idempotency_error", "Keys for idempotent requests can only be used with the same parameters they"
                f" were first used with. Try using a key other than '{asked.key}' if you meant to execute a different"
                " request.",
            )  # fmt: skip
        return Answer(status=kept.status, body=kept.body, request=kept.request, replayed=True)

    def answer(self, asked: Asked, *, fails: bool = False) -> Answer:
        """Does what is asked and keeps the answer, in one transaction. `fails`: does it, and answers 500."""
        request = new_id("req")
        try:
            tree = decode(asked.form)
            handler, ids = routes.find(asked.method, asked.path)
            expand = _expansions(tree.pop("expand", []))
            act = self.act(asked.account, key=asked.key, request=request)
            with self.books.transaction():
                return self._done(asked, act, lambda: handler(act, Params(tree), *ids), expand, fails=fails)
        except ApiError as error:
            return Answer(status=error.status, body=_encoded(error.body), request=request)
        finally:
            self.courier.wake.set()

    def _done(
        self, asked: Asked, act: Act, work: Callable[[], Json], expand: list[list[str]], *, fails: bool
    ) -> Answer:
        assert act.request is not None
        try:
            told, status = expanded(act, shown(work()), expand), 200
        except ApiError as error:
            if not error.kept:
                raise
            told, status = shown(error.body), error.status
        if fails:
            told, status = broken().body, 500
        body = _encoded(told)
        if asked.method == "POST" and asked.key is not None:
            kept = Kept(print=_print(asked), path=asked.path, status=status, body=body, request=act.request)
            self.books.keep(asked.account, asked.key, kept, act.now)
        return Answer(status=status, body=body, request=act.request)


def account_of(secret: str) -> str:
    """The account that a key belongs to."""
    return "acct_" + hashlib.sha256(secret.encode()).hexdigest()[:16].translate(_LETTERS)


def broken() -> ApiError:
    return ApiError(500, "api_error", "An unknown error occurred. Please retry the request or read its object again.")


def _encoded(body: Json) -> bytes:
    return msgspec.json.format(msgspec.json.encode(body), indent=2)


def _print(asked: Asked) -> str:
    """What tells one request from another: where it went and its parameters, whatever their order."""
    parts = sorted(asked.form.split("&"))
    return hashlib.sha256("&".join((asked.path, asked.platform or "", *parts)).encode()).hexdigest()


def _expansions(asked: Any) -> list[list[str]]:
    if not isinstance(asked, list) or len(asked) > limits.MAX_EXPANDS or not all(isinstance(e, str) for e in asked):
        raise invalid(f"expand must be an array of at most {limits.MAX_EXPANDS} strings", param="expand")
    paths = [path.split(".") for path in asked]
    if any(len(path) > limits.MAX_EXPAND_DEPTH for path in paths):
        raise invalid(f"You cannot expand more than {limits.MAX_EXPAND_DEPTH} levels.", param="expand")
    return paths


def expanded(act: Act, told: Json, paths: list[list[str]]) -> Json:
    """Puts objects where their ids stand, along the paths asked for."""
    for path in paths:
        _expand(act, told, path, ".".join(path))
    return told


def _expand(act: Act, at: Any, path: list[str], whole: str) -> None:
    if isinstance(at, list):
        for item in at:
            _expand(act, item, path, whole)
        return
    if not isinstance(at, dict):
        return
    name, *rest = path
    if name not in at:
        if name == "line_items":
            return
        raise invalid(f"This property cannot be expanded ({whole[:100]}).", param="expand")
    value = at[name]
    if isinstance(value, str):
        found = act.books.get(act.account, value)
        if found is None and act.platform is not None:
            found = act.books.get(act.platform, value)
        if found is None and (owner := act.books.owner(value)) is not None and act.books.owner(owner) == act.account:
            found = act.books.get(owner, value)
        if found is None:
            raise invalid(f"This property cannot be expanded ({whole[:100]}).", param="expand")
        if found["object"] == "balance_transaction":
            found = money.with_status(found, act.now)
        at[name] = value = shown(found)
    if rest:
        _expand(act, value, rest, whole)
