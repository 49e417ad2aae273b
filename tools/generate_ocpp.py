"""Generates the typed OCPP messages from the JSON schemas that the `ocpp` package ships.

Writes `src/forecourt/ocpp/{v16,v201,v21}/messages.py`; with `--check` it writes nothing and fails where the
committed files differ. The schemas' descriptions are left out: their licence allows no derived texts.

The structs refuse what the schemas refuse. Where they refuse more, it is by the tables below: OCPP integers are
of 32 bits (OCPP 2.0.1 Part 2, §2.1 primitive data types), and what numbers connectors, EVSEs and events is never
negative. Both would otherwise reach database columns that can't hold them.
"""

import json
import keyword
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

TARGET = Path(__file__).resolve().parent.parent / "src" / "forecourt" / "ocpp"
VERSIONS = {"v16": "1.6J with its security extensions", "v201": "2.0.1", "v21": "2.1"}

LINE_LENGTH = 120

INT32 = (-(2**31), 2**31 - 1)

#: Properties that count from zero although most schemas do not say so.
NEVER_NEGATIVE = {"connectorId", "evseId", "seqNo", "EVSEType.id"}

#: 1.6 writes its types inline and unnamed; these are the specification's names for them.
TYPE_NAMES_16 = {
    "csChargingProfiles": "ChargingProfile",
    "configurationKey": "KeyValue",
    "localAuthorizationList": "AuthorizationData",
    "transactionData": "TransactionData",
}

#: RFC 3986, near enough: a scheme, and no character that must be escaped.
URI_PATTERN = r"^[A-Za-z][A-Za-z0-9+.-]*:[!#$%&-;=?-Z_a-z~\[\]]*$"

BASES = (
    ("Open", 'Struct, frozen=True, kw_only=True, gc=False, rename="camel"'),
    ("Closed", 'Struct, frozen=True, kw_only=True, gc=False, rename="camel", forbid_unknown_fields=True'),
)


def snake(name: str) -> str:
    """`exiRequest` -> exi_request, `responderURL` -> responder_url."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def camel(name: str) -> str:
    """What msgspec's rename="camel" makes of a field name."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def pascal(name: str) -> str:
    return name[0].upper() + name[1:]


def member(value: str) -> str:
    """The name of an enum member: `Energy.Active.Net` -> ENERGY_ACTIVE_NET."""
    name = re.sub(r"[^A-Z0-9]+", "_", snake(value).upper()).strip("_")
    return name if name[0].isalpha() else f"N_{name}"


