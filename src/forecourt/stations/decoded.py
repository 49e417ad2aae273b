"""A message as a person reads it: the specification's own field names, nested as they came, with units where they are
known, and lists of like things as tables. Pure; what is too much is left to the raw JSON.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

#: Fields and cells shown of one message; the rest stands in its raw JSON.
MAX_FIELDS: Final = 400
MAX_DEPTH: Final = 8
#: Characters of one value; certificates and logs are longer.
MAX_TEXT: Final = 500
#: Scalar fields in the line that sums a message up, and characters of each.
GIST_FIELDS: Final = 3
GIST_TEXT: Final = 40

#: Left out of that line: the log has a time of its own.
_UNTELLING: Final = frozenset({"timestamp"})
#: Units of fields that carry none themselves, in the words of the specification (1.6 §6 and §7, 2.0.1 part 2 §1).
UNITS: Final[Mapping[str, str]] = {
    "meterStart": "Wh",
    "meterStop": "Wh",
    "interval": "s",
    "heartbeatInterval": "s",
    "retryInterval": "s",
    "duration": "s",
    "startPeriod": "s",
    "timeSpentCharging": "s",
    "minChargingRate": "A / W",
    "energyAmount": "Wh",
    "evMinCurrent": "A",
    "evMaxCurrent": "A",
    "evMaxVoltage": "V",
    "evMaxPower": "W",
    "evEnergyCapacity": "Wh",
    "stateOfCharge": "%",
    "fullSoC": "%",
    "bulkSoC": "%",
}
#: What a sampled value is where it doesn't say (1.6 §7.43, 2.0.1 SampledValueType).
_SAMPLE_DEFAULTS: Final = {
    "measurand": "Energy.Active.Import.Register",
    "context": "Sample.Periodic",
    "location": "Outlet",
    "phase": "",
}
SAMPLE_COLUMNS: Final = ("timestamp", "measurand", "value", "unit", "phase", "location", "context")


class Cell(Struct, frozen=True):
    """One value of a table; `assumed` where the station left it out and the specification says what it is then."""

    text: str
    assumed: bool = False


class Table(Struct, frozen=True):
    """Like things, one a row. `numeric` names the columns that are aligned as figures."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: tuple[str, ...] = ()


class Field(Struct, frozen=True):
    """One field: a text with its unit, further fields, or a table."""

    name: str
    text: str = ""
    unit: str = ""
    fields: tuple["Field", ...] = ()
    table: Table | None = None


class Decoded(Struct, frozen=True):
    """A payload as fields; `whole` False where some of it is to be read in the raw JSON only."""

    fields: tuple[Field, ...]
    whole: bool = True


