"""Signatures of webhooks, as Stripe makes them."""

import hmac
from hashlib import sha256

SECRET = "whsec_of_the_door"


def signed(body: bytes, at: int, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.digest(secret.encode(), f"{at}.".encode() + body, sha256).hex()
    return {"stripe-signature": f"t={at},v1={digest}", "content-type": "application/json"}
