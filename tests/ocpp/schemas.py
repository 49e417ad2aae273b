"""The published schemas as the oracle: validators, and instances and mutants made from them by a seeded generator."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import jsonschema_rs

from forecourt.ocpp.neutral import Version

Schema = dict[str, Any]
Steps = tuple[Any, ...]

FOLDERS = {Version.V16: "v16", Version.V201: "v201", Version.V21: "v21"}

GOOD_TIMES = (
    "2026-11-22T05:40:00Z",
    "2026-11-22T05:40:00.123Z",
    "2026-11-22T05:40:00.1234567Z",
    "2026-11-22T05:40:00+02:00",
    "2026-11-22T05:40:00-03:30",
    "2024-02-29t23:59:59z",
    "1970-01-01T00:00:00-00:00",
)
BAD_TIMES = (
    "2026-11-22T05:40:00",
    "2026-11-22 05:40:00Z",
    "2026-11-22T05:40:00+0000",
    "2026-11-22T05:40:00-0500",
    "2026-11-22T05:40:00 Z",
    "2026-11-22T05:40Z",
    "2026-11-22T05:40:61Z",
    "2026-11-22T24:00:00Z",
    "2026-11-22T05:40:00.Z",
    "2026-11-22T05:40:00,5Z",
    "2026-11-22T05:40:00+24:00",
    "2025-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-11-22",
    "22.11.2026 05:40",
    "nonsense",
    "",
)


@cache
def load(version: Version, message: str) -> Schema:
    """The schema of a message by its struct's name, as `AuthorizeRequest`."""
    spec = find_spec("ocpp")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / FOLDERS[version] / "schemas"
    bare = message.removesuffix("Request")
    path = next(path for name in (message, bare) if (path := folder / f"{name}.json").exists())
    schema: Schema = json.loads(path.read_text(encoding="utf-8-sig"))
    return schema


@cache
def validator(version: Version, message: str) -> jsonschema_rs.Validator:
    """The oracle, with formats asserted."""
    return jsonschema_rs.validator_for(load(version, message), validate_formats=True)


def instance(version: Version, message: str, random: Random, optional: float) -> Any:
    """A valid instance; each optional field is there with the given probability."""
    schema = load(version, message)
    return _value(schema, schema, random, optional)


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _value(schema: Schema, root: Schema, random: Random, optional: float) -> Any:
    schema = _resolved(schema, root)
    if "enum" in schema:
        return random.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            return {
                name: _value(sub, root, random, optional)
                for name, sub in schema.get("properties", {}).items()
                if name in required or random.random() < optional
            }
        case "array":
            low = schema.get("minItems", 0)
            high = min(schema.get("maxItems", low + 1), low + 1)
            return [_value(schema["items"], root, random, optional) for _ in range(random.randint(low, high))]
        case "string":
            return _text(schema, random)
        case "integer":
            return random.randint(max(0, int(schema.get("minimum", 0))), int(schema.get("maximum", 2**31 - 1)))
        case "number":
            return _number(schema, random)
        case "boolean":
            return random.random() < 0.5
    return random.choice([None, 1, "text", [1, {"a": None}], {"b": 2.5}])


def _text(schema: Schema, random: Random) -> str:
    if schema.get("format") == "date-time":
        return random.choice(GOOD_TIMES)
    if schema.get("format") == "uri":
        return random.choice(["ftp://user:secret@host/path", "https://example.org/a?b=c#d", "urn:x:y"])
    longest = schema.get("maxLength", 40)
    length = random.choice([0, 1, longest, random.randint(0, longest)])
    return "".join(random.choice('aZ09 .-_é日𝄞"\\/\n') for _ in range(min(length, longest)))


def _number(schema: Schema, random: Random) -> float | int:
    low, high = float(schema.get("minimum", -1000)), float(schema.get("maximum", 1000))
    if "multipleOf" in schema:
        return random.randint(0, 500) / 10
    return random.choice([random.uniform(low, high), random.randint(int(low), int(high)), low, high])


