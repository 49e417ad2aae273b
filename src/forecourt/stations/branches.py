"""Sites as a tree: how deep each stands among those that are shown, and what goes on in a branch today. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from forecourt.stations.store import ShownSite


class AtSite(Protocol):
    """What goes on at a site."""

    @property
    def running(self) -> int: ...

    @property
    def power_w(self) -> int: ...

    @property
    def sessions(self) -> int:
        """Those that began today, in the zone of the site."""
        ...

    @property
    def energy_wh(self) -> int:
        """Of these."""
        ...


class Today(Struct, frozen=True):
    """The same of several sites together."""

    running: int = 0
    power_w: int = 0
    sessions: int = 0
    energy_wh: int = 0


class Branch(Struct, frozen=True, kw_only=True):
    """A site with what is part of it. `depth` counts the sites above it that are shown as well."""

    site: ShownSite
    depth: int
    today: Today


def branches(
    sites: Sequence[ShownSite], today: Mapping[str, AtSite], paths: Mapping[str, Sequence[int]]
) -> list[Branch]:
    """The sites in their order; `paths` are those of the sites of `today`."""
    shown = {site.site_id for site in sites}
    return [
        Branch(
            site=site,
            depth=sum(each in shown for each in site.path[:-1]),
            today=together([here for slug, here in today.items() if site.site_id in paths.get(slug, ())]),
        )
        for site in sites
    ]


def together(places: Sequence[AtSite]) -> Today:
    """The sum of what goes on at several sites."""
    return Today(
        running=sum(each.running for each in places),
        power_w=sum(each.power_w for each in places),
        sessions=sum(each.sessions for each in places),
        energy_wh=sum(each.energy_wh for each in places),
    )
