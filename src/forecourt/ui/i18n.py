"""The language of a page: English in the sources, every other by catalogues that lie beside each room.

A room keeps `locale/<language>/*.po`; all of them together are one catalogue a language, read at start, so nothing is
compiled and nothing generated is committed. Which language a page speaks is bound to the request (`speaking`), because
one environment of templates serves all of them. Python code marks its words with `_`; words that stand in constants
are marked by `mark` and translated where they are shown.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.core import parse_locale
from babel.dates import format_date, format_datetime, format_skeleton, get_timezone_name
from babel.messages.pofile import read_po

SOURCE: Final = "en"
#: Browsers send a handful; more are not looked at.
MAX_ACCEPTED: Final = 20

Message = str | tuple[str, str]

#: English dates and times as most of the world reads them without a doubt: `3 Mar 2026, 14:05:09`.
_WRITTEN_AS: Final = {SOURCE: "en_GB"}


@cache
def ours() -> "Languages":
    """The languages of the installed package, for words that belong to no page: letters."""
    return Languages([room for room in Path(__file__).parents[1].iterdir() if room.is_dir()])


class Catalogue:
    """All translations of one language; unknown messages stay as they are in the sources."""

    def __init__(self, language: str, files: Sequence[Path] = ()) -> None:
        self.locale = Locale.parse(_WRITTEN_AS.get(language, language))
        self.language = language
        self._messages: dict[Message, str | tuple[str, ...]] = {}
        self._forms = list(_gettext_forms(self.locale))
        for path in files:
            self._messages |= _translations(path, language)
        self.decimal = self.locale.number_symbols["latn"]["decimal"]
        self.group = self.locale.number_symbols["latn"]["group"]

    def gettext(self, message: str) -> str:
        """The message in this language."""
        found = self._messages.get(message)
        return found if isinstance(found, str) else message

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """The message in the form that the number asks for."""
        found = self._messages.get((singular, plural))
        if not isinstance(found, tuple):
            return singular if number == 1 else plural
        form = self.locale.plural_form(number)
        position = self._forms.index(form) if form in self._forms else len(self._forms) - 1
        return found[min(position, len(found) - 1)]

    def missing(self, messages: Sequence[Message]) -> list[Message]:
        """Those that have no translation here."""
        return [message for message in messages if message not in self._messages]


@cache
def _translations(path: Path, language: str) -> dict[Message, str | tuple[str, ...]]:
    """What a catalogue's file translates; several parts of a process read the same ones at its start."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    found: dict[Message, str | tuple[str, ...]] = {}
    for message in catalogue:
        if message.id and message.string and not message.fuzzy:
            key = (message.id[0], message.id[1]) if isinstance(message.id, list | tuple) else message.id
            found[key] = tuple(message.string) if isinstance(message.string, list | tuple) else message.string
    return found


def _gettext_forms(locale: Locale) -> Iterator[str]:
    """Plural forms in the order in which gettext numbers them: as CLDR lists them, `other` last."""
    yield from (tag for tag in ("zero", "one", "two", "few", "many") if tag in locale.plural_form.tags)
    yield "other"


def spoken() -> tuple[str, ...]:
    """The codes of the languages there are, English first."""
    package = Path(__file__).parents[1]
    return (SOURCE, *sorted({path.parent.name for path in package.glob("*/locale/*/*.po")} - {SOURCE}))


class Languages:
    """The languages there are. English is always one. `folder` is where each room keeps its catalogues."""

    def __init__(self, rooms: Sequence[Path] = (), folder: str = "locale") -> None:
        files: dict[str, list[Path]] = {}
        for room in rooms:
            for path in sorted((room / folder).glob("*/*.po")):
                files.setdefault(path.parent.name, []).append(path)
        self._catalogues = {SOURCE: Catalogue(SOURCE)} | {
            language: Catalogue(language, paths) for language, paths in sorted(files.items())
        }

    def __iter__(self) -> Iterator[Catalogue]:
        return iter(self._catalogues.values())

    def choose(self, chosen: str | None, accepted: str) -> Catalogue:
        """The one a person chose, else the best of an Accept-Language header, else English."""
        if chosen in self._catalogues:
            return self._catalogues[chosen]
        for language in _accepted(accepted):
            if language in self._catalogues:
                return self._catalogues[language]
        return self._catalogues[SOURCE]


