"""Which limit counts at each node of a site at a moment, and what a kWh costs then. Pure.

What is planned with counts a limit already while stations obey it; this is what was said, when it was to hold.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from forecourt.energy.signals.model import NodeLimit
from forecourt.energy.site import SiteTree


class LimitHeld(Struct, frozen=True, kw_only=True):
    """The tightest limit of a node from a time on, in W, None where there is none, and who said it; by nobody where it
    is of the site's electrics."""

    node: str
    at: datetime
    limit_w: int | None
    source: str = ""


class PriceHeld(Struct, frozen=True, kw_only=True):
    """What a kWh cost from a time on, whether that stood in for a price that was missing, and where it was from."""

    at: datetime
    price: Decimal
    stands_in: bool
    source: str


def watts_of(tree: SiteTree, node: str, limit_a: float) -> float:
    """What a limit of a node in A is in W where all conductors are loaded alike."""
    return 3 * tree.volts_at(node) * limit_a


def limits_held(tree: SiteTree, said: Sequence[NodeLimit], at: datetime) -> list[LimitHeld]:
    """Of each node of a tree. A limit of a node that is no more is of the whole site."""
    nodes = {node.id for node in tree.nodes}
    found: dict[str, list[tuple[float, str]]] = {node: [] for node in nodes}
    of_tree = [(node.id, node.limit_w, node.limit_a, "") for node in tree.nodes]
    now = [each for each in said if each.starts_at <= at and (each.ends_at is None or each.ends_at > at)]
    of_others = [(each.node or tree.root, each.limit_w, each.limit_a, each.source) for each in now]
    for node, limit_w, limit_a, source in [*of_tree, *of_others]:
        own = found[node if node in nodes else tree.root]
        own += [(limit_w, source)] if limit_w is not None else []
        own += [(watts_of(tree, node if node in nodes else tree.root, limit_a), source)] if limit_a is not None else []
    tightest = {node: min(each, default=(None, "")) for node, each in found.items()}
    return [
        LimitHeld(node=node, at=at, limit_w=None if limit_w is None else round(limit_w), source=source)
        for node, (limit_w, source) in tightest.items()
    ]
