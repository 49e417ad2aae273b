"""What rooms that write letters are given: who may be told, in which languages, and where links lead."""

from forecourt.access.store import list_addresses
from forecourt.care.service.alerts import Telling
from forecourt.platform.settings import Settings
from forecourt.ui.i18n import ours


def telling_of(settings: Settings) -> Telling:
    """As the settings say; with the catalogues of every room, since a letter speaks for many."""
    return Telling(members=list_addresses, languages=ours(), console_url=settings.console_url)
