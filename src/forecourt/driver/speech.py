"""In which language drivers are spoken to: they have more of them than the console."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from litestar.connection import ASGIConnection

from forecourt.ui import i18n

ROOM: Final = Path(__file__).parent
#: The language that a driver chose.
COOKIE: Final = "speaks"

Connection = ASGIConnection[Any, Any, Any, Any]


class Speech:
    """The languages of drivers, for the life of a process."""

    def __init__(self) -> None:
        self.languages = i18n.Languages([ROOM], folder="languages")
        #: What each is called by those who speak it, by its code.
        self.names = {each.language: str(each.locale.get_language_name()).capitalize() for each in self.languages}

    @contextmanager
    def speaking(self, connection: Connection, lang: str | None = None) -> Iterator[str]:
        """What is said inside is said in the driver's language; gives its code."""
        catalogue = self.languages.choose(
            lang or connection.cookies.get(COOKIE), connection.headers.get("accept-language", "")
        )
        with i18n.speaking(catalogue):
            yield catalogue.language

    @contextmanager
    def speaking_of(self, language: str) -> Iterator[None]:
        """The same for somebody who isn't there: letters, receipts."""
        with i18n.speaking(self.languages.choose(language, "")):
            yield
