"""To what people and keys may be limited: sites, which a room above knows, and rights that one has oneself."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from forecourt.access.errors import RightsExceeded, ScopeUnknown, SitesRefused
from forecourt.access.model import ALLOWED, Actor, Role, Verb
from forecourt.access.store import Connection

#: Sites that one person or key can be limited to; each brings along all that is below it.
MAX_SITES = 500


class SiteName(Struct, frozen=True, kw_only=True):
    """A site by its names; `depth` is how many sites it is part of."""

    site_id: int
    slug: str
    name: str
    depth: int = 0


@runtime_checkable
class SiteDirectory(Protocol):
    """All sites of a tenant, each followed by what is below it."""

    async def __call__(self, conn: Connection, tenant_id: int, /) -> Sequence[SiteName]: ...


class Limits(Struct, frozen=True):
    """The sites of one organisation, by which limits are written and read."""

    sites: Sequence[SiteName]

    def ids(self, role: Role, wanted: Sequence[str | int] | None) -> list[int] | None:
        """The ids of sites named by slug or id, as a limit of this role. Raises SitesRefused, naming the unknown."""
        if wanted is None:
            if role is Role.SITE_HOST:
                raise SitesRefused
            return None
        known = {each.slug: each.site_id for each in self.sites} | {each.site_id: each.site_id for each in self.sites}
        unknown = [str(each) for each in wanted if each not in known]
        if unknown:
            raise SitesRefused(f"There is no site {unknown[0]}. `GET /api/v1/sites` lists those that exist.")
        if role is Role.OWNER or not wanted or len(wanted) > MAX_SITES:
            raise SitesRefused
        return sorted({known[each] for each in wanted})

    def names(self, site_ids: Sequence[int] | None) -> list[SiteName] | None:
        """The sites of a limit; those that are no more are left out."""
        return None if site_ids is None else [each for each in self.sites if each.site_id in site_ids]

    def above(self, slug: str) -> list[SiteName]:
        """The site of this slug behind those that it is part of, from the top down; empty if there is none."""
        line: list[SiteName] = []
        for each in self.sites:
            line = [*(one for one in line if one.depth < each.depth), each]
            if each.slug == slug:
                return line
        return []

    def slugs(self, site_ids: Sequence[int] | None) -> list[str] | None:
        """The slugs of the sites of a limit."""
        names = self.names(site_ids)
        return None if names is None else [each.slug for each in names]


def scopes_of(wanted: Sequence[str] | None) -> frozenset[Verb] | None:
    """What the names of scopes stand for. Raises ScopeUnknown, naming those that there are."""
    if wanted is None:
        return None
    known = {verb.scope: verb for verb in Verb}
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise ScopeUnknown(f"Scopes are: {', '.join(known)}.", scopes=list(known))
    return frozenset(known[name] for name in wanted)


def check_gift(actor: Actor, role: Role, scopes: frozenset[Verb] | None = None) -> None:
    """Raises RightsExceeded unless the actor has every right that this role, narrowed by scopes, would have."""
    given = ALLOWED[role] if scopes is None else ALLOWED[role] & scopes
    if not all(actor.may(verb) for verb in given):
        raise RightsExceeded
