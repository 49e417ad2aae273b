"""Numbers of companies: what can be right, who is asked about it, and what is answered when nobody knows."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from forecourt.ocpp.neutral import VatAnswer, VatNumber
from forecourt.payments.companies.numbers import can_be_right, is_vat_id, split
from forecourt.payments.companies.said import MAX_ASKING, Companies, Vies
from forecourt.platform.outward import Outward
from forecourt.stations.gateway.inbound import Later

#: Numbers that are published by those who have them, or as examples of their tax offices.
RIGHT = (
    "ATU13585627", "BE0403019261", "DE136695976", "DK13585628", "EE100931558", "EL094259216", "FI20774740",
    "FR40303265045", "HR33392005961", "HU12892312", "IT00743110157", "LU15027442", "MT11679112", "NL004495445B01",
    "PL8567346215", "PT501964843", "SE556188840401", "SI50223054", "SK2022749619",
)  # fmt: skip


@pytest.mark.parametrize("number", RIGHT)
def test_a_number_with_a_wrong_digit_can_not_be_right(number: str) -> None:
    parts = split(number)
    assert parts is not None
    assert can_be_right(*parts)
    country, digits = parts
    # The last of the check digits: of the Netherlands and Sweden what is behind them counts companies.
    place = {"NL": 8, "SE": 9}.get(country, len(digits) - 1)
    others = [digits[:place] + each + digits[place + 1 :] for each in "0123456789" if each != digits[place]]
    assert sum(can_be_right(country, other) for other in others) == 0
    assert not can_be_right(country, digits + "1")
    assert not can_be_right(country, digits[1:])


def test_a_number_is_read_as_people_write_it() -> None:
    assert split("de 136.695-976") == ("DE", "136695976")
    assert split("GR094259216") == ("EL", "094259216")
    assert split("CHE-123.456.789") is None
    assert split("") is None


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("DE 136.695-976", True), ("DE136695977", False), ("ESA13585625", True), ("ESA13585626", False),
        ("GB980780684", True), ("GB980780685", False), ("XI110305878", True), ("CHE-107.787.577 IVA", True),
        ("CHE-107.787.578 IVA", False), ("NO995525828MVA", True), ("NO995525829MVA", False), ("US12-3456789", True),
        ("136695976", False), ("DE", False), ("", False),
    ],
)  # fmt: skip
def test_whoever_is_billed_or_bills_has_a_number_that_can_be_right(said: str, right: bool) -> None:
    assert is_vat_id(said) is right


class Desk:
    """A register that answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer: Any = {"valid": True, "name": "Alder GmbH", "address": "Hafenweg 7\n20457 Hamburg"}
        self.status = 200
        self.gate = asyncio.Event()
        self.gate.set()

    async def hear(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        await self.gate.wait()
        return web.Response(status=self.status, text=json.dumps(self.answer), content_type="application/json")


@asynccontextmanager
async def desk() -> AsyncIterator[tuple[Desk, Vies]]:
    there = Desk()
    app = web.Application()
    app.router.add_post("/check", there.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with Outward(private=True) as outward:
        yield there, Vies(outward, f"http://127.0.0.1:{port}/check")
    await runner.cleanup()


async def answered(companies: Companies, number: str) -> VatAnswer:
    """What a station is told that asks about a number."""
    inbound: Any = None
    said: Any = companies.hear(inbound, VatNumber(number=number))()
    found: Any = await said.answer if isinstance(said, Later) else said
    assert isinstance(found, VatAnswer)
    return found


async def test_the_register_says_whose_a_number_is_and_is_not_asked_about_a_wrong_one() -> None:
    async with desk() as (there, vies):
        companies = Companies(vies)
        found = await answered(companies, "DE 136695976")
        assert found.company is not None
        told = (found.valid, found.company.name, found.company.address, found.company.city, found.company.country)
        assert told == (True, "Alder GmbH", "Hafenweg 7", "20457 Hamburg", "DE")
        there.answer = {"valid": False, "userError": "INVALID"}
        assert await answered(companies, "DE136695976") == VatAnswer(valid=False, reason="NotRegistered")
        there.answer = {"valid": True, "name": "---", "address": "---"}
        assert await answered(companies, "DE136695976") == VatAnswer(valid=True)
        assert there.asked == [{"countryCode": "DE", "vatNumber": "136695976"}] * 3
        assert await answered(companies, "DE136695977") == VatAnswer(valid=False, reason="InvalidNumber")
        assert len(there.asked) == 3


async def test_without_an_answer_the_number_itself_counts() -> None:
    assert await answered(Companies(), "DE136695976") == VatAnswer(valid=True)
    async with desk() as (there, vies):
        companies = Companies(vies)
        for answer, status in (
            ({"valid": False, "userError": "MS_UNAVAILABLE"}, 200), ({"valid": True}, 500), ("nonsense", 200),
        ):  # fmt: skip
            there.answer, there.status = answer, status
            assert await answered(companies, "DE136695976") == VatAnswer(valid=True)
        # Too many at once wait for nobody.
        there.gate.clear()
        there.answer, there.status = {"valid": False, "userError": "INVALID"}, 200
        waiting = [asyncio.create_task(answered(companies, "DE136695976")) for _ in range(MAX_ASKING)]
        while len(there.asked) < 3 + MAX_ASKING:
            await asyncio.sleep(0)
        assert await answered(companies, "DE136695976") == VatAnswer(valid=True)
        there.gate.set()
        assert {each.valid for each in await asyncio.gather(*waiting)} == {False}
    async with Outward(private=True) as outward:
        nowhere = Companies(Vies(outward, "http://127.0.0.1:1/check"))
        assert await answered(nowhere, "DE136695976") == VatAnswer(valid=True)
