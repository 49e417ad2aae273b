"""Every failure of a request as an RFC 9457 problem: ours, the framework's, and those nobody foresaw."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

import psycopg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.params import ParameterKwarg
from litestar.response import Redirect
from litestar.typing import FieldDefinition
from msgspec import Meta, Struct

from forecourt.access import SecondFactorNeeded, Unauthenticated
from forecourt.app.astray import malformed_part
from forecourt.app.wording import allowed_values, in_words
from forecourt.platform.errors import ForecourtError
from forecourt.ui.shell import to_sign_in

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
API_PREFIX = "/api/"
#: Where a person sees to how they sign in.
ACCOUNT_PATH = "/account"
#: What a caller is told to wait when nothing better is known.
RETRY_AFTER_S: Mapping[int, int] = {429: 60, 503: 2}

AnyRequest = Request[Any, Any, Any]


class InvalidMember(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part of a request that can't be accepted."""

    detail: str
    pointer: Annotated[str | None, Meta(description="Where it is: `#/field` in the body, or the parameter's name.")] = (
        None
    )


class Problem(Struct, frozen=True, kw_only=True):
    """What went wrong and what to do (RFC 9457). May hold further members that explain this very case."""

    type: Annotated[str, Meta(examples=["urn:forecourt:problem:station-unknown"])]
    title: Annotated[str, Meta(description="The same for every problem of this type.")]
    status: int
    detail: Annotated[str, Meta(description="What happened this time and what to do.")]
    code: Annotated[str, Meta(description="The end of `type`, for programs.", examples=["station-unknown"])]
    request_id: Annotated[str, Meta(description="Name it when you ask for help; the log knows it.")]
    errors: Annotated[list[InvalidMember] | None, Meta(description="Each part of the request that is wrong.")] = None


class RequestInvalid(ForecourtError):
    """The request can't be accepted as it is. Correct what is named and send it again."""

    status = 400
    code = "request-invalid"


def refused(members: list[InvalidMember], otherwise: str = "") -> RequestInvalid:
    """The refusal of a request for these parts of it; its detail tells the first, or is `otherwise`."""
    if not members:
        return RequestInvalid(otherwise, errors=members)
    where = f" ({members[0].pointer})" if members[0].pointer not in (None, "#") else ""
    return RequestInvalid(f"{members[0].detail}{where}. Correct it and send the request again.", errors=members)


def of_ours(request: AnyRequest, fault: ForecourtError) -> Response[Any]:
    """A ForecourtError says itself what it is."""
    if fault.status >= 500 and fault.status != 504:
        log.warning(
            "request failed", code=fault.code, detail=fault.detail, exc_info=fault if fault.status == 500 else None
        )
    if isinstance(fault, Unauthenticated) and _wants_page(request):
        return to_sign_in(request)
    if isinstance(fault, SecondFactorNeeded) and _wants_page(request):
        return Redirect(ACCOUNT_PATH, status_code=303)
    headers = {"www-authenticate": 'Bearer realm="forecourt"'} if fault.status == 401 else {}
    return _response(request, fault.problem(), headers)


def of_framework(request: AnyRequest, fault: HTTPException) -> Response[Any]:
    """What the framework refuses before a route is reached: bad input, no such route, a method it doesn't know."""
    if isinstance(fault, ValidationException):
        if (missing := _MISSING.match(fault.detail)) is not None:
            return of_ours(request, refused(_left_out(request, missing[1], missing[2])))
        members = _members(request, fault.extra)
        if astray := [member for member, path in members if path]:
            return _response(request, _nothing_at(astray), {})
        return of_ours(request, refused([member for member, _ in members], fault.detail))
    if fault.status_code == 400:
        return of_ours(request, RequestInvalid(fault.detail))
    if fault.status_code >= 500:
        return of_stranger(request, fault)
    problem = of_status(fault.status_code)
    if fault.status_code == 404 and (part := malformed_part(request.app, request.url.path)) is not None:
        problem = _nothing_at([InvalidMember(detail=part.detail, pointer=part.name)])
    return _response(request, problem, dict(fault.headers or {}))


def _nothing_at(parts: list[InvalidMember]) -> dict[str, Any]:
    """The problem of an address with parts that nothing is called: whether they can't be read, or only can't be."""
    detail = f"There is nothing at this address: {parts[0].detail} ({parts[0].pointer})."
    return of_status(404) | {"detail": detail, "errors": parts}


def of_status(status: int) -> dict[str, Any]:
    """The problem that a bare status is."""
    phrase = HTTPStatus(status).phrase
    code = phrase.lower().replace(" ", "-")
    detail = _DETAILS.get(status, phrase)
    return {
        "type": f"urn:forecourt:problem:{code}",
        "title": phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }


def of_depth(request: AnyRequest, fault: RecursionError) -> Response[Any]:
    """A body of thousands of brackets is the caller's mistake."""
    return of_ours(request, RequestInvalid("The body is nested too deeply to be read."))


