"""Pages speak the language of who reads them, and what is said in English is said in every other."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

import forecourt
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import Catalogue, Languages, Message, speaking

SOURCES = Path(forecourt.__file__).parent
ROOMS = [folder for folder in SOURCES.iterdir() if folder.is_dir()]
KEYWORDS = {"_": None, "gettext": None, "mark": None, "ngettext": (1, 2)}
TEMPLATES = ("**/templates/**.html", "**_templates/**.html")
METHODS = [("**.py", "python"), *((pattern, "jinja2.ext:babel_extract") for pattern in TEMPLATES)]
LANGUAGES = Languages(ROOMS)
#: Drivers have languages of their own; of their room the console says only these.
CONSOLE_OF_DRIVER = ("console", "readers/")
#: What fleets are written to, in languages of their own.
PAPER = "fleets/paper/"
NOON = datetime(2026, 3, 3, 12, 5, 9, tzinfo=UTC)


@cache
def every_word() -> frozenset[Message]:
    """What the console says: looked for once, since that takes seconds."""
    return frozenset(said())


def said() -> Iterator[Message]:
    """Every message of the console, marked for translation."""
    options = {pattern: {"newstyle_gettext": "true", "silent": "false"} for pattern in TEMPLATES}
    for room in ROOMS:
        for file, _line, message, _comments, _context in extract_from_dir(
            room, METHODS, options, KEYWORDS, strip_comment_tags=True
        ):
            if room.name == "payments" and file.startswith(PAPER):
                continue
            if room.name != "driver" or file.startswith(CONSOLE_OF_DRIVER):
                yield tuple(message) if isinstance(message, list | tuple) else message  # type: ignore[misc]


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each.language != "en"], ids=lambda c: c.language)
def test_every_word_of_the_console_is_translated(language: Catalogue) -> None:
    messages = sorted(every_word(), key=str)
    assert {"Where you are", "Skip to content"} <= set(messages), "no template was read: this would prove nothing"
    assert language.missing(messages) == []


def test_placeholders_survive_translation() -> None:
    for catalogue in LANGUAGES:
        for message in every_word():
            singular = message if isinstance(message, str) else message[0]
            names = {part.partition(")")[0] for part in singular.split("%(")[1:]}
            told = catalogue.gettext(message) if isinstance(message, str) else catalogue.ngettext(*message, 2)
            assert {part.partition(")")[0] for part in told.split("%(")[1:]} == names, message


def test_a_percent_sign_is_doubled_as_templates_format_what_they_say() -> None:
    alone = re.compile(r"%(?!\()")
    for catalogue in LANGUAGES:
        for message in every_word():
            singular = message if isinstance(message, str) else message[0]
            told = catalogue.gettext(message) if isinstance(message, str) else catalogue.ngettext(*message, 2)
            assert not any(alone.search(text.replace("%%", "")) for text in (singular, told)), message


@pytest.mark.parametrize(
    ("chosen", "accepted", "spoken"),
    [
        (None, "", "en"),
        (None, "de", "de"),
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "en;q=0.1, de;q=0.9", "de"),
        (None, "xx,*;q=0.5,;;,q=,de;q=nonsense", "en"),
        ("de", "en", "de"),
        ("../../etc", "en", "en"),
    ],
)
def test_a_person_reads_what_they_chose_or_what_their_browser_asks_for(
    chosen: str | None, accepted: str, spoken: str
) -> None:
    assert LANGUAGES.choose(chosen, accepted).language == spoken


def test_numbers_and_times_are_written_as_the_language_does() -> None:
    [german] = [each for each in LANGUAGES if each.language == "de"]
    assert formats.kwh(1_234_567) == "1,234.57\N{NO-BREAK SPACE}kWh"
    with speaking(german):
        assert formats.kwh(1_234_567) == "1.234,57\N{NO-BREAK SPACE}kWh"
        assert formats.ago(NOON, NOON.replace(minute=9, second=30)) == "vor\N{NO-BREAK SPACE}4\N{NO-BREAK SPACE}min"
        assert formats.stamp(NOON, "Europe/Berlin") == "03.03.2026, 13:05:09 MEZ"
        assert formats.state_word("Faulted") == "Gestört"
    assert formats.stamp(NOON) == "3 Mar 2026, 12:05:09 UTC"
    assert i18n.current().language == "en"


def test_plurals_take_the_form_that_the_language_asks_for(tmp_path: Path) -> None:
    (tmp_path / "locale/pl").mkdir(parents=True)
    (tmp_path / "locale/pl/x.po").write_text(
        'msgid ""\nmsgstr "Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20)'
        ' ? 1 : 2);\\n"\n\nmsgid "%(n)s car"\nmsgid_plural "%(n)s cars"\nmsgstr[0] "%(n)s auto"\n'
        'msgstr[1] "%(n)s auta"\nmsgstr[2] "%(n)s aut"\n',
        encoding="utf-8",
    )
    [_, polish] = Languages([tmp_path])
    assert [polish.ngettext("%(n)s car", "%(n)s cars", n)[6:] for n in (1, 3, 5, 22)] == ["auto", "auta", "aut", "auta"]
