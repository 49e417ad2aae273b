"""A driver's own pages, under `/my`, without a script."""

from collections.abc import Sequence

from litestar.handlers import HTTPRouteHandler

from forecourt.driver.account.leaving import Leaving
from forecourt.driver.account.pages.common import AccountPages
from forecourt.driver.account.pages.entry import entry_routes
from forecourt.driver.account.pages.memberships import membership_routes
from forecourt.driver.account.pages.money import money_routes
from forecourt.driver.account.pages.offers import offer_routes
from forecourt.driver.account.pages.plugged import plugged_routes
from forecourt.driver.account.pages.things import own_routes, thing_routes
from forecourt.driver.account.service import Members
from forecourt.driver.shell import DriverShell
from forecourt.drivers.accounts.providers import DriverProviders


def account_pages(
    shell: DriverShell, members: Members, leaving: Leaving, address: str, providers: DriverProviders | None = None
) -> Sequence[HTTPRouteHandler]:
    """The routes under `/my`. `address`: where drivers reach us."""
    pages = AccountPages(shell, members, leaving, address, providers)
    return [
        *entry_routes(pages), *money_routes(pages), *membership_routes(pages), *thing_routes(pages), *own_routes(pages),
        *plugged_routes(pages), *offer_routes(pages),
    ]  # fmt: skip
