"""Accounts that are paid through a platform: their onboarding, what they may do, and their bank accounts."""

import re
from typing import Any

from forecourt.simulator.provider import limits
from forecourt.simulator.provider.act import Act, listing, new_id
from forecourt.simulator.provider.errors import ApiError, Json, invalid, refused
from forecourt.simulator.provider.form import Params

TYPES = ("custom", "express", "standard")
CAPABILITIES = ("card_payments", "transfers", "sepa_debit_payments")
CURRENCIES = {"GB": "gbp", "US": "usd", "CH": "chf", "SE": "sek", "NO": "nok", "DK": "dkk", "PL": "pln", "JP": "jpy"}
#: What becomes of payouts to bank accounts that end so, as the provider documents it for tests.
FAILING = {
    "44053201300": {"1": "no_account", "2": "account_closed", "3": "insufficient_funds", "4": "debit_not_authorized",
                    "5": "invalid_currency"},
    "11111": {"6": "no_account", "3": "account_closed"},
    "22222": {"7": "insufficient_funds"},
    "33333": {"5": "debit_not_authorized"},
    "44444": {"0": "invalid_currency"},
}  # fmt: skip
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_KEPT = ("business_profile", "company", "individual", "tos_acceptance")


def iban_fits(number: str) -> bool:
    """ISO 13616: the first four characters put last, letters as numbers, the rest by 97 is 1."""
    turned = number[4:] + number[:4]
    return bool(_IBAN.fullmatch(number)) and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def failure_of(number: str) -> str | None:
    return next((ends.get(number[-1]) for part, ends in FAILING.items() if number[:-1].endswith(part)), None)


def own(act: Act) -> Json:
    """The account that acts: a connected one as it is stored, a platform as it always is."""
    if act.platform is not None:
        return act.of(act.platform).get("account", act.account)
    created = (act.books.get(act.account, act.account) or {}).get("created", act.now)
    account: Json = _blank("standard", "DE", "eur") | {"id": act.account, "created": created, "object": "account"}
    name, statement = act.books.setting(f"merchant:{act.account}", [None, "SANDBOX"])
    account["business_profile"]["name"] = name
    account["settings"]["payments"]["statement_descriptor"] = statement
    return _able(
        account | {"details_submitted": True, "capabilities": {"card_payments": "active", "transfers": "active"}}
    )


def _blank(kind: str, country: str, currency: str) -> Json:
    return {
        "business_profile": {"mcc": "5552", "name": None, "url": None}, "business_type": None, "capabilities": {},
        "charges_enabled": False, "company": None, "controller": {"is_controller": True, "type": "application"},
        "country": country, "default_currency": currency, "details_submitted": False, "email": None,
        "future_requirements": _requirements([]), "individual": None, "metadata": {}, "payouts_enabled": False,
        "requirements": _requirements([]),
        "settings": {
            "branding": {}, "card_payments": {}, "dashboard": {}, "payments": {"statement_descriptor": "SANDBOX"},
            "payouts": {"debit_negative_balances": True,
                        "schedule": {"delay_days": limits.SETTLE_DAYS, "interval": "daily"},
                        "statement_descriptor": None},
        },
        "tos_acceptance": {}, "type": kind,
    }  # fmt: skip


def _requirements(due: list[str]) -> Json:
    return {
        "alternatives": [], "current_deadline": None, "currently_due": due, "errors": [], "eventually_due": due,
        "disabled_reason": "requirements.past_due" if due else None, "past_due": due, "pending_verification": [],
    }  # fmt: skip


def _able(account: Json, *, banked: bool = True) -> Json:
    """What it may do by what it has told: all once it accepted the terms and has a bank account."""
    due = [] if banked else ["external_account"]
    if not account["details_submitted"]:
        due.append("tos_acceptance.date")
    account |= {"requirements": _requirements(due), "payouts_enabled": not due}
    status = "inactive" if due else "active"
    account["capabilities"] = dict.fromkeys(account["capabilities"], status)
    account["charges_enabled"] = account["capabilities"].get("card_payments") == "active"
    return account


def _told(act: Act, account: Json, kind: str = "account.updated") -> Json:
    """Stores an account as it now is, and tells."""
    inner = act.of(account["id"])
    banks = act.books.newest(account["id"], "bank_account")
    account["external_accounts"] = {
        "object": "list", "data": banks, "has_more": False, "url": f"/v1/accounts/{account['id']}/external_accounts"
    }  # fmt: skip
    act.put(_able(account, banked=bool(banks)))
    inner.emit(kind, account)
    return account


