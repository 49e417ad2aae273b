"""The page of Plug & Charge: which contracts are registered and whom they lead to, which authorities are trusted, how
contracts are judged, and a look at one. A provider's secret is in the answer that made it and in no page after that."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from cryptography import x509
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.drivers import store as tokens
from forecourt.drivers.account_pages import WAYS
from forecourt.drivers.accounts.store import owned
from forecourt.drivers.model import TokenState, decided, uid_key
from forecourt.drivers.pages import TONES as TOKEN_TONES
from forecourt.drivers.pages import LastUse
from forecourt.drivers.store import TokenFilter
from forecourt.ocpp.neutral import ContractStatus, Standing
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.outward import AddressRefused
from forecourt.platform.paging import Cursors
from forecourt.stations.certificates import service, store
from forecourt.stations.certificates.api import MAX_CHAIN_PEM, MAX_PEM, ContractAsked, FingerprintInPath, RulesSaid
from forecourt.stations.certificates.service import (
    ChainRefused,
    ContractChecks,
    ContractRules,
    Look,
    RootKnown,
    RootRefused,
    RootsFull,
    RootUnknown,
)
from forecourt.stations.certificates.store import RootRow, RulesRow
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

PATH: Final = "/contracts"
#: Registered contracts of one page.
PAGE_SIZE: Final = 50
CURSORS: Final = Cursors("contracts on a page")
#: The type by which a contract is registered as a token.
EMAID: Final = "eMAID"
#: So long before an authority's certificate ends the page warns of it.
SOON: Final = timedelta(days=60)
GUARDED: Final[Mapping[str, Any]] = {"verb": Verb.WEBHOOKS}
#: Who registers contracts reads whom they lead to and what is trusted.
READ: Final[Mapping[str, Any]] = {"verb": Verb.CHANGE_TOKENS}
UNPROVEN: Final = {
    "accept": (mark("Accept it"), mark("Responders fail more often than contracts are stolen; block it here instead.")),
    "refuse": (mark("Refuse it"), mark("Nobody charges by a contract while its responders are silent.")),
}
#: What a contract is worth, in words; the colours are those of stations' states.
WORTH: Final = {
    ContractStatus.ACCEPTED: ("Available", mark("Good")),
    ContractStatus.SIGNATURE_ERROR: ("Faulted", mark("A signature is wrong")),
    ContractStatus.EXPIRED: ("Faulted", mark("A certificate has run out")),
    ContractStatus.REVOKED: ("Faulted", mark("Revoked")),
    ContractStatus.NONE: ("Faulted", mark("No certificate came")),
    ContractStatus.CHAIN_ERROR: ("Faulted", mark("It doesn't lead to a trusted authority, or nobody proves it good")),
    ContractStatus.CANCELLED: ("Faulted", mark("Cancelled")),
}
STANDINGS: Final = {
    Standing.GOOD: ("Available", mark("Good")),
    Standing.REVOKED: ("Faulted", mark("Revoked")),
    Standing.UNKNOWN: ("Faulted", mark("Unknown to its responder")),
    Standing.FAILED: ("SuspendedEV", mark("No answer that counts")),
}
DONE: Final = {
    "trusted": mark("Trusted. Contracts under it count from the next car on."),
    "distrusted": mark("Trusted no more. Contracts under it are refused from now on."),
    "stored": mark("Stored."),
}
FAULTS: Final[Mapping[str, str]] = {
    RootRefused.code: mark(
        "This is no certificate of an authority. Give one in PEM that may sign others: a V2G root, a root of a mobility"
        " operator, or an authority under one."
    ),
    RootKnown.code: mark("This authority is trusted already."),
    RootsFull.code: mark("As many authorities are trusted as can be. Take one away that you don't need."),
    AddressRefused.code: mark("An address begins with https:// or http:// and belongs to the public internet."),
    ChainRefused.code: mark(
        "These are no certificates of a contract. Give the contract's own in PEM first, then those of the authorities"
        " that lead from it to one that is trusted, four in all at the most."
    ),
}

WebRequest = Request[Any, Any, Any]
Cursor = Annotated[str, QueryParameter(name="cursor", max_length=200)]
Done = Annotated[str, QueryParameter(name="done", max_length=20)]


class RootForm(Struct, frozen=True, kw_only=True):
    """An authority to trust."""

    pem: Annotated[str, Meta(max_length=MAX_PEM)] = ""


class RulesForm(Struct, frozen=True, kw_only=True):
    """How contracts shall be judged; a box that is ticked is sent."""

    required: Annotated[str, Meta(max_length=10)] = ""
    unproven: Annotated[str, Meta(max_length=10)] = "accept"
    provider_url: Annotated[str, Meta(max_length=3_000)] = ""


class LookForm(Struct, frozen=True, kw_only=True):
    """A contract to look at."""

    pem: Annotated[str, Meta(max_length=MAX_CHAIN_PEM)] = ""
    emaid: Annotated[str, Meta(max_length=1_000)] = ""


class Told(Struct, frozen=True, kw_only=True):
    """What the page says beside what is stored: a fault beside the form that it is of, what was sent there, and what
    came of a look."""

    of: str = ""
    fault: str = ""
    pem: str = ""
    rules: RulesForm | None = None
    look: Look | None = None
    asked: LookForm = LookForm()


class Authority(Struct, frozen=True, kw_only=True):
    """A trusted authority as the page shows it. `under`: the name of whom its certificate is by; None: it is a root.
    `depth`: authorities that may stand between it and a contract; None: as many as a chain may have."""

    row: RootRow
    under: str | None
    depth: int | None
    tone: str
    word: str

    @classmethod
    def of(cls, row: RootRow, now: datetime) -> "Authority":
        """From what is stored."""
        found = x509.load_der_x509_certificate(row.der)
        basic = found.extensions.get_extension_for_class(x509.BasicConstraints).value
        tone, word = "Available", mark("Trusted")
        if row.not_after <= now:
            tone, word = "Faulted", mark("Has run out: contracts under it are refused")
        elif row.not_after <= now + SOON:
            tone, word = "SuspendedEV", mark("Runs out soon")
        under = None if found.issuer == found.subject else found.issuer.rfc4514_string()
        return cls(row=row, under=under, depth=basic.path_length, tone=tone, word=word)


class ContractPages:
    """What the handlers below share."""

    def __init__(
        self, shell: Shell, db: Pool, clock: Clock, rules: ContractRules, checks: ContractChecks, last_use: LastUse
    ) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock
        self._rules = rules
        self._checks = checks
        self._last_use = last_use

    async def show(
        self, request: WebRequest, actor: Actor, *, cursor: str = "", done: str = "", told: Told | None = None
    ) -> Response[str]:
        """The page; with what was sent and what is wrong with it, or what came of a look."""
        told, now = told or Told(), self._clock.now()
        place = CURSORS.decode(cursor or None)
        async with self._db.tenant(actor.tenant_id) as conn:
            roots = await store.list_roots(conn, actor.tenant_id)
            rules = await service.find_rules(conn, actor.tenant_id)
            rows = await tokens.list_tokens(
                conn, actor.tenant_id, TokenFilter(type=EMAID), order="newest", place=place, limit=PAGE_SIZE + 1
            )
            more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
            answers = await store.list_answers(conn, actor.tenant_id, PAGE_SIZE)
            holders = await owned.list_holders(conn, actor.tenant_id, [uid_key(row.uid) for row in rows])
        return self._shell.page(
            "stations/contracts.html", request, viewer=actor, current="payments", status=422 if told.fault else 200,
            roots=[Authority.of(each, now) for each in roots],
            rules=rules, form=told.rules or _form_of(rules), unproven=UNPROVEN,
            contracts=[(row, decided(TokenState(row.status), row.expires_at, now).value, holders.get(uid_key(row.uid)))
                       for row in rows],
            used=await self._last_use(actor.tenant_id, [row.uid for row in rows]),
            next=f"{PATH}?cursor={CURSORS.encode(rows[-1].number)}" if more else "", first=not cursor,
            can_change=actor.may(Verb.CHANGE_TOKENS), may_set_up=actor.may(Verb.WEBHOOKS),
            token_tones=TOKEN_TONES, ways=WAYS, told=told, path=PATH,
            answers=answers, now=now,
            worth=WORTH, standings=STANDINGS, max_pem=MAX_PEM, max_chain=MAX_CHAIN_PEM, done=DONE.get(done, ""),
        )  # fmt: skip

    async def add(self, request: WebRequest, actor: Actor, form: RootForm) -> Response[Any]:
        """Trusts the authority whose certificate was sent."""
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await service.add_root(conn, actor, form.pem, self._clock.now())
        except (RootRefused, RootKnown, RootsFull) as fault:
            return await self.show(request, actor, told=Told(of="root", fault=FAULTS[fault.code], pem=form.pem))
        return Redirect(f"{PATH}?done=trusted", status_code=303)

    async def remove(self, actor: Actor, fingerprint: str) -> Redirect:
        """Trusts an authority no more; nothing is wrong where it wasn't trusted."""
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await service.remove_root(conn, actor, fingerprint)
        except RootUnknown:
            return Redirect(PATH, status_code=303)
        return Redirect(f"{PATH}?done=distrusted", status_code=303)

    async def judge(self, request: WebRequest, actor: Actor, form: RulesForm) -> Response[Any]:
        """Stores how contracts are judged, and shows the secret where one was made."""
        url = form.provider_url.strip() or None
        try:
            wanted = msgspec.convert(
                {"required": form.required == "yes", "unproven": form.unproven, "provider_url": url}, RulesSaid
            )
            async with self._db.tenant(actor.tenant_id) as conn:
                _, secret = await self._rules.put(
                    conn, actor, required=wanted.required, unproven=wanted.unproven, provider_url=wanted.provider_url,
                    now=self._clock.now(),
                )  # fmt: skip
        except (msgspec.ValidationError, AddressRefused):
            told = Told(of="rules", fault=FAULTS[AddressRefused.code], rules=form)
            return await self.show(request, actor, told=told)
        if secret is None:
            return Redirect(f"{PATH}?done=stored", status_code=303)
        return self._shell.page(
            "stations/contracts_secret.html", request, viewer=actor, current="payments", secret=secret, path=PATH
        )

    async def look(self, request: WebRequest, actor: Actor, form: LookForm) -> Response[str]:
        """What a contract is worth now; nothing is kept of it."""
        try:
            asked = msgspec.convert({"pem": form.pem, "emaid": form.emaid.strip() or None}, ContractAsked)
            look = await self._checks.look(self._db, actor, asked.pem, asked.emaid)
        except (msgspec.ValidationError, ChainRefused):
            return await self.show(request, actor, told=Told(of="look", fault=FAULTS[ChainRefused.code], asked=form))
        return await self.show(request, actor, told=Told(of="look", look=look, asked=form))


