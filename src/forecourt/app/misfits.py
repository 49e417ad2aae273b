"""Every part of a JSON body that can't stand where it does: the decoder stops at the first one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from inspect import isclass
from itertools import islice
from types import UnionType
from typing import Annotated, Any, Final, TypeAlias, Union, get_args, get_origin

import msgspec
from msgspec import Struct

#: Parts that one refusal names.
MAX_NAMED: Final = 100
#: Kinds of values for which a decoder is kept.
MAX_DECODERS: Final = 2_000
#: Where the decoder says that it is: at a value, or at the name of one.
_PLACE: Final = re.compile(r" - at `(?:key` in `)?\$\.?([^`]*)`$")
_STEP: Final = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")

#: Names of members and numbers of entries, from the whole body inwards.
Place: TypeAlias = tuple[str | int, ...]


class Misfit(Struct, frozen=True, kw_only=True):
    """A part of a body: where it is, and what the decoder says of it."""

    place: Place
    message: str

    @property
    def pointer(self) -> str:
        """The place as RFC 6901 writes it in a URI."""
        return "/".join(["#", *(str(step).replace("~", "~0").replace("/", "~1") for step in self.place)])


def misfits(body: bytes, kind: Any, fault: msgspec.ValidationError) -> list[Misfit]:
    """Those of a body that is no `kind`, in its order, MAX_NAMED at the most; the `fault` of the decoder alone where no
    others can be told from it."""
    try:
        return list(islice(_misfits(msgspec.json.decode(body), kind, ()), MAX_NAMED))
    except (msgspec.MsgspecError, ValueError, TypeError):
        return [_told(fault, ())]


def _misfits(value: Any, kind: Any, place: Place) -> Iterator[Misfit]:
    try:
        _decoder(kind).decode(msgspec.json.encode(value))
    except msgspec.ValidationError as fault:
        below = _below(value, kind, place)
        first = next(below, None)
        if first is None:
            yield _told(fault, place)
        else:
            yield first
            yield from below


def _below(value: Any, kind: Any, place: Place) -> Iterator[Misfit]:
    """Those of the parts of a value."""
    for each in _alternatives(kind):
        of, inner = get_origin(each), get_args(each)
        if isinstance(value, dict) and isclass(each) and issubclass(each, Struct) and _is_meant(value, each, kind):
            yield from _members(value, each, place)
        elif isinstance(value, dict) and isclass(of) and issubclass(of, Mapping):
            for name, part in value.items():
                yield from _name(name, inner[0], place)
                yield from _misfits(part, inner[1], (*place, name))
        elif isinstance(value, list) and isclass(of) and issubclass(of, Sequence) and inner[1:] in ((), (...,)):
            for number, part in enumerate(value):
                yield from _misfits(part, inner[0], (*place, number))


def _members(value: dict[str, Any], kind: type[Struct], place: Place) -> Iterator[Misfit]:
    fields, config = {each.encode_name: each for each in msgspec.structs.fields(kind)}, kind.__struct_config__
    for name, part in value.items():
        if name in fields:
            yield from _misfits(part, fields[name].type, (*place, name))
        elif config.forbid_unknown_fields and name != config.tag_field:
            yield Misfit(place=place, message=f"Object contains unknown field `{name}`")
    for name, each in fields.items():
        if each.required and name not in value:
            yield Misfit(place=place, message=f"Object missing required field `{name}`")


def _name(name: str, kind: Any, place: Place) -> Iterator[Misfit]:
    """What is wrong with the name of a member that may have many."""
    try:
        _decoder(dict[kind, Any]).decode(msgspec.json.encode({name: None}))
    except msgspec.ValidationError as fault:
        yield Misfit(place=(*place, name), message=_PLACE.sub("", str(fault)))


def _is_meant(value: dict[str, Any], kind: type[Struct], among: Any) -> bool:
    """Whether a value can only be meant as this one of several structs: the only one, or the one of its tag."""
    config = kind.__struct_config__
    if config.tag_field is not None:
        return value.get(config.tag_field) == config.tag
    return sum(isclass(each) and issubclass(each, Struct) for each in _alternatives(among)) == 1


def _alternatives(kind: Any) -> Iterator[Any]:
    of = get_origin(kind)
    if of is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif of in (Union, UnionType):
        for each in get_args(kind):
            yield from _alternatives(each)
    else:
        yield kind


def _told(fault: msgspec.ValidationError, place: Place) -> Misfit:
    """As the decoder said it of what is at a place."""
    told = str(fault)
    found = _PLACE.search(told)
    if found is None:
        return Misfit(place=place, message=told)
    steps = [int(number) if number.isdecimal() else name for number, name in _STEP.findall(found[1])]
    return Misfit(place=(*place, *(step for step in steps if step != "")), message=told[: found.start()])


@lru_cache(MAX_DECODERS)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)
