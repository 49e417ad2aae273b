"""What a request brings: forms with brackets, read once, strictly, and never with a card number in them."""

import re
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import parse_qsl

from forecourt.simulator.provider import limits
from forecourt.simulator.provider.errors import ApiError, Json, invalid

_DIGITS = re.compile(r"(?<![0-9A-Za-z])\d(?:[ -]?\d){12,18}(?![0-9A-Za-z])")
#: What numbers of cards begin with, and how long they are then.
_CARDS = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|2[2-7]"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6(?:011|4[4-9]|5)"), (16, 19)),
    (re.compile(r"35|62|81"), (16, 17, 18, 19)),
    (re.compile(r"30[0-5]|3[68]"), (14, 16, 19)),
)
#: Keys of requests, of which some have digits nearly alone.
_UUID = re.compile(r"(?<![0-9A-Za-z-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9A-Za-z-])")
_WHOLE = re.compile(r"-?\d{1,18}")


def luhn(digits: str) -> bool:
    """Whether the last digit fits the others, as in the number of every card."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[::-2]) + sum(doubled)) % 10 == 0


def holds_card_number(text: str) -> bool:
    """Whether something in it could be the number of a card."""
    for found in _DIGITS.finditer(_UUID.sub("", text)):
        digits = re.sub(r"\D", "", found[0])
        if any(begins.match(digits) and len(digits) in sizes for begins, sizes in _CARDS) and luhn(digits):
            return True
    return False


def refuse_card_numbers(pairs: Iterable[tuple[str, str]]) -> None:
    """Raises for a card number wherever it stands; numbers of bank accounts may look like one."""
    for name, text in pairs:
        if not name.endswith("[account_number]") and (holds_card_number(text) or holds_card_number(name)):
            raise ApiError(
                402, "invalid_request_error",
                "Card numbers are taken on the hosted page alone. Nothing of this request was kept.",
                code="card_number_refused",
            )  # fmt: skip


def decode(text: str) -> Json:
    """A form as nested dicts and lists. `a[b]=1` is {"a": {"b": "1"}}; `a[]=1` and `a[0]=1` are {"a": ["1"]}."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=limits.MAX_PARAMS, strict_parsing=bool(text))
    except ValueError:
        raise invalid(f"The body is no form of at most {limits.MAX_PARAMS} parameters.") from None
    refuse_card_numbers(pairs)
    tree: Json = {}
    for name, value in pairs:
        if "\x00" in value or len(value) > limits.MAX_TEXT:
            raise invalid(f"The value of {name[:80]} is longer than {limits.MAX_TEXT} characters.", param=name[:80])
        _plant(tree, name, value)
    return {name: _listed(value) for name, value in tree.items()}


def _plant(tree: Json, name: str, value: str) -> None:
    head, bracket, rest = name.partition("[")
    parts = [head, *(rest.removesuffix("]").split("][") if bracket else ())]
    if not head or (bracket and not rest.endswith("]")) or len(parts) > limits.MAX_DEPTH:
        raise invalid(f"Invalid parameter name: {name[:80]}", param=name[:80])
    at = tree
    for part in parts[:-1]:
        at = at.setdefault(part or str(len(at)), {})
        if not isinstance(at, dict):
            raise invalid(f"Invalid parameter: {name[:80]}", param=name[:80])
    last = parts[-1] or str(len(at))
    if last in at:
        raise invalid(f"Duplicate parameter: {name[:80]}", param=name[:80])
    at[last] = value