class Types:
    """The types of one version in the order in which they must be written."""

    def __init__(self, *, inline_names: bool) -> None:
        self.inline_names = inline_names
        self.enums: dict[str, list[str]] = {}
        self.structs: dict[str, list[str]] = {}
        self.aliases: dict[str, str] = {}
        self.shapes: dict[str, str] = {}

    def message(self, name: str, schema: Schema) -> None:
        """Adds a message and all the types that it needs."""
        self._struct(name, schema, schema.get("definitions", {}), re.sub("(Request|Response)$", "", name))

    def _struct(self, name: str, schema: Schema, definitions: Schema, action: str) -> str:
        lines = []
        required = set(schema.get("required", ()))
        for prop, sub in schema.get("properties", {}).items():
            spelled = self._type(prop, sub, definitions, action, name)
            lines.append(_field(prop, spelled, prop in required))
        base = "Closed" if schema.get("additionalProperties") is False else "Open"
        self.structs[name] = [f"class {name}({base}, frozen=True, kw_only=True):", *(lines or ["    pass"])]
        return name

    def _type(self, prop: str, schema: Schema, definitions: Schema, action: str, owner: str) -> str:
        if "$ref" in schema:
            name = str(schema["$ref"]).rsplit("/", 1)[1]
            if name not in self.enums and name not in self.structs:
                self._define(name, definitions[name], definitions, action)
            return name
        if "enum" in schema:
            return self._inline(self._enum_name(prop, owner), schema, definitions, action)
        match schema.get("type"):
            case "object":
                return self._inline(TYPE_NAMES_16.get(prop, pascal(prop)), schema, definitions, action)
            case "array":
                items = self._type(prop, schema["items"], definitions, action, owner)
                return self._array(items, schema)
            case "string":
                return self._string(schema)
            case "integer":
                return self._integer(prop, schema, owner)
            case "number":
                return self._number(schema)
            case "boolean":
                return "bool"
            case None:
                return "Any"
        raise ValueError(f"{owner}.{prop}: no rule for {schema}")

    def _define(self, name: str, schema: Schema, definitions: Schema, action: str) -> None:
        if "enum" in schema:
            self.enums[name] = schema["enum"]
        elif schema["type"] == "object":
            self._struct(name, schema, definitions, action)
        else:
            raise ValueError(f"{name}: no rule for a definition like {schema}")

    def _inline(self, name: str, schema: Schema, definitions: Schema, action: str) -> str:
        """Equal inline types share one name; unequal ones of the same name are told apart by their message."""
        if not self.inline_names:
            raise ValueError(f"{action}: {name} is written inline")
        shape = json.dumps(schema, sort_keys=True)
        for candidate in (name, action + name):
            if self.shapes.setdefault(candidate, shape) == shape:
                if candidate not in self.enums and candidate not in self.structs:
                    self._define(candidate, schema, definitions, action)
                return candidate
        raise ValueError(f"{action}: a third meaning of {name}")

    def _enum_name(self, prop: str, owner: str) -> str:
        if prop in ("status", "type"):
            return re.sub("(Request|Response)$", "", owner) + pascal(prop)
        return pascal(prop)

    def _alias(self, name: str, spelled: str) -> str:
        if self.aliases.setdefault(name, spelled) != spelled:
            raise ValueError(f"two meanings of {name}")
        return name

    def _array(self, items: str, schema: Schema) -> str:
        low, high = schema.get("minItems"), schema.get("maxItems")
        if low is None and high is None:
            return f"tuple[{items}, ...]"
        name = "Many" + (f"From{low}" if low is not None else "") + (f"To{high}" if high is not None else "")
        bounds = _bounds(min_length=low, max_length=high)
        return self._alias(name, f"Annotated[tuple[Item, ...], Meta({bounds})]") + f"[{items}]"

    def _string(self, schema: Schema) -> str:
        match schema.get("format"):
            case "date-time":
                return self._alias("Time", "Annotated[datetime, Meta(tz=True)]")
            case "uri":
                return self._alias("Uri", f'Annotated[str, Meta(pattern=r"{URI_PATTERN}")]')
            case None:
                if (longest := schema.get("maxLength")) is None:
                    return "str"
                return self._alias(f"Text{longest}", f"Annotated[str, Meta(max_length={longest})]")
        raise ValueError(f"no rule for the format of {schema}")

    def _integer(self, prop: str, schema: Schema, owner: str) -> str:
        low, high = INT32
        if prop in NEVER_NEGATIVE or f"{owner}.{prop}" in NEVER_NEGATIVE:
            low = 0
        low, high = max(low, int(schema.get("minimum", low))), min(high, int(schema.get("maximum", high)))
        if (low, high) == INT32:
            name = "Integer"
        else:
            name = "Integer" + (f"From{low}" if low != INT32[0] else "") + (f"To{high}" if high != INT32[1] else "")
        return self._alias(name.replace("-", "Minus"), f"Annotated[int, Meta(ge={low}, le={high})]")

    def _number(self, schema: Schema) -> str:
        low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
        if low is None and high is None and step is None:
            return "float"
        name = "Number" + "".join(
            f"{word}{bound:g}".replace("-", "Minus").replace(".", "Point")
            for word, bound in (("From", low), ("To", high), ("By", step))
            if bound is not None
        )
        # msgspec's own multiple_of divides binary floats, by which 16.1 is no multiple of 0.1.
        extra = {"multiple_of": str(step)} if step is not None else None
        bounds = _bounds(ge=low, le=high, extra=extra)
        return self._alias(name, f"Annotated[float, Meta({bounds})]".replace("'", '"'))