def _accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110 §12.5.4), best first, without their regions."""
    weighed: list[tuple[float, str]] = []
    for part in header.split(",")[:MAX_ACCEPTED]:
        name, _, parameters = part.partition(";")
        try:
            quality = float(parameters.strip().removeprefix("q=")) if parameters.strip() else 1.0
            language = parse_locale(name.strip(), sep="-")[0]
        except (ValueError, UnknownLocaleError):
            continue
        weighed.append((-quality, language))
    return [language for _, language in sorted(weighed, key=lambda each: each[0])]


_ENGLISH: Final = Catalogue(SOURCE)
_speaking: ContextVar[Catalogue | None] = ContextVar("speaking", default=None)
_zone: ContextVar[str] = ContextVar("zone", default="UTC")


def current() -> Catalogue:
    """The catalogue of the page in work; English outside of any."""
    return _speaking.get() or _ENGLISH


@contextmanager
def speaking(catalogue: Catalogue) -> Iterator[None]:
    """What is said inside is said in that language."""
    token = _speaking.set(catalogue)
    try:
        yield
    finally:
        _speaking.reset(token)


def zone_of_page() -> str:
    """The time zone of the page in work: its reader's organisation's; UTC outside of any."""
    return _zone.get()


@contextmanager
def in_zone(zone: str) -> Iterator[None]:
    """Times that are said inside are said in that zone."""
    token = _zone.set(zone)
    try:
        yield
    finally:
        _zone.reset(token)


def gettext(message: str) -> str:
    """A message in the language of the page in work."""
    return current().gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """A message with a number, in the form that the language asks for."""
    return current().ngettext(singular, plural, number)


def mark(message: str) -> str:
    """Marks words in a constant for translation; they are translated where they are shown."""
    return message


_ = gettext


def stamp(at: datetime, zone: str | None = None) -> str:
    """A moment in a zone, the page's if none is named: `3 Mar 2026, 14:05:09 CET`, `03.03.2026, 14:05:09 MEZ`."""
    locale = current().locale
    local = _local(at, zone)
    return f"{format_datetime(local, 'medium', tzinfo=local.tzinfo, locale=locale)} {_zone_name(local, locale)}"


def shows_another_time(at: datetime, zone: str) -> bool:
    """Whether clocks of a zone show another time at that moment than those of the page's."""
    return _local(at, zone).utcoffset() != _local(at, None).utcoffset()


def _local(at: datetime, zone: str | None) -> datetime:
    return at.astimezone(ZoneInfo(zone or zone_of_page()))


def _zone_name(local: datetime, locale: Locale) -> str:
    """As the language names it, else as the zone's own clocks do: CET, where French has only +0100."""
    name, own = get_timezone_name(local, width="short", locale=locale), local.tzname() or ""
    if own == "UTC":
        return own
    return own if name[:1] in "+-" and own.isalpha() else name


def day(at: datetime, zone: str | None = None) -> str:
    """The day of a moment in a zone."""
    return format_date(_local(at, zone), "medium", locale=current().locale)


def moment(at: datetime, zone: str | None = None) -> str:
    """A moment in a zone to the minute, without the year: `3 Mar, 14:05`, `3. März, 14:05`."""
    day_of, time_of = (format_skeleton(part, _local(at, zone), locale=current().locale) for part in ("MMMd", "Hm"))
    return f"{day_of}, {time_of}"


def clock(at: datetime, zone: str | None = None) -> str:
    """The time of day of a moment in a zone, to the second."""
    return format_skeleton("Hms", _local(at, zone), locale=current().locale)


def date_of(day: date) -> str:
    """A day of the calendar."""
    return format_date(day, "medium", locale=current().locale)


def number(value: float | Decimal, digits: int = 0) -> str:
    """A number that is rounded already, with the separators of the language."""
    catalogue = current()
    plain = f"{value:,.{digits}f}"
    return plain.translate({ord(","): catalogue.group, ord("."): catalogue.decimal})