def _listed(value: Any) -> Any:
    """Dicts of consecutive numbers become lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(item) for name, item in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


class Params:
    """The parameters of one request. What a handler doesn't take is unknown, and refused by `done`."""

    def __init__(self, tree: Json, prefix: str = "") -> None:
        self._tree, self._prefix = tree, prefix
        self._taken: set[str] = set()

    def path(self, name: str) -> str:
        return f"{self._prefix}[{name}]" if self._prefix else name

    def has(self, name: str) -> bool:
        return name in self._tree

    def _take(self, name: str, needed: bool) -> Any:
        self._taken.add(name)
        value = self._tree.get(name)
        if needed and value in (None, ""):
            path = self.path(name)
            raise invalid(f"Missing required param: {path}.", param=path, code="parameter_missing")
        return value

    def _fault(self, name: str, said: str, code: str | None = None) -> ApiError:
        path = self.path(name)
        return invalid(f"Invalid {path}: {said}", param=path, code=code)

    def text(self, name: str, *, needed: bool = False) -> str | None:
        value = self._take(name, needed)
        if value is not None and not isinstance(value, str):
            raise self._fault(name, "must be a string")
        return value or None

    def need(self, name: str) -> str:
        value = self.text(name, needed=True)
        assert value is not None
        return value

    def whole(self, name: str, *, needed: bool = False, least: int = 0, most: int = limits.MAX_AMOUNT) -> int | None:
        value = self.text(name, needed=needed)
        if value is None:
            return None
        if not _WHOLE.fullmatch(value):
            raise self._fault(name, f"'{value[:40]}' is no integer", "parameter_invalid_integer")
        number = int(value)
        if number < least:
            raise self._fault(name, f"must be at least {least}", "amount_too_small" if "amount" in name else None)
        if number > most:
            raise self._fault(name, f"must be no more than {most}", "amount_too_large" if "amount" in name else None)
        return number

    def flag(self, name: str) -> bool | None:
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise self._fault(name, "must be true or false")
        return None if value is None else value == "true"

    def choice(self, name: str, among: Collection[str], default: str | None = None) -> str | None:
        value = self.text(name)
        if value is None:
            return default
        if value not in among:
            raise self._fault(name, f"must be one of {', '.join(sorted(among))}")
        return value

    def texts(self, name: str) -> list[str]:
        value = self._take(name, False)
        if value in (None, ""):
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._fault(name, "must be an array of strings")
        return list(value)

    def inner(self, name: str) -> "Params":
        """The parameters under a name; empty where there are none."""
        value = self._take(name, False)
        if value in (None, ""):
            return Params({}, self.path(name))
        if not isinstance(value, dict):
            raise self._fault(name, "must be an object")
        return Params(value, self.path(name))

    def items(self, name: str, most: int) -> list["Params"]:
        value = self._take(name, False)
        if value in (None, ""):
            return []
        if not isinstance(value, list) or len(value) > most or not all(isinstance(item, dict) for item in value):
            raise self._fault(name, f"must be an array of at most {most} objects")
        return [Params(item, self.path(f"{name}][{n}").replace("[]", "")) for n, item in enumerate(value)]

    def plain(self, name: str) -> Json:
        """An object that is kept as it came."""
        value = self._take(name, False)
        if value in (None, ""):
            return {}
        if not isinstance(value, dict):
            raise self._fault(name, "must be an object")
        return value

    def metadata(self, before: Json | None = None) -> Json:
        """What was there with what comes; an empty value takes a name away."""
        given = self._take("metadata", False)
        if given is None:
            return dict(before or {})
        if given == "":
            return {}
        if isinstance(given, list):
            given = {str(n): value for n, value in enumerate(given)}
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise self._fault("metadata", "must be a set of names and texts")
        merged = {name: value for name, value in ((before or {}) | given).items() if value != ""}
        if len(merged) > limits.MAX_METADATA:
            raise self._fault("metadata", f"at most {limits.MAX_METADATA} names")
        for name, value in merged.items():
            if len(name) > limits.MAX_METADATA_NAME or len(value) > limits.MAX_METADATA_TEXT:
                raise self._fault("metadata", f"{name[:40]} or its value is too long")
        return merged

    def ignore(self, *names: str) -> None:
        """What Stripe takes and this server has no use for."""
        self._taken.update(names)

    def done(self) -> None:
        if unknown := [name for name in self._tree if name not in self._taken]:
            path = self.path(unknown[0])
            raise invalid(f"Received unknown parameter: {path}", param=path, code="parameter_unknown")
