"""The routes of the pages of access, and what all of them are given."""

from litestar.handlers import HTTPRouteHandler

from forecourt.access.invitations import Invitations
from forecourt.access.limits import SiteDirectory
from forecourt.access.pages.audit import audit_pages
from forecourt.access.pages.invitation import invitation_pages
from forecourt.access.pages.keys import key_pages
from forecourt.access.pages.people import people_pages
from forecourt.access.pages.settings import settings_pages
from forecourt.access.pages.shown import House, Outcomes
from forecourt.access.service import Access
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.shell import Shell


def access_pages(
    *,
    shell: Shell,
    db: Pool,
    clock: Clock,
    access: Access,
    invitations: Invitations,
    sites: SiteDirectory,
    outcomes: Outcomes,
) -> list[HTTPRouteHandler]:
    """`/people`, `/keys`, `/audit`, `/settings`, `/organisations`, and `/invitation` for who has a link."""
    house = House(
        shell=shell, db=db, clock=clock, access=access, invitations=invitations, sites=sites, outcomes=outcomes
    )
    return [
        *people_pages(house),
        *key_pages(house),
        *audit_pages(house),
        *settings_pages(house),
        *invitation_pages(house),
    ]