class _Reader:
    def __init__(self) -> None:
        self.left = MAX_FIELDS
        self.whole = True

    def spend(self, number: int = 1) -> bool:
        if self.left < number:
            self.whole = False
            return False
        self.left -= number
        return True

    def fields(self, value: Mapping[str, Any], depth: int) -> tuple[Field, ...]:
        found = []
        for name, item in value.items():
            if not self.spend():
                break
            found.append(self.field(name, item, depth, value))
        return tuple(found)

    def field(self, name: str, value: Any, depth: int, beside: Mapping[str, Any]) -> Field:
        if isinstance(value, dict):
            if depth >= MAX_DEPTH:
                self.whole = False
                return Field(name, text="…")
            return Field(name, fields=self.fields(value, depth + 1))
        if isinstance(value, list):
            return self.list(name, value, depth)
        return Field(name, text=self.text(value), unit=_unit(name, beside))

    def list(self, name: str, values: list[Any], depth: int) -> Field:
        if not any(isinstance(value, dict | list) for value in values):
            return Field(name, text=self.text(", ".join(_text(value) for value in values)))
        if depth >= MAX_DEPTH:
            self.whole = False
            return Field(name, text="…")
        if name == "meterValue" or (name == "transactionData" and _are_meter_values(values)):
            return Field(name, table=self.samples(values))
        if all(isinstance(value, dict) and _flat(value) for value in values):
            return Field(name, table=self.table(values))
        numbered = {str(number): value for number, value in enumerate(values, 1)}
        return Field(name, fields=self.fields(numbered, depth + 1))

    def table(self, values: Sequence[Mapping[str, Any]]) -> Table:
        flat = [_flattened(value) for value in values]
        columns = tuple(dict.fromkeys(name for value in flat for name in value))
        rows = []
        for value in flat:
            if not self.spend(len(columns)):
                break
            rows.append(tuple(Cell(self.text(value[name]) if name in value else "") for name in columns))
        numeric = tuple(name for name in columns if all(_is_number(value.get(name, 0)) for value in flat))
        return Table(columns, tuple(rows), numeric)

    def samples(self, values: Sequence[Any]) -> Table:
        rows = []
        for value in values:
            taken = value.get("sampledValue") if isinstance(value, dict) else None
            for sample in taken if isinstance(taken, list) else []:
                if not isinstance(sample, dict) or not self.spend(len(SAMPLE_COLUMNS)):
                    self.whole = False
                    continue
                rows.append(self.sample(str(value.get("timestamp", "")), sample))
        return Table(SAMPLE_COLUMNS, tuple(rows), ("value",))

    def sample(self, timestamp: str, sample: Mapping[str, Any]) -> tuple[Cell, ...]:
        """A row of SAMPLE_COLUMNS; a signed record is only counted, it is thousands of characters long."""
        signed = sample.get("signedMeterValue") or sample.get("format") == "SignedData"
        value = f"[{len(_text(sample.get('value', signed)))}]" if signed else self.text(sample.get("value"))
        measure = sample.get("unitOfMeasure")
        if isinstance(measure, dict):
            power = measure.get("multiplier", 0)
            unit = Cell(f"{'' if not power else f'10^{power} '}{measure.get('unit', 'Wh')}", "unit" not in measure)
        elif "unit" in sample:
            unit = Cell(self.text(sample["unit"]))
        else:
            energy = str(sample.get("measurand", "Energy")).startswith("Energy")
            unit = Cell("Wh" if energy else "", energy)
        said = {
            name: Cell(self.text(sample[name])) if name in sample else Cell(default, bool(default))
            for name, default in _SAMPLE_DEFAULTS.items()
        }
        return (
            Cell(timestamp), said["measurand"], Cell(value), unit, said["phase"], said["location"], said["context"],
        )  # fmt: skip

    def text(self, value: Any) -> str:
        text = _text(value)
        if len(text) > MAX_TEXT:
            self.whole = False
            return f"{text[:MAX_TEXT]}…"
        return text


def decode(payload: Any) -> Decoded:
    """The fields of a payload; one that is no object is one field without a name."""
    reader = _Reader()
    if not isinstance(payload, dict):
        return Decoded((reader.field("", payload, 0, {}),) if payload not in ([], None) else (), reader.whole)
    return Decoded(reader.fields(payload, 0), reader.whole)


def gist(payload: Any) -> str:
    """The first few things a message says, in one line: `connectorId 1 · status Charging`."""
    if not isinstance(payload, dict):
        return _text(payload)[:GIST_TEXT] if payload else ""
    told = []
    for name, value in _leaves(payload, MAX_DEPTH):
        if name in _UNTELLING and len(payload) > 1:
            continue
        text = _text(value)
        told.append(f"{name} {text if len(text) <= GIST_TEXT else text[:GIST_TEXT] + '…'}")
        if len(told) == GIST_FIELDS:
            break
    return " · ".join(told)


def _leaves(value: Mapping[str, Any], depth: int) -> Any:
    """Scalar fields, those of the message itself before those within."""
    inner = []
    for name, item in value.items():
        if isinstance(item, dict):
            inner.append(item)
        elif isinstance(item, list):
            inner += [each for each in item[:1] if isinstance(each, dict)]
        else:
            yield name, item
    if depth:
        for each in inner:
            yield from _leaves(each, depth - 1)


def _unit(name: str, beside: Mapping[str, Any]) -> str:
    if name in ("limit", "minChargingRate"):
        unit = beside.get("chargingRateUnit")
        return str(unit) if isinstance(unit, str) else "A / W"
    return UNITS.get(name, "")


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flat(value: Mapping[str, Any]) -> bool:
    """Whether it fits one row: scalars, and objects of nothing but scalars."""
    return all(
        not isinstance(item, list)
        and (not isinstance(item, dict) or not any(isinstance(inner, dict | list) for inner in item.values()))
        for item in value.values()
    )


def _flattened(value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, dict):
            found.update({f"{name}.{inner}": each for inner, each in item.items()})
        else:
            found[name] = item
    return found


def _are_meter_values(values: Sequence[Any]) -> bool:
    return all(isinstance(value, dict) and "sampledValue" in value for value in values)
