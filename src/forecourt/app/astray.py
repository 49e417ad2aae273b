"""Which part of an address can't be read: the framework knows no route for `/tariffs/abc`, and doesn't say why."""

from collections.abc import Sequence
from typing import Final

from litestar import Litestar
from litestar.types.internal_types import PathParameterDefinition
from msgspec import Struct

from forecourt.app.wording import cut

#: What a part of an address is, by the type that its route gives it.
_KINDS: Final = {
    "UUID": "a UUID, such as 0d3f7a52-6c1e-4b0e-9a55-3c2f0e8b7d11",
    "int": "a whole number",
    "date": "a day, such as 2026-03-01",
}


class Malformed(Struct, frozen=True, kw_only=True):
    """A part of an address that isn't what stands there: the name of the part, and what is wrong with it in words."""

    name: str
    detail: str


def malformed_part(app: Litestar, path: str) -> Malformed | None:
    """What keeps an address from being that of a route: the first part that would be read otherwise; None where it is
    like no route's."""
    parts = path.strip("/").split("/")
    for route in app.routes:
        if len(route.path_components) == len(parts) and (found := _wrong(route.path_components, parts)) is not None:
            return found
    return None


def _wrong(components: Sequence[str | PathParameterDefinition], parts: Sequence[str]) -> Malformed | None:
    found = None
    for component, part in zip(components, parts, strict=True):
        if isinstance(component, str):
            if component != part:
                return None
        elif component.parser is not None:
            try:
                component.parser(part)
            except ValueError:
                kind = _KINDS.get(component.type.__name__)
                if kind is not None and found is None:
                    found = Malformed(name=component.name, detail=f"{cut(part)!r} in the address is not {kind}")
    return found
