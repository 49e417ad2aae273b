"""What a host's share is. Pure: rules, the amounts that follow, how much of it goes back with a refund."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Final, Literal, Protocol

from msgspec import Meta, Struct

from forecourt.payments.companies.numbers import is_vat_id
from forecourt.payments.ledger.billed import rate_name
from forecourt.platform.countries import countries
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import Currency, Money, currencies, minor_digits, rounded

MAX_HOSTS: Final = 5_000
#: Versions of rules of one site.
MAX_RULES: Final = 500
#: Lines that are listed on paper. Sums are of all lines, and a sheet lists them all.
MAX_ON_PAPER: Final = 20_000
_PER_CENT: Final = 100
_WH_A_KWH: Final = 1000

#: A fleet's name stands in names of accounts, whose parts are set apart by colons.
FLEET_PATTERN: Final = r"^[^:\x00-\x1f\x7f]+$"

Percent = Annotated[Decimal, Meta(examples=["70"], description="In percent, from 0 to 100, with two decimals.")]
Every = Literal["day", "week", "month"]
#: Signs of what a payout by hand is found by, at the bank or by the host.
MIN_REFERENCE: Final = 3
MAX_REFERENCE: Final = 140
#: How a host is paid: by a file for the bank, by the payment provider, or by somebody who says so.
Way = Literal["sepa", "connect", "hand"]


class ShareRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What share is a host's: percents of what was earned before VAT, by what it was for, and so much a kWh."""

    currency: Currency
    energy: Percent = Decimal(0)
    time: Percent = Decimal(0)
    idle: Percent = Decimal(0)
    flat: Percent = Decimal(0)
    reservation: Percent = Decimal(0)
    per_kwh: Annotated[Decimal, Meta(examples=["0.03"], description="In the currency's major unit.")] = Decimal(0)
    platform_percent: Annotated[Percent, Meta(description="Of the share, that the platform keeps.")] = Decimal(0)
    platform_fee: Annotated[int, Meta(ge=0, le=10**9, description="Of each session, in minor units.")] = 0
    monthly_fee: Annotated[int, Meta(ge=0, le=10**12, description="Of each month, in minor units.")] = 0
    paid_by: Annotated[
        Annotated[str, Meta(min_length=1, max_length=80, pattern=FLEET_PATTERN)] | None,
        Meta(description="The fleet that pays for the kWh of a driver's home; null: the site earns.", examples=[None]),
    ] = None


class Share(Struct, frozen=True, kw_only=True):
    """A host's share of a session, in minor units. `share` before VAT and the platform's fee; `net`: what it is of."""

    net: int
    share: int
    platform_fee: int
    vat: int

    @property
    def owed(self) -> int:
        """What the host gets."""
        return self.share - self.platform_fee + self.vat


class Sent(Protocol):
    """Money on its way, as the provider tells it."""

    @property
    def reference(self) -> str: ...


class Transfers(Protocol):
    """The payment provider that holds what was captured, as far as hosts are paid from there."""

    async def transfer(self, host: str, amount: Money, key: str, ours: str) -> Sent:
        """Moves money to a host's account at the provider; asked again with the same key it does nothing anew."""
        ...

    async def find_transfer(self, host: str, ours: str, since: datetime) -> Sent | None:
        """What a transfer that was asked for since then came to, if it was carried out."""
        ...


def share_of(
    rule: ShareRule, revenue: Mapping[str, int], energy_wh: int, vat_rate: Decimal | None,
    part: Fraction = Fraction(1),
) -> Share:  # fmt: skip
    """The share of a session that earned this much before VAT, by account (`revenue:energy`). Rounded once. `part`,
    from 0 to 1: what of the bill was paid, by which kWh count."""
    percents = {
        "revenue:energy": rule.energy, "revenue:time": rule.time, "revenue:idle": rule.idle, "revenue:flat": rule.flat,
        "revenue:reservation": rule.reservation,
    }  # fmt: skip
    unit = 10 ** minor_digits(rule.currency)
    exact = sum(
        (Fraction(percents[name]) / _PER_CENT * amount for name, amount in revenue.items() if name in percents),
        Fraction(rule.per_kwh) * Fraction(energy_wh, _WH_A_KWH) * part * unit,
    )
    whole = _minor(exact, rule.currency)
    fee = min(whole, _minor(Fraction(rule.platform_percent) / _PER_CENT * whole, rule.currency) + rule.platform_fee)
    vat = _minor(Fraction(vat_rate or 0) / _PER_CENT * (whole - fee), rule.currency)
    return Share(net=sum(revenue.values()), share=whole, platform_fee=fee, vat=vat)


def back_of(share: Share, net_back: int, before: int) -> Share:
    """What goes back of a share when `net_back` of its net does, after `before` of it went. What goes back in parts is
    together what goes back at once, and all of it with all of the net."""

    def part(amount: int) -> int:
        def to(net: int) -> int:
            # Half up, as the share itself was rounded.
            return (2 * amount * net + share.net) // (2 * share.net)

        return to(before + net_back) - to(before)

    if not share.net:
        return Share(net=net_back, share=0, platform_fee=0, vat=0)
    return Share(net=net_back, share=part(share.share), platform_fee=part(share.platform_fee), vat=part(share.vat))


