"""What is learned: how likely a connector fails within six weeks, by gradient-boosted trees (LightGBM; Ke et al.,
NIPS 2017), and which signs made it think so (exact contributions to the sum of trees, TreeSHAP; Lundberg, 2020).
"""

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecourt.insight.health.days import Flags, Floats
from forecourt.insight.health.features import NAMES, SIGNS, TOLD_AS, Features
from forecourt.insight.health.judging import Known

if TYPE_CHECKING:
    import lightgbm

#: Days before a failure that are learned as such.
HORIZON_D: Final = 45
#: Of days without a failure ahead, one in so many is learned from.
EVERY: Final = 3
ROUNDS: Final = 320
#: Trees that learn on from own failures, and those that a model may have then.
ROUNDS_ON: Final = 60
MAX_TREES: Final = 600
#: Days scored at a time.
BATCH: Final = 200_000
SEED: Final = 20_261
#: A sign that says that something is wrong, not what: a cause is named by the strongest of the others, if one of them
#: adds a share of what it adds.
VAGUE: Final = ("burst", "other", "quiet", "failed", "retries")
VAGUE_SHARE: Final = 0.2
#: Signs of heat, by which contacts are told from cooling where starts fail besides: no fan makes a start fail.
WARM: Final = ("power", "heat")
#: One thread gives the same numbers on every machine.
THREADS: Final = 1
_PARAMETERS: Final[dict[str, Any]] = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.04,
    "min_data_in_leaf": 80,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 255,
    "verbosity": -1,
    "num_threads": THREADS,
    "seed": SEED,
    "deterministic": True,
    "force_row_wise": True,
}


def available() -> bool:
    """Whether LightGBM is installed; without it, the control chart stands in."""
    return importlib.util.find_spec("lightgbm") is not None


def ahead(truth: Sequence[Known], shape: tuple[int, int]) -> Flags:
    """Days that have a failure by degrees ahead of them, by HORIZON_D at the most."""
    marked = np.zeros(shape, bool)
    for known in truth:
        if known.gradual and known.failed is not None:
            begins = max(known.onset, known.failed - HORIZON_D, 0)
            marked[known.plug, int(np.ceil(begins)) : max(int(np.floor(known.failed)), 0)] = True
    return marked


def examples(features: Features, truth: Sequence[Known]) -> tuple[Floats, Floats]:
    """Days to learn from and whether a failure was ahead: all that had one, and every third of the others."""
    marked = ahead(truth, features.known.shape)
    number = np.arange(features.known.shape[1])[None, :] + np.arange(len(features.known))[:, None]
    wanted = features.known & (marked | (number % EVERY == 0))
    return features.values[wanted].astype(np.float32), marked[wanted].astype(np.float32)


def learned(x: Floats, y: Floats, before: "lightgbm.Booster | None" = None) -> "lightgbm.Booster":
    """A model of these days: of NAMES and of whether a failure was ahead (0 or 1); with `before`, one that learns on
    from what that knows, by ROUNDS_ON more trees, unless it has MAX_TREES already: then it begins anew."""
    import lightgbm

    weight = np.where(y > 0, 1.0, float(EVERY))
    data = lightgbm.Dataset(x, y, weight=weight, feature_name=[name.replace(":", "_") for name in NAMES],
                            params={"max_bin": _PARAMETERS["max_bin"], "verbosity": -1})  # fmt: skip
    if before is None or before.num_trees() >= MAX_TREES:
        return lightgbm.train(_PARAMETERS, data, num_boost_round=ROUNDS)
    return lightgbm.train(_PARAMETERS, data, num_boost_round=ROUNDS_ON, init_model=before)


def risks(model: "lightgbm.Booster", features: Features) -> Floats:
    """The chance 0..1 of a failure within HORIZON_D, of (plugs, days); 0 where nothing is known."""
    found = np.zeros(features.known.shape)
    rows = features.values[features.known]
    parts = [model.predict(rows[start : start + BATCH], num_threads=THREADS) for start in range(0, len(rows), BATCH)]
    if parts:
        found[features.known] = np.concatenate(parts)
    return found


def moved(model: "lightgbm.Booster", rows: Floats) -> Floats:
    """What each sign adds to the risk of days, in log-odds: (days, SIGNS). What is known besides counts for none."""
    added = np.asarray(model.predict(rows, pred_contrib=True, num_threads=THREADS))[:, : len(TOLD_AS)]
    found = np.zeros((len(rows), len(SIGNS)))
    np.add.at(found.T, np.array(TOLD_AS), added.T)
    return found


def to_text(model: "lightgbm.Booster") -> str:
    """The model as text, by which it is kept."""
    return str(model.model_to_string())


def from_text(text: str) -> "lightgbm.Booster":
    """A model that was kept."""
    import lightgbm

    return lightgbm.Booster(model_str=text)


def strongest(added: Floats) -> str:
    """The sign that tells most of the cause, by what each adds to a risk."""
    names = list(SIGNS)
    clear = [place for place, name in enumerate(names) if name not in VAGUE]
    best, most = max(clear, key=lambda place: added[place]), float(np.max(added))
    failed = names.index("failed")
    if names[best] in WARM and 0 < VAGUE_SHARE * added[best] <= added[failed]:
        return names[failed]
    return names[best] if added[best] >= VAGUE_SHARE * max(most, 1e-9) else names[int(np.argmax(added))]
