"""What each limit of a scenario bears in each step: what is built, what is allowed at that time, and what the building
takes of it."""

from datetime import datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Meta, Struct, field, structs

from forecourt.energy.model import Electrics, Node
from forecourt.energy.rows import Complexes, Floats, Rows, adds_of, rows_of

#: Limits of one scenario that hold for a time.
MAX_LIMITS: Final = 1000
#: A, kW: where there is no limit, for solvers that don't reckon with infinity.
NO_LIMIT: Final = 1e9


class Allowed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What anybody allows at a node for a time, as a grid operator does: `limit_w`, `limit_a` of each line, or both.
    Without a `node` at the grid connection. A time without an offset is by the scenario's clock."""

    begins: datetime = field(name="from")
    until: datetime
    node: str | None = None
    limit_w: Annotated[int, Meta(ge=0)] | None = None
    limit_a: Annotated[float, Meta(ge=0, le=1e9)] | None = None

    def within(self, start: datetime, steps: int, step: timedelta, zone: ZoneInfo) -> slice:
        """The steps from `start` on that it holds in, in whole or in part."""
        begins, until = (each if each.tzinfo else each.replace(tzinfo=zone) for each in (self.begins, self.until))
        first, last = (begins - start) // step, -((start - until) // step)
        return slice(min(max(first, 0), steps), min(max(last, 0), steps))


class Borne(Struct, frozen=True, kw_only=True):
    """The rows of a site that may bind at some time. `limits` of each in each step, (rows, steps); `taken`: what the
    buildings load each with; `adds`: what a kW at the grid connection adds to each; `left`: what of the limits there is
    for cars and batteries, (rows, steps).

    What the sun gives makes no room: a breaker must hold if it stops.
    """

    rows: Rows
    limits: Floats
    taken: Complexes
    adds: Complexes
    left: Floats

    def at(self, step: int) -> Rows:
        """The rows with what is left of them in a step."""
        return structs.replace(self.rows, limits=self.left[:, step])


def borne(
    electrics: Electrics, limits: tuple[Floats, ...], loads_kw: dict[str, Floats], batteries: list[tuple[str, float]],
    rows: Rows | None = None,
) -> Borne:  # fmt: skip
    """`limits`: of each node, in each step, in A of each line and in kW, (2, steps) each, in the order of the tree;
    `loads_kw`: what buildings take in each step, by their nodes; `batteries`: of each its node and with how many kW it
    is charged. `rows`: those that are asked for, if not all that may bind."""
    root = next(node.id for node in electrics.nodes if node.parent is None)
    if rows is None:
        tightest = tuple(_tightest(node, at) for node, at in zip(electrics.nodes, limits, strict=True))
        most = [(node, float(np.maximum(kw, 0.0).max(initial=0.0))) for node, kw in loads_kw.items()]
        rows = rows_of(structs.replace(electrics, nodes=tightest), [*batteries, *most])
    of = {f"{node.id} L{line}": at[0] for node, at in zip(electrics.nodes, limits, strict=True) for line in (1, 2, 3)}
    of |= {f"{node.id} power": at[1] for node, at in zip(electrics.nodes, limits, strict=True)}
    shape = (len(rows.names), limits[0].shape[1])
    bear = np.array([np.minimum(of[name], NO_LIMIT) for name in rows.names]).reshape(shape)
    taken, loads = np.zeros(shape, np.complex128), np.zeros(shape)
    for node, kw in loads_kw.items():
        each = adds_of(electrics, node, rows.names)[:, None] * np.maximum(kw, 0.0)
        taken, loads = taken + each, loads + np.abs(each)
    left = np.maximum(bear - loads, 0.0)
    return Borne(rows=rows, limits=bear, taken=taken, adds=adds_of(electrics, root, rows.names), left=left)


def limits_in_steps(
    electrics: Electrics, allowed: tuple[Allowed, ...], start: datetime, steps: int, step: timedelta, zone: ZoneInfo
) -> tuple[Floats, ...]:
    """The limits of each node as `borne` takes them: infinite where there is none."""
    found = {node.id: np.empty((2, steps)) for node in electrics.nodes}
    for node in electrics.nodes:
        found[node.id][0] = np.inf if node.limit_a is None else node.limit_a
        found[node.id][1] = np.inf if node.limit_w is None else node.limit_w / 1000
    root = next(node.id for node in electrics.nodes if node.parent is None)
    for each in allowed:
        at, within = found[each.node or root], each.within(start, steps, step, zone)
        if each.limit_a is not None:
            at[0, within] = np.minimum(at[0, within], each.limit_a)
        if each.limit_w is not None:
            at[1, within] = np.minimum(at[1, within], each.limit_w / 1000)
    return tuple(found.values())


def limit_faults(allowed: tuple[Allowed, ...], nodes: list[str]) -> list[str]:
    """What is nonsense in limits that hold for a time, in words."""
    found = [f"a scenario has {MAX_LIMITS} limits at most"] if len(allowed) > MAX_LIMITS else []
    for number, each in enumerate(allowed, 1):
        if each.node is not None and each.node not in nodes:
            found.append(f"limit {number}: there is no node {each.node}")
        if each.limit_w is None and each.limit_a is None:
            found.append(f"limit {number}: it needs limit_w or limit_a")
        if (each.begins.tzinfo is None) != (each.until.tzinfo is None):
            found.append(f"limit {number}: from and until both need an offset, or none")
        elif each.until <= each.begins:
            found.append(f"limit {number}: it must end after it begins")
    return found


def _tightest(node: Node, limits: Floats) -> Node:
    least_a, least_kw = (float(each) for each in limits.min(axis=1, initial=np.inf))
    return structs.replace(
        node,
        limit_a=None if np.isinf(least_a) else least_a,
        limit_w=None if np.isinf(least_kw) else int(least_kw * 1000),
    )