def _fill(params: Params, account: Json) -> str | None:
    """Takes over what a request says; returns the interval of payouts if it is among that."""
    account["metadata"] = params.metadata(account["metadata"])
    for name in ("email", "business_type"):
        if params.has(name):
            account[name] = params.text(name)
    for name in _KEPT:
        if params.has(name):
            account[name] = (account[name] or {}) | params.plain(name)
    asked = params.inner("capabilities")
    for name in CAPABILITIES:
        if asked.has(name):
            inner = asked.inner(name)
            if inner.flag("requested"):
                account["capabilities"].setdefault(name, "inactive")
            inner.done()
    asked.done()
    settings = params.inner("settings")
    interval = None
    if settings.has("payouts"):
        payouts = settings.inner("payouts")
        schedule = payouts.inner("schedule")
        interval = schedule.choice("interval", ("daily", "manual"))
        schedule.ignore("delay_days")
        schedule.done()
        payouts.ignore("statement_descriptor", "debit_negative_balances")
        payouts.done()
    settings.ignore("branding", "card_payments", "payments", "dashboard")
    settings.done()
    if interval is not None:
        account["settings"]["payouts"]["schedule"]["interval"] = interval
    if (account["tos_acceptance"] or {}).get("date") and account["type"] == "custom":
        account["details_submitted"] = True
    return interval


def create(act: Act, params: Params) -> Json:
    _platform_only(act)
    if act.books.count(act.account, "account") >= limits.MAX_CONNECTED:
        raise refused("This platform has as many connected accounts as the sandbox takes.", None)
    kind = params.choice("type", TYPES, "express") or "express"
    country = (params.text("country") or "DE").upper()
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise invalid("Country is invalid.", param="country", code="country_unsupported")
    currency = params.text("default_currency") or CURRENCIES.get(country, "eur")
    account = act.new("account", "acct", **_blank(kind, country, currency))
    del account["livemode"]
    _fill(params, account)
    params.ignore("controller")
    bank = params.inner("external_account") if params.has("external_account") else None
    if bank is not None:
        _add_bank(act.of(account["id"]), account, bank)
    params.done()
    act.put(account)
    plan_payout(act.of(account["id"]), account)
    return _told(act, account)


def update(act: Act, params: Params, given: str) -> Json:
    account = _connected(act, given)
    if _fill(params, account) is not None:
        act.put(account)
        plan_payout(act.of(given), account)
    if params.has("external_account"):
        for bank in act.books.newest(given, "bank_account"):
            act.books.remove(given, bank["id"])
        _add_bank(act.of(given), account, params.inner("external_account"))
    params.done()
    return _told(act, account)


def _connected(act: Act, given: str) -> Json:
    _platform_only(act)
    account = act.books.get(act.account, given, "account")
    if account is None:
        raise ApiError(
            403, "invalid_request_error", f"The provided key does not have access to account '{given[:100]}'"
            " (or that account does not exist).", code="account_invalid",
        )  # fmt: skip
    return account


def _platform_only(act: Act) -> None:
    if act.platform is not None:
        raise ApiError(403, "invalid_request_error", "A connected account has no accounts of its own.",
                       code="platform_account_required")  # fmt: skip


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.done()
    return own(act) if given == act.account else _connected(act, given)


def current(act: Act, params: Params) -> Json:
    params.done()
    return own(act)


def delete(act: Act, params: Params, given: str) -> Json:
    params.done()
    _connected(act, given)
    if any(sum(both) for both in act.books.sums(given, act.now).values()):
        raise refused("This account has a balance, so that it can't be deleted.", "balance_invalid_parameter")
    act.books.remove(act.account, given)
    return {"id": given, "object": "account", "deleted": True}


def accounts(act: Act, params: Params) -> Json:
    return listing(act, params, "account", "/v1/accounts")


# Capabilities.


def _capability(account: Json, name: str) -> Json:
    status = account["capabilities"].get(name, "unrequested")
    return {
        "id": name, "object": "capability", "account": account["id"], "requested": status != "unrequested",
        "requested_at": account["created"] if status != "unrequested" else None, "status": status,
        "requirements": account["requirements"], "future_requirements": account["future_requirements"],
    }  # fmt: skip


def capabilities(act: Act, params: Params, given: str) -> Json:
    params.done()
    account = _connected(act, given)
    found = [_capability(account, name) for name in CAPABILITIES]
    return {"object": "list", "data": found, "has_more": False, "url": f"/v1/accounts/{given}/capabilities"}


