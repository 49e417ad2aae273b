"""The check of a request's query: a parameter that its route does not have is refused, not silently ignored.

A misspelt filter that is ignored answers with everything, which is found out when the wrong stations were changed.
"""

from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from litestar.connection import ASGIConnection
from litestar.enums import ParamType
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg

from forecourt.platform.errors import ForecourtError


class ParameterUnknown(ForecourtError):
    """This address does not have such a query parameter. `parameters` names those that it has."""

    status = 400
    code = "parameter-unknown"


@cache
def query_parameters(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of the query parameters that a route declares."""
    return frozenset(
        kwarg.name or name
        for name, field in handler.parsed_fn_signature.parameters.items()
        if not field.is_di_field
        and isinstance(kwarg := field.kwarg_definition, ParameterKwarg)
        and kwarg.param_type == ParamType.QUERY
    )


def known_parameters_only(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Lets a request through to its route, or raises ParameterUnknown."""
    query = connection.scope["query_string"]
    if not query:
        return
    known = query_parameters(handler)
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    unknown = next((name for name, _ in given if name not in known), None)
    if unknown is None:
        return
    those = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
    raise ParameterUnknown(
        f"This address has no query parameter {unknown!r}. {those}", parameter=unknown, parameters=sorted(known)
    )
