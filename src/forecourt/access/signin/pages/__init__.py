"""Pages of signing in and of a person's own account. All but the passkeys' buttons work without JavaScript."""

from litestar.types import ControllerRouterHandler

from forecourt.access.signin.doors import Doors
from forecourt.access.signin.pages.account import account_pages
from forecourt.access.signin.pages.entry import entry_pages
from forecourt.access.signin.pages.factors import factor_pages
from forecourt.access.signin.pages.federation import federation_pages
from forecourt.access.signin.pages.passkeys import passkey_routes
from forecourt.access.signin.pages.reset import reset_pages
from forecourt.access.signin.pages.setup import setup_pages
from forecourt.ui.shell import Shell


def sign_in_pages(shell: Shell, doors: Doors) -> list[ControllerRouterHandler]:
    """The routes below /sign-in, /forgotten, /reset, /account and /organisation/sign-in."""
    return [
        *entry_pages(shell, doors),
        *federation_pages(shell, doors),
        *reset_pages(shell, doors),
        *account_pages(shell, doors),
        *factor_pages(shell, doors),
        *passkey_routes(shell, doors),
        *setup_pages(shell, doors),
    ]