def _bounds(**limits: object) -> str:
    return ", ".join(f"{key}={value}" for key, value in limits.items() if value is not None)


def _field(prop: str, spelled: str, required: bool) -> str:
    name = snake(prop)
    name = f"{name}_" if keyword.iskeyword(name) else name
    renamed = "" if camel(name) == prop else f'name="{prop}"'
    if required:
        return f"    {name}: {spelled}" + (f" = field({renamed})" if renamed else "")
    union = spelled if spelled == "Any" else f"{spelled} | UnsetType"
    line = f"    {name}: {union} = " + (f"field(default=UNSET, {renamed})" if renamed else "UNSET")
    if len(line) > LINE_LENGTH:
        line = line.replace("field(", "field(\n        ").removesuffix(")") + "\n    )"
    return line


def _enum(name: str, values: list[str]) -> Iterator[str]:
    yield f"class {name}(StrEnum):"
    names = [member(value) for value in values]
    for value, spelled in zip(values, names, strict=True):
        if names.count(spelled) > 1:
            raise ValueError(f"{name}: two members {spelled}")
        yield f'    {spelled} = "{value}"'


def _table(name: str, messages: dict[str, str]) -> Iterator[str]:
    yield f"{name}: Final[dict[str, type[Struct]]] = {{"
    for action, struct in messages.items():
        yield f'    "{action}": {struct},'
    yield "}"


def render(version: str, folder: Path) -> str:
    """The text of one version's messages.py. Deterministic: files by name, properties in the schemas' order."""
    types = Types(inline_names=version == "v16")
    requests: dict[str, str] = {}
    responses: dict[str, str] = {}
    for path in sorted(folder.glob("*.json"), key=lambda path: path.name):
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
        action = re.sub("(Request|Response)$", "", path.stem)
        if path.stem.endswith("Response"):
            name = responses[action] = f"{action}Response"
        else:
            name = requests[action] = f"{action}Request"
        types.message(name, schema)
    body: list[str] = ['Item = TypeVar("Item")'] if "Item" in "".join(types.aliases.values()) else []
    body += [*(f"{name} = {spelled}" for name, spelled in sorted(types.aliases.items()))]
    for name, values in types.enums.items():
        body += ["", "", *_enum(name, values)]
    for base, flags in BASES:
        if any(f"({base}," in lines[0] for lines in types.structs.values()):
            body += ["", "", f"class {base}({flags}):", "    pass"]
    for struct in types.structs.values():
        body += ["", "", *struct]
    body += ["", "", *_table("REQUESTS", requests), "", *_table("RESPONSES", responses)]
    return "\n".join([*_heading(version, "\n".join(body)), *body, ""])


def _heading(version: str, body: str) -> list[str]:
    words = set(re.findall(r"[A-Za-z]+", body))
    typing = ", ".join(name for name in ("Annotated", "Any", "Final", "TypeVar") if name in words)
    names = ", ".join(name for name in ("UNSET", "Meta", "Struct", "UnsetType", "field") if name in words)
    return [
        f'"""The messages of OCPP {VERSIONS[version]}.',
        "",
        "Written by tools/generate_ocpp.py from the published JSON schemas; changes belong there. A field that is",
        "absent is UNSET, for the schemas allow no null. No message can be part of a reference cycle (all is frozen",
        "and decoded from a tree), so none is tracked by the garbage collector.",
        '"""',
        "",
        "from datetime import datetime",
        "from enum import StrEnum",
        f"from typing import {typing}",
        "",
        f"from msgspec import {names}",
        "",
    ]


def main(arguments: list[str]) -> int:
    """Writes the files, or with --check compares them; returns the exit status."""
    package = find_spec("ocpp")
    if package is None or package.origin is None:
        print("The package `ocpp`, which ships the schemas, is not installed: run `make setup`.", file=sys.stderr)
        return 2
    stale = []
    for version in VERSIONS:
        text = render(version, Path(package.origin).parent / version / "schemas")
        path = TARGET / version / "messages.py"
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
    for path in stale:
        print(f"{path} differs from what its schemas say: run `python tools/generate_ocpp.py`.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
