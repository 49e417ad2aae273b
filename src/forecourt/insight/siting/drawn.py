"""What a map shows of a study: own sites and others, where demand is, and the new sites of one scenario."""

from typing import Final

from msgspec import Struct

from forecourt.insight.siting.model import Asked, Method, Place
from forecourt.insight.siting.report import Outcome

#: Dots of demand on a map: the largest.
MAX_DEMAND: Final = 2_000
#: Dots of candidates that weren't chosen, and of sites that are there.
MAX_OTHERS: Final = 2_000


class Dot(Struct, frozen=True, kw_only=True):
    """One place. `kind` is new, own, other, candidate or demand; `share` is how large it is against the largest of its
    kind, 0 to 1; `serves` what a new site serves, in the unit of demand."""

    kind: str
    name: str
    latitude: float
    longitude: float
    share: float = 1.0
    serves: float | None = None


def dots(asked: Asked, outcome: Outcome | None) -> list[Dot]:
    """In the order they are drawn in: what matters the most comes last."""
    flows = outcome is not None and outcome.scenario.method is Method.FLOW
    made = [*_ways(asked)] if flows else [*_largest("demand", asked.demand)]
    chosen = set() if outcome is None else {(each.latitude, each.longitude) for each in outcome.sites}
    left = [each for each in asked.candidates if (each.latitude, each.longitude) not in chosen]
    made += [_dot("candidate", each) for each in left[:MAX_OTHERS]]
    made += [_dot("own" if each.own else "other", each) for each in asked.existing[:MAX_OTHERS]]
    if outcome is not None:
        most = max(outcome.taken.each, default=0.0) or 1.0
        made += [
            Dot(
                kind="new", name=each.name, latitude=each.latitude, longitude=each.longitude, share=serves / most,
                serves=serves,
            )
            for each, serves in zip(outcome.sites, outcome.taken.each, strict=True)
        ]  # fmt: skip
    return made


def _largest(kind: str, places: tuple[Place, ...]) -> list[Dot]:
    kept = sorted(places, key=lambda each: -each.weight)[:MAX_DEMAND]
    most = max((each.weight for each in kept), default=0.0) or 1.0
    return [_dot(kind, each, each.weight / most) for each in kept if each.weight > 0]


def _ways(asked: Asked) -> list[Dot]:
    most = max((each.weight for each in asked.flows), default=0.0) or 1.0
    made = [
        Dot(kind="demand", name=flow.name, latitude=latitude, longitude=longitude, share=flow.weight / most)
        for flow in sorted(asked.flows, key=lambda each: -each.weight)
        for latitude, longitude in flow.points
    ]
    return made[:MAX_DEMAND]


def _dot(kind: str, place: Place, share: float = 1.0) -> Dot:
    return Dot(kind=kind, name=place.name, latitude=place.latitude, longitude=place.longitude, share=share)
