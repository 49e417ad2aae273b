"""Connectors that wear: what a network of them would say over months, with what truly became of each.

Hidden parts wear by themselves and make stations say things; nothing here knows how anybody looks at what they say.
The tables are named and shaped as the lake's are (docs/reference/lake.md); what was true is beside them.
"""

from forecourt.simulator.wear.made import Fault, Made, make
from forecourt.simulator.wear.world import ELSEWHERE, HOME, World, varied

__all__ = ["ELSEWHERE", "HOME", "Fault", "Made", "World", "make", "varied"]