def capability(act: Act, params: Params, given: str, name: str) -> Json:
    account = _connected(act, given)
    if name not in CAPABILITIES:
        raise ApiError(404, "invalid_request_error", f"No such capability: '{name[:60]}'", code="resource_missing")
    if params.has("requested"):
        if params.flag("requested"):
            account["capabilities"].setdefault(name, "inactive")
        else:
            account["capabilities"].pop(name, None)
        _told(act, account)
    params.done()
    return _capability(account, name)


# Bank accounts.


def _add_bank(act: Act, account: Json, bank: Params) -> Json:
    kind = bank.choice("object", ("bank_account",), "bank_account")
    number = re.sub(r"\s", "", bank.need("account_number")).upper()
    country = (bank.text("country") or account["country"]).upper()
    currency = (bank.text("currency") or account["default_currency"]).lower()
    holder, routing = bank.text("account_holder_name"), bank.text("routing_number")
    bank.ignore("account_holder_type", "account_type", "default_for_currency", "metadata")
    bank.done()
    if routing is None and not iban_fits(number):
        raise invalid(
            "The IBAN you provided is invalid.", param=bank.path("account_number"), code="account_number_invalid"
        )
    if act.books.count(act.account, "bank_account") >= limits.MAX_EXTERNAL_ACCOUNTS:
        raise refused("This account has too many bank accounts.", None)
    return act.new(
        str(kind), "ba", account=act.account, account_holder_name=holder, account_holder_type="company",
        account_type=None, available_payout_methods=["standard"], bank_name="SANDBOX BANK", country=country,
        currency=currency, default_for_currency=True, fingerprint=new_id("fp")[3:19], last4=number[-4:], metadata={},
        routing_number=routing, status="new", _failure=failure_of(number),
    )  # fmt: skip


def add_external(act: Act, params: Params, given: str) -> Json:
    account = _connected(act, given)
    bank = _add_bank(act.of(given), account, params.inner("external_account"))
    params.ignore("metadata", "default_for_currency")
    params.done()
    _told(act, account)
    return bank


def externals(act: Act, params: Params, given: str) -> Json:
    _connected(act, given)
    params.ignore("object")
    return listing(act.of(given), params, "bank_account", f"/v1/accounts/{given}/external_accounts")


def external(act: Act, params: Params, given: str, bank: str) -> Json:
    params.done()
    _connected(act, given)
    return act.of(given).get("bank_account", bank)


def remove_external(act: Act, params: Params, given: str, bank: str) -> Json:
    params.done()
    account = _connected(act, given)
    act.of(given).get("bank_account", bank)
    act.books.remove(given, bank)
    _told(act, account)
    return {"id": bank, "object": "bank_account", "deleted": True}


# Onboarding on the provider's own page.


def link(act: Act, params: Params) -> Json:
    account = _connected(act, params.need("account"))
    params.choice("type", ("account_onboarding", "account_update"), "account_onboarding")
    back, again = _url(params, "return_url"), _url(params, "refresh_url")
    params.ignore("collect", "collection_options")
    params.done()
    made = act.new("account_link", "link", _account=account["id"], _return_url=back, _refresh_url=again)
    told: Json = {"object": "account_link", "created": act.now, "expires_at": act.now + limits.ACCOUNT_LINK_S}
    act.put(made | {"_expires_at": told["expires_at"]})
    return told | {"url": f"{act.address}/c/onboard/{made['id']}"}


def _url(params: Params, name: str) -> str:
    url = params.need(name)
    if not re.match(r"https?://", url):
        raise invalid("Not a valid URL", param=name, code="url_invalid")
    return url


def onboarded(act: Act, given: str, number: str, holder: str) -> Json:
    """The host has filled in the page: terms accepted, bank account told."""
    account = _connected(act, given)
    account["details_submitted"] = True
    account["tos_acceptance"] = {"date": act.now}
    account["business_profile"]["name"] = holder or None
    for name in () if account["capabilities"] else ("card_payments", "transfers"):
        account["capabilities"][name] = "inactive"
    inner: dict[str, Any] = {"account_number": number, "account_holder_name": holder or "Host"}
    _add_bank(act.of(given), account, Params(inner, "external_account"))
    return _told(act, account)


def plan_payout(act: Act, account: Json) -> None:
    """Pays out by itself every midnight of UTC where that is asked for."""
    if account["settings"]["payouts"]["schedule"]["interval"] == "daily":
        midnight = (act.now // limits.DAY_S + 1) * limits.DAY_S
        act.books.schedule(midnight, act.account, "daily_payout", act.account)
    else:
        act.books.unschedule("daily_payout", act.account)
