"""The check of a request's query: a parameter that its route does not have is refused, not silently ignored, and so is
one that takes one value and is given several, of which the last would win.

A misspelt filter that is ignored answers with everything, which is found out when the wrong stations were changed.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar.connection import ASGIConnection
from litestar.enums import ParamType
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg
from litestar.typing import FieldDefinition

from forecourt.app.problems import InvalidMember, refused
from forecourt.app.wording import MOMENT, WHOLE_NUMBER
from forecourt.platform.errors import ForecourtError

#: What a value of a type must look like before the framework reads it: it would take `1e1` for ten, and a bare number
#: for seconds since 1970.
_WRITTEN: Final[Mapping[type, tuple[re.Pattern[str], str]]] = {
    int: (re.compile(r"-?[0-9]+"), WHOLE_NUMBER),
    datetime: (re.compile(r"[0-9]{4,}-.*", re.DOTALL), MOMENT),
}


class ParameterUnknown(ForecourtError):
    """This address does not have such a query parameter. `parameters` names those that it has."""

    status = 400
    code = "parameter-unknown"


@cache
def query_parameters(handler: BaseRouteHandler) -> Mapping[str, FieldDefinition]:
    """The query parameters that a route declares, by the names that callers write."""
    return {
        kwarg.name or name: field
        for name, field in handler.parsed_fn_signature.parameters.items()
        if not field.is_di_field
        and isinstance(kwarg := field.kwarg_definition, ParameterKwarg)
        and kwarg.param_type == ParamType.QUERY
    }


def known_parameters_only(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Lets a request through to its route, or raises ParameterUnknown or RequestInvalid."""
    query = connection.scope["query_string"]
    if not query:
        return
    known = query_parameters(handler)
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    unknown = next((name for name, _ in given if name not in known), None)
    if unknown is not None:
        those = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
        raise ParameterUnknown(
            f"This address has no query parameter {unknown!r}. {those}", parameter=unknown, parameters=sorted(known)
        )
    wrong: dict[str, InvalidMember] = {}
    before: set[str] = set()
    for name, value in given:
        detail = _wrong(known[name], value, again=name in before)
        if detail is not None:
            wrong.setdefault(name, InvalidMember(detail=detail, pointer=name))
        before.add(name)
    if wrong:
        raise refused(list(wrong.values()))


def _wrong(field: FieldDefinition, value: str, *, again: bool) -> str | None:
    """What is wrong with how one parameter is given."""
    if again and not field.is_non_string_sequence and not _holds_many(field):
        return "This parameter takes one value and is given more than once"
    for kind, (written, words) in _WRITTEN.items():
        if field.annotation is kind or kind in (inner.annotation for inner in field.inner_types):
            return None if written.fullmatch(value) else words
    return None


def _holds_many(field: FieldDefinition) -> bool:
    return field.is_optional and any(inner.is_non_string_sequence for inner in field.inner_types)
