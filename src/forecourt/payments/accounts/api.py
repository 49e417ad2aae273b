"""Routes of accounts at payment providers. Keys are taken and never shown."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.payments.accounts import store as accounts
from forecourt.payments.accounts.model import (
    DEPLOYMENT,
    PREFIX,
    AccountIncomplete,
    AccountMissing,
    AccountNameTaken,
    AccountShared,
    AccountUnknown,
    Given,
    TooManyAccounts,
    keys_of,
)
from forecourt.payments.accounts.service import Providers, account_tag
from forecourt.payments.accounts.store import AccountRow
from forecourt.payments.psp.errors import ProviderAway, ProviderRefused
from forecourt.platform.paging import Page, entire
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.tagging import IfMatch, tagged

MIN_KEY: Final = 8
MAX_KEY: Final = 255
ACCOUNT_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,39}$"
#: What a key or a secret of a provider may be written in.
KEY_PATTERN: Final = "^[!-~]+$"
#: What Adyen calls a merchant account, and puts before its live addresses.
MERCHANT_PATTERN: Final = r"^[A-Za-z0-9_-]{1,80}$"
PREFIX_PATTERN: Final = r"^[A-Za-z0-9-]{1,80}$"

Opened = NamedDependency[Providers]
ConsoleUrl = NamedDependency[str]
AccountId = Annotated[UUID, PathParameter(description="The account's id.")]
Secret = Annotated[str, Meta(min_length=MIN_KEY, max_length=MAX_KEY, pattern=KEY_PATTERN)]
MerchantAccount = Annotated[
    str,
    Meta(
        pattern=MERCHANT_PATTERN,
        description="Adyen: the merchant account that payments are made for.",
    ),
]
LivePrefix = Annotated[
    str,
    Meta(
        pattern=PREFIX_PATTERN,
        description="Adyen: the prefix of the live addresses; without one it is a test account.",
    ),
]


ReportKey = Annotated[
    str,
    Meta(
        min_length=MIN_KEY,
        max_length=MAX_KEY,
        pattern=KEY_PATTERN,
        description="Adyen: the API key of the report user. With it settlements are read, and hosts owed their share.",
    ),
]


class NewAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account of yours at a provider: payments go to it, and you are the merchant of record."""

    name: Annotated[
        str,
        Meta(pattern=ACCOUNT_PATTERN, description="Stays, for the books use it.", examples=["stripe-main"]),
    ]
    secret_key: Annotated[
        Secret,
        Meta(
            description="The provider's secret key; Adyen calls it API key. It is sealed and never shown.",
            examples=["sk_test_example"],
        ),
    ]
    webhook_secret: Annotated[
        Secret | None,
        Meta(
            description="With which the provider signs webhooks; Adyen calls it HMAC key. Never shown either. Null, at"
            " Stripe: connect the account, and the provider is asked to send them.",
            examples=["whsec_example"],
        ),
    ] = None
    provider: Annotated[Literal["stripe", "adyen"], Meta(examples=["stripe"])] = "stripe"
    merchant_account: MerchantAccount | None = None
    live_prefix: LivePrefix | None = None
    report_key: ReportKey | None = None


class AccountChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change; what is absent stays. Keys are changed together, but for that of the report user."""

    secret_key: Annotated[Secret | UnsetType, Meta(examples=["sk_test_example"])] = UNSET
    webhook_secret: Annotated[Secret | UnsetType, Meta(examples=["whsec_example"])] = UNSET
    merchant_account: MerchantAccount | UnsetType = UNSET
    live_prefix: LivePrefix | UnsetType = UNSET
    report_key: ReportKey | UnsetType = UNSET
    active: Annotated[bool | UnsetType, Meta(description="Off: no new payment goes to it.")] = UNSET


class Account(Struct, frozen=True, kw_only=True):
    """An account at a provider, without its keys."""

    id: UUID
    name: Annotated[str, Meta(examples=["stripe-main"])]
    provider: Annotated[str, Meta(examples=["stripe"])]
    own: Annotated[bool, Meta(description="Yours; else that of whoever runs this deployment.")]
    active: bool
    merchant: Annotated[
        str, Meta(description="Who sells, as the provider says; on receipts.", examples=["Volt Charging GmbH"])
    ]
    statement: Annotated[str, Meta(description="What stands on buyers' statements.", examples=["VOLT CHARGING"])]
    checked_at: Annotated[datetime | None, Meta(description="When the provider was asked that; null: never.")]
    settles: Annotated[bool, Meta(description="What it settles is read, so that hosts are owed their share of it.")]
    webhook: Annotated[
        str, Meta(description="The path that the provider is to send webhooks to.", examples=["/hooks/payments/0d3f"])
    ]
    created_at: datetime
    updated_at: datetime


@get(
    "/payment-accounts",
    opt={"verb": Verb.PAYMENT_ACCOUNTS},
    summary="List payment accounts",
    description="The first that is active gets new payments.",
    tags=["payments"],
)
async def list_payment_accounts(actor: Asker, db: Database, providers: Opened) -> Page[Account]:
    async with db.tenant(actor.tenant_id) as conn:
        rows = await accounts.list_accounts(conn, actor.tenant_id)
    return entire([account(row, providers) for row in rows])


@post(
    "/payment-accounts",
    opt={"verb": Verb.PAYMENT_ACCOUNTS, "problems": [AccountNameTaken, AccountIncomplete, TooManyAccounts]},
    summary="Add a payment account of your own",
    tags=["payments"],
)
async def add_payment_account(data: JSONBody[NewAccount], actor: Asker, db: Database, providers: Opened) -> Account:
    given = Given(
        secret_key=data.secret_key, hook_secret=data.webhook_secret or "", merchant_account=data.merchant_account,
        live_prefix=data.live_prefix, report_key=data.report_key,
    )  # fmt: skip
    keys = keys_of(data.provider, given)
    async with db.tenant(actor.tenant_id) as conn:
        return account(await providers.add(conn, actor, data.name, keys), providers)


@get(
    "/payment-accounts/{account_id:uuid}",
    opt={"verb": Verb.PAYMENT_ACCOUNTS, "etag": True, "problems": [AccountUnknown]},
    summary="Show a payment account",
    tags=["payments"],
)
async def find_payment_account(
    account_id: AccountId, actor: Asker, db: Database, providers: Opened
) -> Response[Account]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await accounts.find_account(conn, actor.tenant_id, account_id)
    if row is None:
        raise AccountUnknown
    return tagged(account(row, providers), account_tag(row))


@patch(
    "/payment-accounts/{account_id:uuid}",
    opt={
        "verb": Verb.PAYMENT_ACCOUNTS,
        "etag": True,
        "problems": [AccountUnknown, AccountShared, AccountIncomplete, ChangedMeanwhile],
    },
    summary="Give a payment account other keys, or switch it off or on",
    tags=["payments"],
)
async def change_payment_account(
    account_id: AccountId,
    data: JSONBody[AccountChange],
    actor: Asker,
    db: Database,
    providers: Opened,
    if_match: IfMatch = None,
) -> Response[Account]:
    given = None
    if data.secret_key is not UNSET and data.webhook_secret is not UNSET:
        given = Given(
            secret_key=data.secret_key, hook_secret=data.webhook_secret,
            merchant_account=data.merchant_account or None, live_prefix=data.live_prefix or None,
        )  # fmt: skip
    async with db.tenant(actor.tenant_id) as conn:
        active = None if data.active is UNSET else data.active
        row = await providers.change(
            conn, actor, account_id, given=given, active=active, report_key=data.report_key or None, if_match=if_match
        )
    return tagged(account(row, providers), account_tag(row))


@post(
    "/payment-accounts/{account_id:uuid}/connect",
    opt={
        "verb": Verb.PAYMENT_ACCOUNTS,
        "problems": [AccountUnknown, AccountMissing, ProviderRefused, ProviderAway],
    },
    status_code=200,
    summary="Try the keys of a payment account, and have its webhooks sent here",
    description=(
        "At Stripe. The provider tells whose account it is. Where no secret of webhooks was said, it is asked to send"
        " them to `webhook`, which must be reachable from outside."
    ),
    tags=["payments"],
)
async def connect_payment_account(
    account_id: AccountId, actor: Asker, providers: Opened, console_url: ConsoleUrl
) -> Account:
    address = f"{console_url.rstrip('/')}{PREFIX}/{account_id}"
    return account(await providers.connect(actor, account_id, address), providers)


def account(row: AccountRow, providers: Providers) -> Account:
    """An account as the API shows it."""
    return Account(
        id=row.account_id,
        name=row.name,
        provider=row.provider,
        own=row.own,
        active=row.active,
        merchant=row.merchant,
        statement=row.statement,
        checked_at=row.checked_at,
        settles=providers.settles(row),
        webhook=f"{PREFIX}/{row.account_id if row.own else DEPLOYMENT}",
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


handlers = [
    list_payment_accounts,
    add_payment_account,
    find_payment_account,
    change_payment_account,
    connect_payment_account,
]
