"""Who has a campaign, which of several counts, and which can't be meant."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from forecourt.loyalty.errors import CampaignRefused
from forecourt.loyalty.model.audiences import belongs, held_out, segment_of
from forecourt.loyalty.model.campaigns import Campaign, Occasion, best, considered, fits
from forecourt.loyalty.model.terms import Audience, Places, Segment, State, Terms, check
from forecourt.loyalty.model.uses import plain
from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import (
    Circumstances,
    Day,
    Dimension,
    Element,
    PriceComponent,
    SegmentKind,
    Tariff,
    TaxIncluded,
)
from forecourt.pricing.model import Segment as Stretch

AT = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)


def terms(**more: Any) -> Terms:
    said: dict[str, Any] = {"name": "N", "label": "L", "currency": "EUR", "percent": Decimal(10), "most": 300}
    return Terms(**(said | more))


def campaign(number: int = 1, hours: frozenset[int] = frozenset(), **more: Any) -> Campaign:
    return Campaign(
        campaign_id=number, terms=terms(**more), state=State.RUNNING, reserved=0, spent=0, hours=hours, seed="s",
        started_at=AT, ended_at=None, created_at=AT,
    )  # fmt: skip


def occasion(**more: Any) -> Occasion:
    said: dict[str, Any] = {
        "station_id": 1, "evse": 1, "at": AT, "zone": "Europe/Berlin", "sites": frozenset({"yard", "town"}),
        "connector_type": "cCCS2", "driver_id": 1, "token_uid": None,
    }  # fmt: skip
    return Occasion(**(said | more))


def test_who_is_held_out_is_always_the_same_about_the_share_that_was_said_and_another_for_each_campaign() -> None:
    first = [held_out("a", driver, Decimal("20")) for driver in range(20_000)]
    assert first == [held_out("a", driver, Decimal("20")) for driver in range(20_000)]
    # Three standard errors of a share of 20 % among 20,000.
    assert abs(sum(first) / 20_000 - 0.2) < 3 * 0.0029
    second = [held_out("b", driver, Decimal("20")) for driver in range(20_000)]
    both = sum(one and other for one, other in zip(first, second, strict=True))
    assert abs(both / 20_000 - 0.04) < 3 * 0.0014
    assert not any(held_out("a", driver, Decimal(0)) for driver in range(1_000))


@pytest.mark.parametrize(
    ("sessions", "unseen", "segment"),
    [
        (0, None, Segment.GONE), (9, 46, Segment.LEAVING), (8, 45, Segment.LOYAL), (7, 14, Segment.RECENT),
        (7, 15, Segment.COOLING),
    ],
)  # fmt: skip
def test_a_segment_is_told_by_when_and_how_often(sessions: int, unseen: int | None, segment: Segment) -> None:
    assert segment_of(sessions, unseen) is segment


def test_all_that_is_said_of_an_audience_must_hold() -> None:
    use: dict[str, Any] = {"sessions": 5, "energy_wh": 90_000, "unseen_days": 20, "marketing": False}
    assert belongs(Audience(), **use)
    assert belongs(Audience(segments=frozenset({Segment.COOLING}), min_sessions=5, min_energy_wh=90_000), **use)
    for no in (
        Audience(segments=frozenset({Segment.LOYAL})), Audience(min_sessions=6), Audience(max_sessions=4),
        Audience(min_energy_wh=90_001), Audience(unseen_days=21), Audience(marketing=True),
    ):  # fmt: skip
        assert not belongs(no, **use), no


def test_a_campaign_is_for_sessions_by_place_and_by_the_sites_own_clock() -> None:
    # 22:30 UTC on a Sunday is 23:30 in Berlin.
    yes = (
        Places(), Places(sites=frozenset({"town"})), Places(hours=frozenset({23})),
        Places(days=frozenset({Day.SUNDAY}), connector_types=frozenset({"cCCS2"})),
    )  # fmt: skip
    no = (
        Places(sites=frozenset({"elsewhere"})), Places(hours=frozenset({22})), Places(days=frozenset({Day.MONDAY})),
        Places(connector_types=frozenset({"cType2"})),
    )  # fmt: skip
    assert all(fits(campaign(places=each), occasion()) for each in yes)
    assert not any(fits(campaign(places=each), occasion()) for each in no)
    assert not fits(campaign(hours=frozenset({3, 4})), occasion())


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ("IEC_62196_T2_COMBO", "cCCS2"), ("cCCS2", "IEC_62196_T2_COMBO"), ("CCS 2", "cCCS2"), ("CHAdeMO", "cG105"),
        ("Type 2", "sType2"),
    ],
)  # fmt: skip
def test_a_plug_is_the_same_however_it_is_written(said: str, there: str) -> None:
    meant = campaign(places=Places(connector_types=frozenset({said})))
    assert fits(meant, occasion(connector_type=there))
    assert not fits(meant, occasion(connector_type="cType1"))
    assert not fits(meant, occasion(connector_type=None))


def counting(wh: int, *found: Campaign) -> list[str]:
    """What counts for a session of so much energy at 0.50, no tax."""
    component = PriceComponent(type=Dimension.ENERGY, price=Decimal("0.5"))
    tariff = Tariff(
        id="t", currency="EUR", tax_included=TaxIncluded.NOT_APPLICABLE,
        elements=(Element(price_components=(component,)),),
    )  # fmt: skip
    pricer = Pricer(tariff, ZoneInfo("UTC"), Circumstances())
    pieces = pricer.pieces(AT, [Stretch(seconds=3600, kind=SegmentKind.CHARGING, energy_wh=wh)])
    told = [
        [each.id for each in best(ordered, pricer.bill(pieces), partial(pricer.bill, pieces))]
        for ordered in permutations(found)
    ]
    assert all(each == told[0] for each in told), "in whatever order they are found"
    return told[0]


def test_for_a_bill_counts_what_leaves_least_to_pay_and_of_equals_what_uses_up_no_voucher() -> None:
    tenth = campaign(2)
    code = campaign(9, by_code=True, percent=None, amount=200, most=None, minimum=1_000)
    # 9.98 is not enough for the voucher; 10.00 are, of which 2.00 are more than a tenth.
    assert counting(19_960, tenth, code) == ["campaign-2"]
    assert counting(20_000, tenth, code) == ["campaign-9"]
    # A tenth of 20.00 is as much: the voucher is left for another time.
    assert counting(40_000, tenth, code) == ["campaign-2"]
    assert counting(40_000, campaign(3), tenth, campaign(4)) == ["campaign-2"]
    # What stacks counts together where that is more, five of them at the most, and alone where it is not.
    few = [campaign(n, stacks=True, percent=None, amount=30, most=None) for n in range(11, 17)]
    assert counting(10_000, campaign(2, percent=Decimal(20)), *few[:3]) == ["campaign-2"]
    assert counting(10_000, campaign(2, percent=Decimal(18)), *few[:4]) == [f"campaign-{n}" for n in range(11, 15)]
    assert counting(10_000, *few) == [f"campaign-{n}" for n in range(11, 16)]
    # What takes nothing is not used up: neither of a bill of nothing, nor where others left nothing.
    assert counting(0, code, campaign(8, by_code=True)) == []
    free = campaign(1, stacks=True, percent=Decimal(100), most=9_000)
    assert counting(20_000, free, campaign(9, by_code=True, stacks=True)) == ["campaign-1"]
    assert counting(20_000, campaign(1, currency="SEK")) == []


def test_no_more_is_kept_for_a_session_than_may_be() -> None:
    many = [campaign(n, stacks=n % 2 == 0) for n in range(1, 101)]
    found = considered(reversed([*many, campaign(200, by_code=True)]))
    alone = [each.campaign_id for each in found if not each.terms.stacks]
    assert alone == [200, *range(1, 39, 2)]
    assert [each.campaign_id for each in found if each.terms.stacks] == [2, 4, 6, 8, 10]


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 100}, {"percent": None}, {"percent": Decimal(0)}, {"percent": Decimal("10.001")}, {"most": None},
        {"percent": Decimal(101)}, {"holdout_percent": Decimal(91)}, {"by_code": True, "holdout_percent": Decimal(5)},
        {"starts_at": AT, "ends_at": AT}, {"places": Places(hours=frozenset({24}))}, {"budget": 299},
        {"places": Places(hours=frozenset({1}), quiet_hours=3)},
        *(
            {"by_code": True, "audience": Audience(**chosen)}
            for chosen in (
                {"segments": frozenset({Segment.LOYAL})}, {"min_sessions": 1}, {"marketing": True},
                {"fleets": frozenset({1})}, {"drivers": frozenset({1})},
            )
        ),
    ],
)  # fmt: skip
def test_terms_that_can_not_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    check(terms())
    # How far back is looked for nobody chooses nobody.
    check(terms(by_code=True, audience=Audience(window_days=30)))
    with pytest.raises(CampaignRefused):
        check(terms(**wrong))


@pytest.mark.parametrize(
    ("part", "named", "most"),
    [
        (Audience, "min_sessions", 10_000), (Audience, "max_sessions", 10_000), (Audience, "min_energy_wh", 10**9),
        (Audience, "unseen_days", 365),
    ],
)  # fmt: skip
def test_numbers_that_choose_drivers_are_none_below_nothing_nor_above_what_there_can_be(
    part: type[Audience], named: str, most: int
) -> None:
    for good in (0, most):
        assert getattr(msgspec.convert({named: good}, part), named) == good
    for bad in (-1, most + 1):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({named: bad}, part)


@pytest.mark.parametrize(("named", "most"), [("sites", 1_000), ("connector_types", 100)])
def test_places_are_as_many_and_as_long_as_is_said(named: str, most: int) -> None:
    every = [f"{'x' * 90}{number}" for number in range(most)]
    assert len(getattr(msgspec.convert({named: every}, Places), named)) == most
    for bad in ([*every, "one more"], ["x" * 101], [""]):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({named: bad}, Places)


def test_a_code_is_the_same_however_it_is_typed() -> None:
    assert plain("spring-26") == plain(" SPRING 26 ") == "SPRING26"