def of_bytes(request: AnyRequest, _fault: UnicodeDecodeError) -> Response[Any]:
    """A request whose text is none."""
    return of_ours(request, RequestInvalid("The request is not UTF-8. Send it as UTF-8."))


def of_value(request: AnyRequest, fault: psycopg.DataError) -> Response[Any]:
    """A value that was let through and that PostgreSQL can't keep. What was begun with it was rolled back."""
    for sign, words in _UNKEEPABLE.items():
        if sign in str(fault):
            return of_ours(request, RequestInvalid(words))
    return of_stranger(request, fault)


def of_stranger(request: AnyRequest, fault: Exception) -> Response[Any]:
    """What nobody foresaw: told without its inside, written to the log with it."""
    log.error("request failed", fault=type(fault).__name__, exc_info=fault)
    return _response(request, ForecourtError().problem(), {})


#: How the framework says that something that a route needs was not sent.
_MISSING = re.compile(r"Missing required (\w+) parameter '([^']+)' for ")
_SENT_AS: Mapping[str, str] = {"query": "query parameter"}
#: By what psycopg or PostgreSQL says of a value.
_UNKEEPABLE: Mapping[str, str] = {
    "NUL": "The character NUL (U+0000) can't be kept. Leave it out and send the request again.",
    "unsupported Unicode escape": "The character NUL (U+0000) can't be kept. Leave it out and send the request again.",
    "timestamp too large": "A time lies beyond the year 9999 in UTC. Send an earlier one.",
    "timestamp too small": "A time lies before the year 1 in UTC. Send a later one.",
}
_DETAILS: Mapping[int, str] = {
    404: "There is nothing at this address. The API is described at /api/v1/openapi.json.",
    405: "This address does not take this method. The header Allow names those it takes.",
    413: "The request is larger than 1 MiB. Send less at once.",
    415: "Send the body as JSON.",
}


def _response(request: AnyRequest, problem: dict[str, Any], headers: dict[str, str]) -> Response[Any]:
    status = problem["status"]
    if status in RETRY_AFTER_S:
        headers.setdefault("retry-after", str(RETRY_AFTER_S[status]))
    problem["request_id"] = request.scope.get("state", {}).get("request_id", "")
    return Response(problem, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _left_out(request: AnyRequest, kind: str, named: str) -> list[InvalidMember]:
    """Each parameter that a route needs and was not sent; the framework names one of them."""
    handler = request.scope.get("route_handler")
    fields = {} if handler is None else handler.parsed_fn_signature.parameters
    sent = request.query_params if kind == "query" else ()
    names = {
        written
        for name, field in fields.items()
        if not field.is_di_field
        and field.is_required
        and not field.is_optional
        and isinstance(kwarg := field.kwarg_definition, ParameterKwarg)
        and kwarg.param_type.value == kind
        and (written := kwarg.name or name) not in sent
    }
    # What the framework calls otherwise than we do is still told.
    told = sorted(names) if kind == "query" and named in names else [named]
    words = _SENT_AS.get(kind, kind)
    return [InvalidMember(detail=f"This address needs the {words} {each!r}", pointer=each) for each in told]


def _members(request: AnyRequest, extra: Any) -> list[tuple[InvalidMember, bool]]:
    """Each part of a request that is wrong, and whether it is one of its address."""
    if not isinstance(extra, list):
        return []
    handler = request.scope.get("route_handler")
    fields = {} if handler is None else handler.parsed_fn_signature.parameters
    return [(_member(each, fields), each.get("source") == "path") for each in extra if isinstance(each, dict)]


def _member(each: dict[str, Any], fields: Mapping[str, FieldDefinition]) -> InvalidMember:
    key, source, message = str(each.get("key", "")), str(each.get("source", "")), str(each.get("message", ""))
    if source == "body":
        path = "" if key == "data" else key
        told = "#/" + path.replace("[", "/").replace("]", "").replace(".", "/") if path else "#"
        pointer = str(each.get("pointer", told))
        field = fields.get("data")
    else:
        name, _, path = key.partition(".")
        field = fields.get(name)
        # The name that the caller wrote, not that of the variable it becomes.
        pointer = key if field is None else getattr(field.kwarg_definition, "name", None) or name
    chosen = field is not None and message.startswith(("Invalid enum value", "Invalid value"))
    allowed = allowed_values(field.annotation, path) if field is not None and chosen else ()
    return InvalidMember(detail=in_words(message, allowed), pointer=pointer or None)


def _wants_page(request: AnyRequest) -> bool:
    accept = request.headers.get("accept", "")
    return not request.url.path.startswith(API_PREFIX) and "text/html" in accept


HANDLERS: dict[int | type[Exception], Any] = {
    ForecourtError: of_ours,
    HTTPException: of_framework,
    UnicodeDecodeError: of_bytes,
    RecursionError: of_depth,
    psycopg.DataError: of_value,
    Exception: of_stranger,
}
