"""What an account at a payment provider is: its name, the keys that it is reached by, and what may be wrong. Pure."""

import re
from typing import Final

from msgspec import Struct

from forecourt.payments.providers.adyen import AdyenKeys
from forecourt.payments.providers.stripe import StripeKeys
from forecourt.platform.errors import ForecourtError

#: The name of the deployment's account in every organisation that uses it.
DEPLOYMENT: Final = "deployment"
#: Where providers send their webhooks to; behind it stands an account's id, or the deployment's name.
PREFIX: Final = "/hooks/payments"

#: What an account of either provider is reached by; its kind tells the provider.
Keys = StripeKeys | AdyenKeys

#: How Adyen writes the key that signs webhooks.
_HMAC: Final = re.compile(r"[0-9A-Fa-f]{64}")


class AccountMissing(ForecourtError):
    """The organisation has no payment account. Add one by `POST /api/v1/payment-accounts`."""

    status = 409
    code = "payment-account-missing"


class AccountUnknown(ForecourtError):
    """There is no such payment account. `GET /api/v1/payment-accounts` lists those that exist."""

    status = 404
    code = "payment-account-unknown"


class AccountNameTaken(ForecourtError):
    """Another payment account has this name already. Choose another one; names stay, for the books use them."""

    status = 409
    code = "payment-account-name-taken"


class TooManyAccounts(ForecourtError):
    """There are as many payment accounts as an organisation may have. Give one that is not used other keys."""

    status = 409
    code = "too-many-payment-accounts"


class AccountIncomplete(ForecourtError):
    """These keys are not those of the provider. Stripe has a secret key and a secret for webhooks; Adyen an API key, a
    merchant account, an HMAC key of 64 hexadecimal digits for webhooks, and perhaps the API key of a report user."""

    status = 422
    code = "payment-account-incomplete"


class AccountShared(ForecourtError):
    """This account is the deployment's: its keys are settings, and not the organisation's to change."""

    status = 409
    code = "payment-account-shared"


class Given(Struct, frozen=True, kw_only=True):
    """Keys as somebody gives them, for either provider."""

    secret_key: str
    hook_secret: str
    merchant_account: str | None = None
    live_prefix: str | None = None
    report_key: str | None = None


def keys_of(provider: str, given: Given) -> Keys:
    """The keys of an account at a provider. Raises AccountIncomplete."""
    if provider == "stripe":
        if given.merchant_account is not None or given.live_prefix is not None or given.report_key is not None:
            raise AccountIncomplete
        return StripeKeys(secret_key=given.secret_key, hook_secret=given.hook_secret)
    if not given.merchant_account or not _HMAC.fullmatch(given.hook_secret):
        raise AccountIncomplete
    return AdyenKeys(
        api_key=given.secret_key, hook_key=given.hook_secret, merchant_account=given.merchant_account,
        live_prefix=given.live_prefix, report_key=given.report_key,
    )  # fmt: skip


def provider_of(keys: Keys) -> str:
    """The provider that keys are for, as accounts name it."""
    return "adyen" if isinstance(keys, AdyenKeys) else "stripe"
