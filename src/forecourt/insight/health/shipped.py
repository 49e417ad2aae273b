"""The model that comes with Forecourt, learned from a simulation: `model.txt` and `card.json` beside this file.

`forecourt insight health train` makes the same two files again, byte for byte with the same versions of LightGBM and
numpy.
"""

from pathlib import Path
from typing import Final

import msgspec

from forecourt.insight.health.model import FORM, Card, Model, ModelBroken

HERE: Final = Path(__file__).parent / "shipped_model"
TREES: Final = "model.txt"
CARD: Final = "card.json"


def read(folder: Path = HERE) -> Model:
    """The model in a folder. Raises ModelBroken."""
    try:
        card = msgspec.json.decode((folder / CARD).read_bytes(), type=Card)
        trees = (folder / TREES).read_text() or None
    except (OSError, msgspec.DecodeError) as fault:
        raise ModelBroken(f"There is no model in {folder} that can be read.") from fault
    if card.form != FORM:
        raise ModelBroken(f"The model in {folder} is of another form. Learn it anew.")
    return Model(card=card, trees=trees)


def write(model: Model, folder: Path) -> None:
    """Puts a model into a folder, the card last."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TREES).write_text(model.trees or "")
    (folder / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(model.card), indent=1) + b"\n")
