"""The page of accounts at payment providers: which there are, where their webhooks go, a form for one more of either
provider, and the switch by which no new payment goes to one. Keys are taken and never shown."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.payments.accounts import store
from forecourt.payments.accounts.api import (
    ACCOUNT_PATTERN,
    KEY_PATTERN,
    MAX_KEY,
    MERCHANT_PATTERN,
    MIN_KEY,
    PREFIX_PATTERN,
)
from forecourt.payments.accounts.model import (
    DEPLOYMENT,
    PREFIX,
    AccountIncomplete,
    AccountMissing,
    AccountNameTaken,
    AccountShared,
    Given,
    Keys,
    TooManyAccounts,
    keys_of,
)
from forecourt.payments.accounts.service import Providers
from forecourt.payments.psp.errors import ProviderAway, ProviderRefused
from forecourt.platform.database import Pool
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

PROVIDERS: Final[Mapping[str, str]] = {"stripe": "Stripe", "adyen": "Adyen"}
SETTING_UP: Final[Mapping[str, Any]] = {"verb": Verb.PAYMENT_ACCOUNTS}
#: What may be wrong with the form.
NAME: Final = mark("A name is of small letters, digits and hyphens, 40 at most, no hyphen first.")
KEYS: Final = mark("Give both keys as the provider shows them.")
ADYEN: Final = mark(
    "Adyen needs its merchant account, and the HMAC key of the webhook: 64 digits and letters from a to f."
)
TAKEN: Final = mark("Another account has this name already.")
AWAY: Final = mark("The payment provider doesn't answer just now. Try again in a minute.")
REFUSED: Final = mark("The payment provider refused it: the key is wrong, or this server can't be reached from there.")
FULL: Final = mark("There are as many accounts as an organisation may have.")

WebRequest = Request[Any, Any, Any]
AccountId = Annotated[UUID, PathParameter()]


class AccountPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, providers: Providers, console_url: str) -> None:
        self._shell = shell
        self._db = db
        self._providers = providers
        self._hooks = f"{console_url}{PREFIX}"

    async def show(
        self, request: WebRequest, *, given: Mapping[str, str] | None = None, fault: str = "", status: int = 200
    ) -> Response[str]:
        """Every account, the one that new payments go to first, and the form."""
        actor = _actor(request)
        async with self._db.tenant(actor.tenant_id) as conn:
            rows = await store.list_accounts(conn, actor.tenant_id)
        where = {row.account_id: f"{self._hooks}/{row.account_id if row.own else DEPLOYMENT}" for row in rows}
        return self._shell.page(
            "payments/accounts.html", request, viewer=actor, current="payments", status=status, rows=rows, where=where,
            first=next((row.account_id for row in rows if row.active), None), providers=PROVIDERS,
            unsettled={row.account_id for row in rows if not self._providers.settles(row)},
            given={name: given[name] if given else word for name, word in _SHOWN.items()}, fault=fault,
        )  # fmt: skip

    async def add(self, request: WebRequest) -> Response[Any]:
        """Adds what the form says."""
        actor, sent = _actor(request), await request.form()
        form = {name: str(sent.get(name, "")).strip() for name in _FIELDS}
        keys = _read(form)
        if isinstance(keys, str):
            return await self.show(request, given=form, fault=keys, status=422)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await self._providers.add(conn, actor, form["name"], keys)
        except AccountNameTaken:
            return await self.show(request, given=form, fault=TAKEN, status=409)
        except TooManyAccounts:
            return await self.show(request, given=form, fault=FULL, status=409)
        return Redirect("/payments/accounts", status_code=303)

    async def connect(self, request: WebRequest, account_id: UUID) -> Response[Any]:
        """Tries an account's keys, and has its webhooks sent here. Raises AccountUnknown."""
        try:
            await self._providers.connect(_actor(request), account_id, f"{self._hooks}/{account_id}")
        except ProviderAway:
            return await self.show(request, fault=AWAY, status=502)
        except (ProviderRefused, AccountMissing):
            return await self.show(request, fault=REFUSED, status=502)
        return Redirect("/payments/accounts", status_code=303)

    async def read_reports(self, request: WebRequest, account_id: UUID) -> Response[Any]:
        """Takes the key of a report user. Raises AccountUnknown."""
        actor, form = _actor(request), await request.form()
        key = str(form.get("report_key", "")).strip()
        if not (MIN_KEY <= len(key) <= MAX_KEY and re.fullmatch(KEY_PATTERN, key)):
            return await self.show(request, fault=KEYS, status=422)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await self._providers.change(conn, actor, account_id, given=None, active=None, report_key=key)
        except (AccountIncomplete, AccountShared):
            return await self.show(request, fault=ADYEN, status=422)
        return Redirect("/payments/accounts", status_code=303)

    async def switch(self, request: WebRequest, account_id: UUID) -> Response[Any]:
        """Lets new payments go to it, or none. Raises AccountUnknown."""
        actor, form = _actor(request), await request.form()
        async with self._db.tenant(actor.tenant_id) as conn:
            await self._providers.change(conn, actor, account_id, given=None, active=form.get("active") == "yes")
        return Redirect("/payments/accounts", status_code=303)


