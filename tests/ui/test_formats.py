import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import forecourt
from forecourt.platform.outward import BROKEN, UNANSWERED
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import Languages, speaking
from forecourt.ui.numbers import NoNumber, decimal
from tests.support import EPOCH, WAIT_S

GERMAN = Languages([Path(forecourt.__file__).parent / "ui"]).choose("de", "")
FORMATS_JS = Path(__file__).parents[2] / "web/src/formats.js"


def test_numbers_carry_their_unit_and_are_rounded_half_up() -> None:
    assert formats.kw(7_249) == "7.2\N{NO-BREAK SPACE}kW"
    assert formats.kw(7_250) == "7.3\N{NO-BREAK SPACE}kW"
    assert formats.kw(32_548_900) == "32,548.9\N{NO-BREAK SPACE}kW"
    assert formats.kwh(12_345) == "12.35\N{NO-BREAK SPACE}kWh"
    assert formats.rated_kw(150_000) == "150\N{NO-BREAK SPACE}kW"
    assert formats.rated_kw(7_400) == "7.4\N{NO-BREAK SPACE}kW"


def test_what_is_unknown_is_never_shown_as_zero() -> None:
    assert formats.kw(None) == formats.kwh(None) == formats.pct(None) == formats.count(None) == formats.NOTHING


@pytest.mark.parametrize(
    ("age_s", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (7_200, "2 h ago"),
        (90_000, "1 day ago"),
        (172_800, "2 days ago"),
    ],
)
def test_ages_read_in_the_largest_whole_unit(age_s: int, words: str) -> None:
    assert formats.ago(EPOCH - timedelta(seconds=age_s), EPOCH).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on PATH")
def test_the_browser_writes_every_number_as_the_server_does() -> None:
    watts = [0, 1, 49, 50, 51, 149, 150, 999, 1_000, 7_249, 7_250, 22_000, 999_950, 32_548_900, -50, -51, -149, -7_250]
    script = f"""
        globalThis.document = {{ querySelector: () => null }};
        const {{ show }} = await import({json.dumps(FORMATS_JS.as_uri())});
        const formats = ["kw", "kwh", "pct", "count"];
        console.log(JSON.stringify({json.dumps(watts)}.map((w) => formats.map((each) => show(each, w)))));
    """
    answer = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, check=True, timeout=WAIT_S, text=True
    )
    told = json.loads(answer.stdout)
    assert told == [[formats.kw(w), formats.kwh(w), formats.pct(w), formats.count(w)] for w in watts]


def test_every_reason_why_no_answer_came_has_words_for_people() -> None:
    assert frozenset(formats.UNANSWERED_WORDS) == UNANSWERED
    raw = "no connection: Connect call failed ('127.0.0.1', 443)"
    assert formats.unanswered(raw) == "No connection"
    assert formats.unanswered(f"{BROKEN} (ServerDisconnectedError)") == "Connection broken off"
    assert formats.unanswered("it answered with status 500") == "it answered with status 500"
    with speaking(GERMAN):
        assert formats.unanswered("no answer within 0.2 s") == "Keine Antwort innerhalb von 0,2 s".replace(
            " ", formats.SPACE
        )
        assert formats.seconds(timedelta(milliseconds=440)) == f"0,4{formats.SPACE}s"


def test_a_length_is_said_to_the_nearest_second() -> None:
    assert formats.duration(timedelta(seconds=15, milliseconds=997)) == f"16{formats.SPACE}s"
    assert formats.duration(timedelta(seconds=15, milliseconds=200)) == f"15{formats.SPACE}s"
    assert formats.duration(timedelta(seconds=59, milliseconds=600)) == f"1{formats.SPACE}min"


def test_times_are_said_in_the_zone_of_the_page_unless_another_is_named() -> None:
    noon = datetime(2026, 3, 3, 12, 5, 9, tzinfo=UTC)
    with i18n.in_zone("Europe/Berlin"):
        assert formats.clock(noon) == "13:05:09"
        assert formats.moment(noon) == "3 Mar, 13:05"
        assert formats.stamp(noon, "UTC") == "3 Mar 2026, 12:05:09 UTC"
    assert formats.clock(noon) == "12:05:09"


@pytest.mark.parametrize("text", ["1_0", "1e3", "1 0", "NaN", "Infinity", "\u0661", "1,2,3", "--1"])
def test_a_field_takes_digits_with_a_point_or_a_comma_and_nothing_else(text: str) -> None:
    with pytest.raises(NoNumber):
        decimal(text)


def test_a_field_takes_a_number_however_people_write_it() -> None:
    assert [decimal(text) for text in ("12,5", " 12.50 ", "\N{MINUS SIGN}3", ".5", "+7", "")] == [
        Decimal("12.5"), Decimal("12.50"), Decimal(-3), Decimal("0.5"), Decimal(7), None,
    ]  # fmt: skip