def contract_pages(
    *, shell: Shell, db: Pool, clock: Clock, rules: ContractRules, checks: ContractChecks, last_use: LastUse
) -> list[HTTPRouteHandler]:
    """`/contracts` for those who register contracts, and what is done there for those who may set it up."""
    pages = ContractPages(shell, db, clock, rules, checks, last_use)

    @get(PATH, opt=READ, include_in_schema=False)
    async def contracts(request: WebRequest, actor: Asker, cursor: Cursor = "", done: Done = "") -> Response[str]:
        return await pages.show(request, actor, cursor=cursor, done=done)

    @post(f"{PATH}/roots", opt=GUARDED, include_in_schema=False, status_code=303)
    async def add(request: WebRequest, actor: Asker, data: URLEncodedBody[RootForm]) -> Response[Any]:
        return await pages.add(request, actor, data)

    @post(f"{PATH}/roots/{{fingerprint:str}}/remove", opt=GUARDED, include_in_schema=False, status_code=303)
    async def remove(actor: Asker, fingerprint: FingerprintInPath) -> Redirect:
        return await pages.remove(actor, fingerprint)

    @post(f"{PATH}/rules", opt=GUARDED, include_in_schema=False, status_code=200)
    async def judge(request: WebRequest, actor: Asker, data: URLEncodedBody[RulesForm]) -> Response[Any]:
        return await pages.judge(request, actor, data)

    @post(f"{PATH}/look", opt=GUARDED, include_in_schema=False, status_code=200)
    async def look(request: WebRequest, actor: Asker, data: URLEncodedBody[LookForm]) -> Response[Any]:
        return await pages.look(request, actor, data)

    return [contracts, add, remove, judge, look]


def _form_of(rules: RulesRow | None) -> RulesForm:
    if rules is None:
        return RulesForm()
    return RulesForm(
        required="yes" if rules.required else "", unproven=rules.unproven, provider_url=rules.provider_url or ""
    )
