"""The tree of a site as a drawing: where each box stands. Nodes from left to right, what hangs on them beside them; on
a telephone from top to bottom, what hangs on them below them.

Pure: it says where things are, in pixels; the template draws them as SVG.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from forecourt.energy.flows import Flow
from forecourt.energy.model import Node
from forecourt.energy.site import Battery, HungEvse, Load, SiteTree, Solar
from forecourt.energy.store.now import EvseNow

NODE_W: Final = 196
NODE_H: Final = 76
GAP_X: Final = 44
GAP_Y: Final = 14
CHIP_W: Final = 96
CHIP_H: Final = 40
CHIP_GAP: Final = 6
#: Chips beside each other.
COLUMNS: Final = 4
#: A telephone's drawing: how wide it is, how far a node stands to the right of the one above it, up to which depth, and
#: how wide chips are there, so that three stand beside each other.
NARROW_W: Final = 306
INDENT: Final = 12
MOST_INDENTS: Final = 4
NARROW_CHIP_W: Final = 86
MARGIN: Final = 8
#: From these shares of a limit on, a bar is coloured as a warning and as a fault.
WARN_AT: Final = 0.8
OVER_AT: Final = 1.0
#: Chips that are drawn of one node; the others are counted.
MAX_CHIPS: Final = 60


class Chip(Struct, frozen=True, kw_only=True):
    """A thing that hangs on a node. `assumed`: nobody measured its power."""

    kind: str
    x: int
    y: int
    w: int
    name: str
    href: str
    state: str
    power_w: int | None
    assumed: bool = False
    faults: Sequence[str] = ()


class Box(Struct, frozen=True, kw_only=True):
    """A node. `level` is ok, warn or over by its share of its limit; None without a limit. `wire`: the path from the
    node above."""

    node: Node
    x: int
    y: int
    name: str
    flow: Flow | None
    level: str
    bar_w: int
    wire: str
    more: int
    more_x: int
    more_y: int
    faults: Sequence[str] = ()


class Drawing(Struct, frozen=True, kw_only=True):
    """All of it."""

    width: int
    height: int
    boxes: Sequence[Box]
    chips: Sequence[Chip]


class _Sketch:
    """The drawing as it is made, from the top down."""

    def __init__(
        self,
        tree: SiteTree,
        now: Mapping[str, EvseNow],
        flows: Mapping[str, Flow],
        attached_w: Mapping[str, int],
        faults: Mapping[tuple[str, str], Sequence[str]],
        assumed: Collection[str],
        *,
        narrow: bool,
    ) -> None:
        self._tree, self._now, self._flows, self._attached, self._faults = tree, now, flows, attached_w, faults
        self._assumed, self._narrow = assumed, narrow
        self._below: dict[str | None, list[Node]] = {}
        for node in tree.nodes:
            self._below.setdefault(node.parent, []).append(node)
        self._hung: dict[str, list[HungEvse | Load | Solar | Battery]] = {}
        hung: list[HungEvse | Load | Solar | Battery] = [*tree.loads, *tree.solar, *tree.batteries, *tree.evses]
        for each in hung:
            self._hung.setdefault(each.node, []).append(each)
        self.boxes: list[Box] = []
        self.chips: list[Chip] = []
        self.width = 0

    def place(self, node: Node, x: int, top: int, above: tuple[int, int] | None) -> int:
        """Puts a node and all below it, from a height down; the height below it."""
        if self._narrow:
            return self._stack(node, 0, top, above)
        right = x + NODE_W + GAP_X
        hung = self._hung.get(node.id, [])
        bottom = self._chips(hung[:MAX_CHIPS], right, top)
        more_y = bottom
        if len(hung) > MAX_CHIPS:
            bottom += 20
        here = x + NODE_W, top + NODE_H // 2
        self.width = max(self.width, here[0])
        below = bottom + GAP_Y if hung else top
        for child in self._below.get(node.id, ()):
            below = self.place(child, right, below, here) + GAP_Y
        wire = "" if above is None else f"M{above[0]} {above[1]}H{(above[0] + x) // 2}V{top + NODE_H // 2}H{x}"
        self.boxes.append(self._box(node, x, top, wire, len(hung) - MAX_CHIPS, (right, more_y)))
        return max(top + NODE_H, below - GAP_Y)

    def _stack(self, node: Node, depth: int, top: int, above: tuple[int, int] | None) -> int:
        """The same from top to bottom."""
        x = MARGIN + min(depth, MOST_INDENTS) * INDENT
        hung = self._hung.get(node.id, [])
        self.width = NARROW_W - MARGIN
        columns = max(1, (NARROW_W - x - INDENT + CHIP_GAP) // (NARROW_CHIP_W + CHIP_GAP))
        chips_top = top + NODE_H + CHIP_GAP
        bottom = self._chips(hung[:MAX_CHIPS], x + INDENT, chips_top, columns, NARROW_CHIP_W) if hung else top + NODE_H
        more_y = bottom
        if len(hung) > MAX_CHIPS:
            bottom += 20
        here = x + INDENT // 2, top + NODE_H
        below = bottom + GAP_Y
        for child in self._below.get(node.id, ()):
            below = self._stack(child, depth + 1, below, here) + GAP_Y
        wire = "" if above is None else f"M{above[0]} {above[1]}V{top + NODE_H // 2}H{x}"
        self.boxes.append(self._box(node, x, top, wire, len(hung) - MAX_CHIPS, (x + INDENT, more_y)))
        return below - GAP_Y

    def _chips(
        self, hung: Sequence[HungEvse | Load | Solar | Battery], x: int, top: int, columns: int = COLUMNS,
        width: int = CHIP_W,
    ) -> int:  # fmt: skip
        for number, each in enumerate(hung):
            at_x = x + number % columns * (width + CHIP_GAP)
            at_y = top + number // columns * (CHIP_H + CHIP_GAP)
            self.chips.append(self._chip(each, at_x, at_y, width))
            self.width = max(self.width, at_x + width)
        rows = -(-len(hung) // columns)
        return top + rows * (CHIP_H + CHIP_GAP)

    def _chip(self, each: HungEvse | Load | Solar | Battery, x: int, y: int, w: int) -> Chip:
        if isinstance(each, HungEvse):
            now = self._now.get(each.id)
            return Chip(
                kind="evse",
                x=x,
                y=y,
                w=w,
                name=each.station if each.evse == 1 else f"{each.station} / {each.evse}",
                href=f"/stations/{quote(each.station, safe='')}",
                state="Unknown" if now is None else now.state,
                power_w=None if now is None else now.power_w,
                faults=self._faults.get(("EVSE", each.id), ()),
            )
        kind = "load" if isinstance(each, Load) else "solar" if isinstance(each, Solar) else "battery"
        return Chip(
            kind=kind,
            x=x,
            y=y,
            w=w,
            name=each.name or each.id,
            href="",
            state="",
            power_w=self._attached.get(each.id),
            assumed=each.id in self._assumed,
            faults=self._faults.get(("attachment", each.id), ()),
        )

    def _box(self, node: Node, x: int, y: int, wire: str, more: int, more_at: tuple[int, int]) -> Box:
        flow = self._flows.get(node.id)
        share = None if flow is None else flow.share
        level = "" if share is None else "over" if share > OVER_AT else "warn" if share >= WARN_AT else "ok"
        return Box(
            node=node,
            x=x,
            y=y,
            name=node.name or node.id,
            flow=flow,
            level=level,
            bar_w=0 if share is None else round((NODE_W - 20) * min(1.0, share)),
            wire=wire,
            more=max(0, more),
            more_x=more_at[0],
            more_y=more_at[1],
            faults=self._faults.get(("node", node.id), ()),
        )


def draw(
    tree: SiteTree,
    now: Mapping[str, EvseNow],
    flows: Mapping[str, Flow],
    attached_w: Mapping[str, int],
    faults: Mapping[tuple[str, str], Sequence[str]],
    assumed: Collection[str] = (),
    *,
    narrow: bool = False,
) -> Drawing:
    """The drawing of a tree that has one root and no circle; `faults` by what they are of and its id, in words;
    `assumed`: ids of attachments whose power nobody measured; `narrow`: for a telephone."""
    sketch = _Sketch(tree, now, flows, attached_w, faults, assumed, narrow=narrow)
    roots = [node for node in tree.nodes if node.parent is None]
    bottom = sketch.place(roots[0], MARGIN, MARGIN, None)
    return Drawing(width=sketch.width + MARGIN, height=bottom + MARGIN, boxes=sketch.boxes[::-1], chips=sketch.chips)


class Drawings(Struct, frozen=True, kw_only=True):
    """A tree as it is drawn where there is room, and on a telephone; the page shows the one that fits."""

    wide: Drawing
    narrow: Drawing


def draw_both(
    tree: SiteTree,
    now: Mapping[str, EvseNow],
    flows: Mapping[str, Flow],
    attached_w: Mapping[str, int],
    faults: Mapping[tuple[str, str], Sequence[str]],
    assumed: Collection[str] = (),
) -> Drawings:
    """Both drawings of a tree."""
    wide, narrow = (draw(tree, now, flows, attached_w, faults, assumed, narrow=each) for each in (False, True))
    return Drawings(wide=wide, narrow=narrow)
