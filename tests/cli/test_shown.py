"""Amounts on the command line are read as money by people, and stay minor units for programs."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from forecourt.cli import fleets, ledger, loyalty, payouts, shown

EUR: Any = {"amount": 1376, "currency": "EUR"}


class Answers:
    """Stands for the API: answers the same to whatever is asked."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item

    def __call__(self, _url: str | None) -> "Answers":
        return self

    def listed(self, *_path: str, **_asked: Any) -> list[dict[str, Any]]:
        return [self.item]

    def get(self, *_path: str, **_asked: Any) -> dict[str, Any]:
        return {"items": [self.item]}


@pytest.mark.parametrize(
    ("room", "verb", "item", "words"),
    [
        (
            payouts, ["list"],
            {"id": 1, "execution_on": "2026-03-02", "host_name": "H", "way": "hand", "state": "paid", "amount": EUR,
             "reason": ""},
            ["13.76 EUR"],
        ),
        (
            ledger, ["vat"],
            {"side": "sold", "country": "DE", "rate": "19", "net": EUR, "vat": {**EUR, "amount": -5},
             "gross": {"amount": 1250, "currency": "JPY"}, "documents": 3},
            ["13.76 EUR", "-0.05 EUR", "1250 JPY"],
        ),
        (
            fleets, ["invoices"],
            {"number": "FC-1", "id": 1, "fleet_name": "V", "state": "open", "issued_on": "2026-03-01",
             "due_on": "2026-03-15", "total": EUR, "open": 76},
            ["13.76 EUR", "0.76"],
        ),
        (
            loyalty, ["list"],
            {"campaign_id": 1, "terms": {"name": "N", "budget": 50_000, "currency": "EUR"}, "state": "running",
             "members": 0, "held_out": 0, "uses": 1, "spent": 119, "reserved": 0},
            ["1.19", "500.00", "0.00"],
        ),
    ],
)  # fmt: skip
def test_a_list_tells_amounts_as_money_and_its_json_as_the_api_does(
    monkeypatch: pytest.MonkeyPatch, room: Any, verb: list[str], item: dict[str, Any], words: list[str]
) -> None:
    monkeypatch.setattr(room, "Api", Answers(item))
    told = CliRunner().invoke(room.app, verb).output
    assert [each for each in words if each not in told] == [], told
    assert "1376" not in told
    assert json.loads(CliRunner().invoke(room.app, [*verb, "--json"]).output) == item


def test_facts_tell_an_amount_as_money(capsys: pytest.CaptureFixture[str]) -> None:
    shown.facts({"amount": EUR, "none": None, "other": {"amount": 1}}, as_json=False)
    told = capsys.readouterr().out
    assert "13.76 EUR" in told
    assert '{"amount":1}' in told
