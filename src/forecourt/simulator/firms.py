"""Firms whose drivers charge in the demo's past, by the same cards as today: two fleets and a family's bakery, which is
too small to be told of by its name."""

from typing import Any, Final

import msgspec

from forecourt.simulator.demo import cards

CURRENCY: Final = "EUR"


class Firm(msgspec.Struct, frozen=True, kw_only=True):
    """A firm: how many of its drivers have a card, the sites at which all of them are known, and what its bills
    name."""

    name: str
    drivers: int
    homes: tuple[str, ...]
    bill_to: str
    cost_centres: tuple[str, ...]


FIRMS: Final = (
    Firm(
        name="Harbour Taxis", drivers=24, homes=("harbour-garage-level-1", "central-station-north"),
        bill_to="Harbour Taxis B.V., Rotterdam", cost_centres=("Day", "Night"),
    ),
    Firm(
        name="Scheldt Couriers", drivers=13, homes=("old-market",), bill_to="Scheldt Couriers BV, Antwerp",
        cost_centres=("Vans",),
    ),
    Firm(
        name="Lakeside Bakery", drivers=3, homes=("lake-hotel",), bill_to="Lakeside Bakery, Konstanz",
        cost_centres=("Deliveries",),
    ),
)  # fmt: skip


def members() -> dict[str, list[str]]:
    """Cards of the drivers of each firm, all of them good."""
    good = iter([uid for uid, status in cards().items() if status == "accepted"])
    return {firm.name: [next(good) for _ in range(firm.drivers)] for firm in FIRMS}


def of_cards() -> dict[str, str]:
    """The firm of each card that is of one."""
    return {uid: name for name, uids in members().items() for uid in uids}


def at_home(site: str) -> list[str]:
    """Cards of all who are known at a site."""
    cards_of = members()
    return [uid for firm in FIRMS if site in firm.homes for uid in cards_of[firm.name]]


def told() -> list[dict[str, Any]]:
    """What the operator's records say of them."""
    cards_of = members()
    return [
        {
            "name": firm.name, "bill_to": firm.bill_to, "currency": CURRENCY,
            "drivers": {
                uid: firm.cost_centres[number % len(firm.cost_centres)]
                for number, uid in enumerate(cards_of[firm.name])
            },
        }
        for firm in FIRMS
    ]  # fmt: skip


def written() -> bytes:
    """The same as JSON."""
    return msgspec.json.encode(told())