def vat_account(country: str, rate: Decimal | None) -> str:
    """Where the VAT of hosts stands that the organisation gets back."""
    return "" if rate is None else f"vat_receivable:{country}:{rate_name(rate)}"


def check_country(code: str) -> None:
    """Raises HostRefused for a code that is no country's."""
    if code not in countries():
        raise HostRefused(f"There is no country {code}. Write its code of two letters (ISO 3166-1), such as DE.")


def check_vat_id(said: str) -> None:
    """Raises HostRefused for a VAT id that can't be one."""
    if said and not is_vat_id(said):
        raise HostRefused(f"{said} can't be a VAT id. Write it with its country, such as DE136695976.")


def check_currency(code: str) -> None:
    """Raises HostRefused for a currency that nobody pays in."""
    if code not in currencies():
        raise HostRefused(f"Nobody pays in {code}. Write the code of a currency (ISO 4217), such as EUR.")


def check_rule(rule: ShareRule) -> None:
    """Raises RuleRefused for a rule that can't be meant."""
    if rule.currency not in currencies():
        raise RuleRefused(f"Nobody pays in {rule.currency}. Write the code of a currency, such as EUR.")
    parts = {
        name: getattr(rule, name) for name in ("energy", "time", "idle", "flat", "reservation", "platform_percent")
    }
    for name, percent in parts.items():
        if not percent.is_finite() or not 0 <= percent <= _PER_CENT or percent != round(percent, 2):
            raise RuleRefused(f"{name} must be from 0 to 100 percent, with two decimals at most.")
    if not rule.per_kwh.is_finite() or not 0 <= rule.per_kwh <= 1000 or rule.per_kwh != round(rule.per_kwh, 6):
        raise RuleRefused("per_kwh must be from 0 to 1,000, with six decimals at most.")
    if rule.paid_by is not None and (any(parts.values()) or not rule.per_kwh or rule.platform_fee):
        raise RuleRefused("A fleet pays for kWh only: per_kwh must be above 0, and there is nothing else to share.")
    if not rule.per_kwh and not any(parts.values()) and not rule.monthly_fee:
        raise RuleRefused("The rule gives nothing. To end a share, name no host.")


def _minor(exact: Fraction, currency: str) -> int:
    """Half up, from minor units that are not whole."""
    return rounded(exact / 10 ** minor_digits(currency), currency)


class HostUnknown(ForecourtError):
    """There is no such host. `GET /api/v1/hosts` lists those that exist."""

    status = 404
    code = "host-unknown"


class TooManyHosts(ForecourtError):
    """There are as many hosts as an organisation may have. Ask whoever runs Forecourt to raise the limit."""

    status = 409
    code = "too-many-hosts"


class HostRefused(ForecourtError):
    """This can't be said of a host. Correct what is named and try again."""

    status = 422
    code = "host-refused"


class HostNotThere(ForecourtError):
    """This host has no account at the payment provider yet. Lead them there by `POST /api/v1/hosts/{id}/onboarding`."""

    status = 409
    code = "host-not-there"


class RuleRefused(ForecourtError):
    """This can't be a share rule. Correct what is named and try again."""

    status = 422
    code = "share-rule-refused"


class PayoutUnknown(ForecourtError):
    """There is no such payout. `GET /api/v1/payouts` lists those that exist."""

    status = 404
    code = "payout-unknown"


class PayoutStands(ForecourtError):
    """This payout can't come back: it was not paid, or came back before."""

    status = 409
    code = "payout-stands"


class PayoutUnderWay(ForecourtError):
    """This payout may still be carried out: its payment account is there and tells what came of it, or it was asked for
    less than a day ago. Nobody can give it up before."""

    status = 409
    code = "payout-under-way"


class PayoutDayRefused(ForecourtError):
    """A payout is paid between the day on which it was listed and today. Say the day on which the money went."""

    status = 422
    code = "payout-day-refused"


class DocumentUnknown(ForecourtError):
    """There is no such document. `GET /api/v1/host-documents` lists those that exist."""

    status = 404
    code = "host-document-unknown"


class PayoutFileUnknown(ForecourtError):
    """There is no such file for the bank. `GET /api/v1/payout-files` lists those that exist."""

    status = 404
    code = "payout-file-unknown"


class BankMissing(ForecourtError):
    """The organisation's own bank account is not known. Say it at `PUT /api/v1/payout-bank`, then try again."""

    status = 404
    code = "payout-bank-missing"


class Version(Struct, frozen=True, kw_only=True):
    """A rule as it counts from a moment on; `host_id` None: nobody's."""

    rule_id: int
    host_id: int | None
    valid_from: datetime
    rule: ShareRule
