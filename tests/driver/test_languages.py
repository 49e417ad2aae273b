"""What is said to drivers is said in all of their languages."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir, extract_from_file

import forecourt.driver
import forecourt.pricing.words
from forecourt.driver.speech import Speech
from forecourt.payments import declines
from forecourt.payments.intents import charging, outcomes
from forecourt.ui.i18n import stamp

ROOM = Path(forecourt.driver.__file__).parent
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")]
KEYWORDS = {"_": None, "gettext": None, "mark": None}
OPTIONS = {"**/templates/**.html": {"newstyle_gettext": "true", "silent": "false"}}
#: What the console shows of the room is in the console's own languages.
CONSOLE = ("console", "codes_pages.py", "readers/")
CATALOGUES = [each for each in Speech().languages if each.language != "en"]


def said() -> set[str]:
    """Every message of the room, how prices are told, and why a payment was released, which its pages show."""
    extracted = extract_from_dir(ROOM, METHODS, OPTIONS, KEYWORDS, strip_comment_tags=True)
    of_room = (each[2] for each in extracted if not each[0].startswith(CONSOLE))
    of_prices = (each[1] for each in extract_from_file("python", forecourt.pricing.words.__file__, KEYWORDS))
    found = {message for message in (*of_room, *of_prices) if isinstance(message, str)}
    of_readers = {declines.READER_BUSY, declines.READER_LEFT, declines.READER_OFFLINE}
    of_payments = {*declines.DECLINES.values(), outcomes.HELD, outcomes.QUICKER}
    return found | {charging.REFUSED, charging.UNREACHED, charging.NO_PLUG, *of_payments, *of_readers}


def test_there_are_five_languages() -> None:
    assert {each.language for each in Speech().languages} == {"en", "de", "fr", "nl", "es"}


@pytest.mark.parametrize("language", CATALOGUES, ids=lambda each: each.language)
def test_every_word_is_translated_with_its_placeholders(language: object) -> None:
    [catalogue] = [each for each in CATALOGUES if each is language]
    messages = sorted(said())
    assert len(messages) > 80, "too little was extracted to prove anything"
    assert catalogue.missing(messages) == []
    for message in messages:
        names = {part.partition(")")[0] for part in message.split("%(")[1:]}
        told = {part.partition(")")[0] for part in catalogue.gettext(message).split("%(")[1:]}
        assert told == names, message


@pytest.mark.parametrize(("language", "ends"), [("fr", "13:05:09 CET"), ("de", "13:05:09 MEZ"), ("nl", "13:05:09 CET")])
def test_a_time_names_its_zone_where_the_language_has_no_name_for_it(language: str, ends: str) -> None:
    with Speech().speaking_of(language):
        assert stamp(datetime(2026, 3, 3, 12, 5, 9, tzinfo=UTC), "Europe/Paris").endswith(ends)
