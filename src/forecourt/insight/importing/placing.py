"""By which name a station of somebody else's is kept: where names are unique only within a site, told apart by it.

A name belongs to the first site that its source names it at. At any other site of the source it is another station,
whose name has that site in it.
"""

from collections.abc import Iterable

import msgspec

from forecourt.insight.model import Session


def site_of(source: str, session: Session) -> str:
    """The site by a name that no other source has; of who names none the source."""
    return f"{source}/{session.site}" if session.site else source


def names_of(source: str, sessions: Iterable[Session]) -> list[str]:
    """All names that the stations of these may be kept by."""
    both = ((f"{source}/{each.station}", f"{site_of(source, each)}/{each.station}") for each in sessions)
    return sorted({name for names in both for name in names})


def placed(source: str, session: Session, homes: dict[str, str]) -> Session:
    """The session at a station and a site of names that no other source has. `homes` are the sites of stations that are
    known by their kept names, and learns the station's."""
    plain, site = f"{source}/{session.station}", site_of(source, session)
    apart = f"{site}/{session.station}"
    home = homes.get(plain)
    # Who is known to stand elsewhere stays who it is, though the first of its name be gone.
    elsewhere = site != source and (home not in (None, source, site) or (home != site and apart in homes))
    station = apart if elsewhere else plain
    if homes.get(station, source) == source:
        homes[station] = site
    return msgspec.structs.replace(session, station=station, site=site)
