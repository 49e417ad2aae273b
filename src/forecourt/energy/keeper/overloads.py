"""Nodes that are loaded beyond their limits by what is no EVSE: nothing that stations are told helps there."""

from typing import Any

from psycopg import AsyncConnection

from forecourt.energy.keeper.reading import Reading
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.planning.limits import taken_besides
from forecourt.energy.rows import SLACK
from forecourt.energy.store.overloads import Overload, keep_overloads


async def note_overloads(conn: AsyncConnection[Any], reading: Reading) -> None:
    """Keep which nodes are overloaded so, and no others. What stood stands while a meter says nothing."""
    known = reading.known
    await keep_overloads(conn, known.tenant_id, known.site_id, overloads_of(known), unmeasured(known), known.at)


def unmeasured(known: Knowledge) -> list[str]:
    """The nodes of which it is not known what flows through them."""
    parents = {node.id: node.parent for node in known.tree.nodes}
    found: set[str] = set()
    for load in known.outlook.loads:
        at: str | None = load.node if load.measured_w is None else None
        while at is not None:
            found.add(at)
            at = parents[at]
    return sorted(found)


def overloads_of(known: Knowledge) -> list[Overload]:
    """By what was measured of buildings, less what the sun is measured to give; what is only assumed overloads nothing.
    Limits of currents are told as the power of conductors that are loaded alike."""
    tree, taken, found = known.tree, taken_besides(known.tree, known.outlook), []
    said = {each.node: each for each in known.outlook.limits}
    for node in tree.nodes:
        load_w, load_a = taken[node.id]
        own = said.get(node.id)
        limits_a = [node.limit_a, None if own is None else own.limit_a[0]]
        limits_w = [node.limit_w, None if own is None else own.limit_w[0]]
        shares = [(load_w / 1000, each / 1000) for each in limits_w if each is not None]
        shares += [(load_a, each) for each in limits_a if each is not None]
        over = [(load, limit) for load, limit in shares if load > limit * (1 + SLACK)]
        if over:
            load, limit = max(over, key=lambda each: each[0] / max(each[1], 1e-9))
            found.append(
                Overload(
                    node=node.id,
                    name=node.name or node.id,
                    load_w=round(load_w),
                    limit_w=round(load_w * limit / load),
                )
            )
    return found
