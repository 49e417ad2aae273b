import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from forecourt.ui import formats
from tests.support import EPOCH

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
        ["node", "--input-type=module", "-e", script], capture_output=True, check=True, timeout=60, text=True
    )
    told = json.loads(answer.stdout)
    assert told == [[formats.kw(w), formats.kwh(w), formats.pct(w), formats.count(w)] for w in watts]