class Mutation(NamedTuple):
    """One way to break one place of an instance."""

    kind: str
    path: Steps
    change: Any

    def of(self, base: Any) -> Any:
        """The broken instance; the base stays whole."""
        if not self.path:
            return self.change
        broken = copy.deepcopy(base)
        _at(broken, self.path[:-1])[self.path[-1]] = self.change
        return broken


def mutations(version: Version, message: str, base: Any) -> list[Mutation]:
    """Every way to break one place of an instance, and some to change it that do not break it."""
    schema = load(version, message)
    return [
        Mutation(kind, path, change)
        for path, sub in _places(base, schema, schema, ())
        for kind, change in _changes(_at(base, path), sub)
    ]


def _at(value: Any, path: Steps) -> Any:
    for step in path:
        value = value[step]
    return value


def _places(
    value: Any, schema: Schema, root: Schema, path: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], Schema]]:
    schema = _resolved(schema, root)
    yield path, schema
    if schema.get("type") == "object":
        for name, item in value.items():
            yield from _places(item, schema["properties"][name], root, (*path, name))
    elif schema.get("type") == "array":
        for index, item in enumerate(value[:1]):
            yield from _places(item, schema["items"], root, (*path, index))


def _changes(value: Any, schema: Schema) -> Iterator[tuple[str, Any]]:
    if schema.get("type") is None:
        return
    yield "null", None
    match schema["type"]:
        case "object":
            yield "wrong type", "text"
            yield "unknown field", {**value, "unheardOf": 1}
            for name in value:
                kind = "missing" if name in schema.get("required", ()) else "left out"
                yield kind, {key: item for key, item in value.items() if key != name}
        case "array":
            yield "wrong type", {"0": value}
            yield ("too few" if schema.get("minItems") else "empty"), []
            if "maxItems" in schema and value:
                yield "too many", value[:1] * (schema["maxItems"] + 1)
        case "string":
            yield "wrong type", 5
            yield "wrong type", ["text"]
            yield from _text_changes(value, schema)
        case "integer":
            yield "wrong type", "17"
            yield "wrong type", True
            yield "wrong type", 17.5
            yield from _bound_changes(schema)
        case "number":
            yield "wrong type", "17.5"
            yield "wrong type", False
            yield "integer for number", 0
            yield from _bound_changes(schema)
            if "multipleOf" in schema:
                yield "out of range", 16.05
        case "boolean":
            yield "wrong type", 1
            yield "wrong type", "true"


def _text_changes(value: str, schema: Schema) -> Iterator[tuple[str, Any]]:
    if "enum" in schema:
        yield "wrong word", "unheardOf"
        yield "wrong word", value + " "
        if value.swapcase() != value:
            yield "wrong word", value.swapcase()
    elif schema.get("format") == "date-time":
        for time in BAD_TIMES:
            yield "wrong time", time
        for time in GOOD_TIMES:
            yield "right time", time
    elif schema.get("format") == "uri":
        for text in ("", "path/only", "//host", "http://a b", "http://ü.example", "1a:b"):
            yield "no uri", text
    elif "maxLength" in schema:
        yield "longest", "𝄞" * schema["maxLength"]
        yield "too long", "x" * (schema["maxLength"] + 1)


def _bound_changes(schema: Schema) -> Iterator[tuple[str, Any]]:
    if "minimum" in schema:
        yield "out of range", int(schema["minimum"]) - 1
        yield "at the bound", int(schema["minimum"])
    if "maximum" in schema:
        yield "out of range", int(schema["maximum"]) + 1
        yield "at the bound", int(schema["maximum"])


def names(version: Version) -> set[str]:
    """The struct names of all messages that have a schema."""
    spec = find_spec("ocpp")
    assert spec is not None
    assert spec.origin is not None
    stems = {path.stem for path in (Path(spec.origin).parent / FOLDERS[version] / "schemas").glob("*.json")}
    return {stem if stem.endswith(("Request", "Response")) else f"{stem}Request" for stem in stems}
