"""What the past of a node is made of: what its meters said, each value for as long as it tells anything."""

from datetime import timedelta

from forecourt.energy.explained.nodes import HOLDS, below, past_of
from forecourt.energy.model import Node
from forecourt.energy.site import SiteTree
from forecourt.energy.store.explained import EvsePoint
from tests.support import EPOCH as START

MINUTE = timedelta(minutes=1)


def point(evse: int, minute: int, power_w: int) -> EvsePoint:
    return EvsePoint(station="CP", evse=evse, at=START + minute * MINUTE, power_w=power_w)


def test_a_value_holds_until_the_next_one_and_not_for_ever_and_others_evses_are_left_out() -> None:
    points = [point(1, 10, 5_000), point(1, 0, 11_000), point(2, 5, 7_000), point(2, 8, 0), point(3, 4, 99_000)]
    past = past_of(points, {("CP", 1), ("CP", 2)}, START - 60 * MINUTE, START + 60 * MINUTE, MINUTE)
    assert past[0].at == START, "nothing is known of before"
    held = int(HOLDS / MINUTE)
    expected = [11_000] * 5 + [18_000] * 3 + [11_000] * 2 + [5_000] * held + [0] * (50 - held)
    assert [each.charging_w for each in past] == expected


def test_below_a_node_is_what_hangs_on_it_however_deep() -> None:
    parents = {"grid": None, "hall": "grid", "row": "hall", "bay": "row", "yard": "grid"}
    tree = SiteTree(nodes=tuple(Node(id=id, parent=parent) for id, parent in parents.items()))
    assert below(tree, "hall") == {"hall", "row", "bay"}
    assert below(tree, "grid") == parents.keys()
