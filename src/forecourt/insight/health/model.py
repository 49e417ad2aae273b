"""What is kept of a model: its card and its trees."""

import hashlib
from typing import Final, Literal

from msgspec import Struct

from forecourt.insight.health.judging import Figures
from forecourt.platform.errors import ForecourtError

#: The form of what models are given. A model of another form is not used.
FORM: Final = 2

LearnedFrom = Literal["simulation", "own"]


class Lead(Struct, frozen=True, kw_only=True):
    """How long before a failure right alerts came on validation: a quarter came later than `quarter_d`, half than
    `median_d`, a quarter sooner than `three_quarters_d`."""

    alerts: int
    quarter_d: float
    median_d: float
    three_quarters_d: float


class Bins(Struct, frozen=True, kw_only=True):
    """How a sign was spread over the days that a model was validated on: `shares` below each of `edges`, above the
    last, and where nothing was known of it."""

    edges: list[float]
    shares: list[float]


class Card(Struct, frozen=True, kw_only=True):
    """What there is to know of a model. `learned_from`: simulated connectors alone, or an organisation's own as well,
    of which `examples` and `failures` then are. `threshold` the risk that alerts,
    `chart_threshold` what does of the control chart, in limits: both fixed on validation."""

    form: int
    learned_from: LearnedFrom
    examples: int
    failures: int
    trees: int
    threshold: float
    chart: str
    chart_limits: list[float]
    chart_threshold: float
    validation: Figures
    chart_validation: Figures
    lead: Lead | None
    leads: dict[str, Lead]
    spread: dict[str, Bins]


class Model(Struct, frozen=True, kw_only=True):
    """A card, and the trees as text; None: LightGBM had nothing to learn from, or is not there."""

    card: Card
    trees: str | None


def version_of(model: Model) -> str:
    """What a model is called: by what it learned from, and a digest of all of it."""
    told = (model.trees or "").encode() + repr((model.card.threshold, model.card.chart_threshold)).encode()
    return f"{model.card.learned_from}-{hashlib.sha256(told).hexdigest()[:10]}"


class ModelBroken(ForecourtError):
    """The model that ships with Forecourt can't be read. Install Forecourt again."""

    status = 500
    code = "model-broken"
