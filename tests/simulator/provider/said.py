"""Words that several tests say to the provider, through its unmodified SDK."""

from typing import Any

from tests.sandbox import Sandbox

HOLD = {"capture_method": "manual"}
ASKING = {
    "card": {"request_incremental_authorization": "if_available", "request_overcapture": "if_available"},
}


def session(box: Sandbox, amount: int = 5000, currency: str = "eur", **more: Any) -> Any:
    """A Checkout Session that holds an amount."""
    line = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Charging, at most"}}
    wanted: Any = {
        "mode": "payment", "line_items": [{"quantity": 1, "price_data": line}],
        "success_url": "https://driver.test/done?s={CHECKOUT_SESSION_ID}", "cancel_url": "https://driver.test/back",
        "payment_intent_data": HOLD, "payment_method_options": ASKING,
    }  # fmt: skip
    return box.client.v1.checkout.sessions.create(wanted | more)


def held(box: Sandbox, amount: int = 5000, currency: str = "eur", card: str = "visa", **more: Any) -> Any:
    """An intent with a hold, by a driver who paid on the page; its charge is expanded."""
    paid = box.pay(session(box, amount, currency, **more)["id"], card)
    return box.client.v1.payment_intents.retrieve(paid["payment_intent"], {"expand": ["latest_charge"]})


def taken(box: Sandbox, amount: int = 5000, card: str = "visa", currency: str = "eur") -> Any:
    """An intent of which all was captured."""
    return box.client.v1.payment_intents.capture(
        held(box, amount, currency, card)["id"], {"expand": ["latest_charge.balance_transaction"]}
    )


def connected(box: Sandbox, iban: str = "DE89370400440532013000", interval: str = "manual") -> str:
    """An account connected to this one, onboarded, that is paid to this bank account."""
    account = box.client.v1.accounts.create(
        {
            "type": "express", "country": "DE", "capabilities": {"transfers": {"requested": True}},
            "settings": {"payouts": {"schedule": {"interval": interval}}},
        }
    )  # fmt: skip
    box.control(f"accounts/{account.id}/onboard", {"iban": iban})
    return str(account.id)
