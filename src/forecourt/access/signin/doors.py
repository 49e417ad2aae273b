"""All verbs of signing in together, as pages and routes are given them."""

from msgspec import Struct

from forecourt.access.service import Access
from forecourt.access.signin.service import Factors, Passkeys, Passwords, Providers, Sessions
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings


class Doors(Struct, frozen=True, kw_only=True):
    """Every way in."""

    access: Access
    clock: Clock
    passwords: Passwords
    factors: Factors
    passkeys: Passkeys
    sessions: Sessions
    providers: Providers


def doors_of(settings: Settings, db: Pool, clock: Clock, access: Access) -> Doors:
    """The ways in of one deployment."""
    secret, url = settings.secret(), settings.console_url
    return Doors(
        access=access,
        clock=clock,
        passwords=Passwords(access, db, clock),
        factors=Factors(access, db, secret, clock),
        passkeys=Passkeys(access, db, secret, clock, url),
        sessions=Sessions(db, clock),
        providers=Providers(access, db, secret, clock, url, private=settings.oidc_private),
    )
