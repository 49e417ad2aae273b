"""Cards that do what their number says, as Stripe documents them for tests. A number never leaves the form it was
typed in: what is kept is the card's name, its brand, last four digits and a fingerprint of that name."""

import hashlib
from datetime import UTC, datetime

import msgspec

from forecourt.simulator.provider.errors import ApiError, Json, card_error
from forecourt.simulator.provider.form import luhn

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "stolen_card": "Your card was declined.",
    "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently or exceeding its"
    " amount limit.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "test_mode_live_card": "Your card was declined. Your request was in test mode, but used a non test card.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
UNAUTHENTICATED = (
    "We are unable to authenticate your payment method. Please choose a different payment method and try again."
)
#: Reasons that are a code of their own; the others are `card_declined` with a reason.
_OWN_CODES = frozenset({"expired_card", "incorrect_cvc", "processing_error", "authentication_required"})


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One test card."""

    name: str
    number: str
    #: The provider's ready-made payment method of it.
    ready: str | None = None
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    #: Why the bank refuses a payment.
    declines: str | None = None
    #: Whether it refuses to be saved, too.
    declines_setup: bool = True
    #: Whether 3-D Secure must be passed: never, always, or until it has been saved for later.
    challenge: str = "never"
    #: Why a payment is disputed as soon as it is captured.
    disputes: str | None = None
    #: How refunds go: at once, later, or they fail later.
    refunds: str = "succeeded"
    #: What it takes in counts as available at once.
    at_once: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"sandbox:{self.name}".encode()).hexdigest()[:16]


CARDS = (
    Card(name="visa", number="4242424242424242", ready="pm_card_visa"),
    Card(name="visa_debit", number="4000056655665556", ready="pm_card_visa_debit", funding="debit"),
    Card(name="visa_de", number="4000002760000016", ready="pm_card_de", country="DE"),
    Card(name="mastercard", number="5555555555554444", ready="pm_card_mastercard", brand="mastercard"),
    Card(name="amex", number="378282246310005", ready="pm_card_amex", brand="amex"),
    Card(name="discover", number="6011111111111117", ready="pm_card_discover", brand="discover"),
    Card(name="unionpay", number="6200000000000005", ready="pm_card_unionpay", brand="unionpay", country="CN"),
    Card(name="declined", number="4000000000000002", ready="pm_card_visa_chargeDeclined", declines="generic_decline"),
    Card(
        name="insufficient_funds", number="4000000000009995", declines="insufficient_funds",
        ready="pm_card_visa_chargeDeclinedInsufficientFunds",
    ),
    Card(
        name="lost", number="4000000000009987", ready="pm_card_visa_chargeDeclinedLostCard", declines="lost_card"
    ),
    Card(
        name="stolen", number="4000000000009979", ready="pm_card_visa_chargeDeclinedStolenCard", declines="stolen_card"
    ),
    Card(
        name="velocity", number="4000000000006975", declines="card_velocity_exceeded",
        ready="pm_card_visa_chargeDeclinedVelocityLimitExceeded",
    ),
    Card(name="expired", number="4000000000000069", ready="pm_card_chargeDeclinedExpiredCard", declines="expired_card"),
    Card(
        name="wrong_cvc", number="4000000000000127", ready="pm_card_chargeDeclinedIncorrectCvc",
        declines="incorrect_cvc",
    ),
    Card(
        name="processing_error", number="4000000000000119", ready="pm_card_chargeDeclinedProcessingError",
        declines="processing_error",
    ),
    Card(
        name="declines_later", number="4000000000000341", ready="pm_card_chargeCustomerFail",
        declines="generic_decline", declines_setup=False,
    ),
    Card(name="challenge", number="4000000000003220", ready="pm_card_threeDSecure2Required", challenge="always"),
    Card(
        name="challenge_always", number="4000002760003184", ready="pm_card_authenticationRequired", challenge="always"
    ),
    Card(
        name="challenge_until_saved", number="4000002500003155", ready="pm_card_authenticationRequiredOnSetup",
        challenge="until_saved",
    ),
    Card(
        name="challenge_then_declined", number="4000008400001629", challenge="always", declines="generic_decline",
        ready="pm_card_threeDSecureRequiredChargeDeclined",
    ),
    Card(
        name="challenge_then_insufficient_funds", number="4000008260003178", challenge="always",
        declines="insufficient_funds", declines_setup=False,
        ready="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
    ),
    Card(name="disputed", number="4000000000000259", ready="pm_card_createDispute", disputes="fraudulent"),
    Card(
        name="not_received", number="4000000000002685", ready="pm_card_createDisputeProductNotReceived",
        disputes="product_not_received",
    ),
    Card(name="refund_later", number="4000000000007726", ready="pm_card_pendingRefund", refunds="pending"),
    Card(name="refund_fails", number="4000000000005126", ready="pm_card_refundFail", refunds="failed"),
    Card(name="at_once", number="4000000000000077", ready="pm_card_bypassPending", at_once=True),
)  # fmt: skip
BY_NAME = {card.name: card for card in CARDS}
BY_READY = {card.ready: card for card in CARDS if card.ready}
_BY_NUMBER = {card.number: card for card in CARDS}


def typed(number: str, month: str, year: str, now: int) -> Card:
    """The card of a number typed into the form; raises what the bank or the form says of it."""
    digits = number.replace(" ", "").replace("-", "")
    if not digits.isdigit() or not 12 <= len(digits) <= 19 or not luhn(digits):
        raise card_error("incorrect_number", "Your card number is incorrect.", param="number")
    today = datetime.fromtimestamp(now, UTC)
    if not (month.isdigit() and 1 <= int(month) <= 12):
        raise card_error("invalid_expiry_month", "Your card's expiration month is invalid.", param="exp_month")
    if not (year.isdigit() and len(year) in (2, 4)):
        raise card_error("invalid_expiry_year", "Your card's expiration year is invalid.", param="exp_year")
    if (int(year) % 100 + 2000, int(month)) < (today.year, today.month):
        raise card_error("invalid_expiry_year", "Your card's expiration year is in the past.", param="exp_year")
    card = _BY_NUMBER.get(digits)
    if card is None:
        raise decline("test_mode_live_card")
    return card


def decline(reason: str, **more: object) -> ApiError:
    """What the API answers when the bank refuses."""
    code = reason if reason in _OWN_CODES else "card_declined"
    advice = "confirm_card_data" if reason in ("expired_card", "incorrect_cvc") else "try_again_later"
    decline_code = None if code in ("expired_card", "incorrect_cvc", "processing_error") else reason
    return card_error(code, MESSAGES[reason], decline_code=decline_code, advice_code=advice, **more)


def shape(card: Card, now: int) -> Json:
    """What is told of it with a payment method."""
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": datetime.fromtimestamp(now, UTC).year + 3,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
