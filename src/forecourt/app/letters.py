"""What rooms that write letters are given: who may be told, in which languages, and where links lead."""

from pathlib import Path

import forecourt
from forecourt.access.store import list_addresses
from forecourt.care.service.alerts import Telling
from forecourt.platform.settings import Settings
from forecourt.ui.i18n import Languages


def telling_of(settings: Settings) -> Telling:
    """As the settings say; with the catalogues of every room, since a letter speaks for many."""
    rooms = sorted(folder for folder in Path(forecourt.__file__).parent.iterdir() if folder.is_dir())
    return Telling(members=list_addresses, languages=Languages(rooms), console_url=settings.console_url)