#: Fields that are shown again, and what stands in them first; keys never are.
_SHOWN: Final[Mapping[str, str]] = {"provider": "stripe", "name": "", "merchant_account": "", "live_prefix": ""}
_FIELDS: Final = (
    "provider", "name", "secret_key", "webhook_secret", "merchant_account", "live_prefix", "report_key",
)  # fmt: skip


def _read(form: Mapping[str, str]) -> Keys | str:
    """The keys that a form gives, or what is wrong with it."""
    if not re.fullmatch(ACCOUNT_PATTERN, form["name"]):
        return NAME
    for name in ("secret_key", "webhook_secret", "report_key"):
        if name == "report_key" and not form[name]:
            continue
        if name == "webhook_secret" and form["provider"] == "stripe" and not form[name]:
            # Stripe is asked for one when the account is tried.
            continue
        if not (MIN_KEY <= len(form[name]) <= MAX_KEY and re.fullmatch(KEY_PATTERN, form[name])):
            return KEYS
    adyen = form["provider"] == "adyen"
    for name, pattern in (("merchant_account", MERCHANT_PATTERN), ("live_prefix", PREFIX_PATTERN)):
        if adyen and form[name] and not re.fullmatch(pattern, form[name]):
            return ADYEN
    try:
        return keys_of(
            "adyen" if adyen else "stripe",
            Given(
                secret_key=form["secret_key"], hook_secret=form["webhook_secret"],
                merchant_account=(form["merchant_account"] or None) if adyen else None,
                live_prefix=(form["live_prefix"] or None) if adyen else None,
                report_key=(form["report_key"] or None) if adyen else None,
            ),
        )  # fmt: skip
    except AccountIncomplete:
        return ADYEN


def payment_account_pages(shell: Shell, db: Pool, providers: Providers, console_url: str) -> list[HTTPRouteHandler]:
    """The routes below `/payments/accounts`. `console_url`: where providers reach this server."""
    pages = AccountPages(shell, db, providers, console_url)

    @get("/payments/accounts", opt=SETTING_UP, include_in_schema=False)
    async def payment_accounts(request: WebRequest) -> Response[str]:
        return await pages.show(request)

    @post("/payments/accounts", opt=SETTING_UP, include_in_schema=False)
    async def add_account(request: WebRequest) -> Response[Any]:
        return await pages.add(request)

    @post("/payments/accounts/{account_id:uuid}/switch", opt=SETTING_UP, include_in_schema=False)
    async def switch_account(account_id: AccountId, request: WebRequest) -> Response[Any]:
        return await pages.switch(request, account_id)

    @post("/payments/accounts/{account_id:uuid}/connect", opt=SETTING_UP, include_in_schema=False)
    async def connect_account(account_id: AccountId, request: WebRequest) -> Response[Any]:
        return await pages.connect(request, account_id)

    @post("/payments/accounts/{account_id:uuid}/reports", opt=SETTING_UP, include_in_schema=False)
    async def read_account_reports(account_id: AccountId, request: WebRequest) -> Response[Any]:
        return await pages.read_reports(request, account_id)

    return [payment_accounts, add_account, switch_account, connect_account, read_account_reports]


def _actor(request: WebRequest) -> Actor:
    actor = request.scope["user"]
    assert isinstance(actor, Actor), "the guard lets nobody else through"
    return actor
