"""Payments of this deployment: the account that its settings name, where its provider is, and who makes prices less."""

from forecourt.loyalty.giving import Giving
from forecourt.payments.accounts.service import Providers
from forecourt.payments.intents.prices import Prices
from forecourt.payments.providers.stripe import StripeKeys
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings


def providers_of(settings: Settings, tenants: Pool, clock: Clock) -> Providers:
    """Who moves the money of payments. `tenants` is a pool of role forecourt_app."""
    keys = None
    if settings.stripe_key is not None and settings.stripe_hook_secret is not None:
        keys = StripeKeys(secret_key=settings.stripe_key, hook_secret=settings.stripe_hook_secret)
    secret, stripe, adyen = settings.secret(), settings.stripe_url, settings.adyen_url
    return Providers(tenants, clock, secret, deployment=keys, address=stripe, adyen=adyen)


def prices_of(clock: Clock) -> Prices:
    """What payments ask of prices, with what campaigns take off them."""
    return Prices(clock, Giving(clock))
