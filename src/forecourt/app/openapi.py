"""The OpenAPI 3.1 document: made from the routes themselves, completed with what the framework doesn't know.

That is who may ask, which problems a route answers with, and what msgspec accepts and writes.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from inspect import isclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from litestar import Response, Router, get
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.response import Stream
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from forecourt import __doc__ as summary
from forecourt.access import Forbidden, Unauthenticated, Verb
from forecourt.access.guard import SESSION_COOKIE
from forecourt.access.idempotency import (
    HEADER,
    MAX_KEY_LENGTH,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    RequestInFlight,
)
from forecourt.access.model import ForbiddenHere, ScopeMissing, roles_for
from forecourt.app.application import Application
from forecourt.app.examples import Examples
from forecourt.app.parameters import ParameterUnknown
from forecourt.app.problems import MEDIA_TYPE, Problem, RequestInvalid, of_status
from forecourt.platform.errors import ForecourtError
from forecourt.pricing.ocpi_object import AS_NUMBER

DESCRIPTION = (
    "Everything that the console does can be done here. Lists answer `items` and `next`; pass `next` as `cursor` for"
    " the following page. Quantities are integers in the unit that ends their name, times are UTC. What goes wrong is"
    " told as a problem by RFC 9457, with a `code` for programs and a `detail` for people."
)
TAGS = {
    "sites": "Places with stations.",
    "stations": "Charging stations: who may connect, how they are, what was said, and calls to them.",
    "bulk runs": "One action on many stations: planned, done by a worker, followed and stopped.",
    "inbox": "Stations that knocked and are not known: adopted or dismissed.",
    "tokens": "What drivers show at a station, and what is decided about it.",
    "sessions": "What was charged and measured; start and stop from afar.",
    "webhooks": "Telling programs of yours what happens, as it happens.",
    "incidents": "What is wrong, and who is told of it.",
    "smart charging": "The electrics of sites, what prices and limits their energy, and what drivers need.",
    "tariffs": "What charging costs, in versions, and where, for whom and when each counts.",
    "prices": "What sessions cost by tariffs.",
    "payments": "What drivers paid, owe and got back, and the accounts that it goes to.",
    "card readers": "Where drivers hold a card: readers that the payment provider drives for you.",
    "ledger": "The journal, what accounts come to, and what follows of that.",
    "hosts": "Who owns sites, what share is theirs, and how they are paid.",
    "reconciliation": "What providers and banks say otherwise than the journal.",
    "people": "Who belongs to the organisation, and who was invited.",
    "organisation": "The organisation, and whoever asks.",
    "keys": "API keys.",
    "me": "Where a person is signed in, and what they sign in with.",
    "audit": "Who did what to what.",
}
SECURITY = "apiKey"
SESSION = "session"
DRIVER = "driver"
_ETAG = {"schema": {"type": "string"}, "description": "For `If-Match`: changes when somebody changes it."}
_IDEMPOTENCY_KEY = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
    "description": "A new key for each thing you want done. Asked again with it, nothing is done again: the answer of"
    " the first time comes once more, for 24 hours, with `Idempotency-Replayed: true`.",
}
_PAGE = re.compile(r"^Page_(?:.*\.)?(\w+)_$")
_REF = "#/components/schemas/"


class Bodies(OpenAPISchemaPlugin):
    """Keeps the framework from describing what msgspec describes: it would take most of the time, for nothing."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        return not field_definition.is_union and field_definition.is_subclass_of(msgspec.Struct)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: object) -> Schema:
        return Schema(type=OpenAPIType.OBJECT)


def document_route(api: Router, dependencies: Mapping[str, Provide], version: str) -> HTTPRouteHandler:
    """GET /api/v1/openapi.json: made at the first request, then kept."""
    made: list[bytes] = []

    @get("/api/v1/openapi.json", opt={"public": True}, include_in_schema=False, media_type="application/json")
    async def openapi() -> bytes:
        if not made:
            made.append(msgspec.json.encode(document(api, dependencies, version)))
        return made[0]

    return openapi


def document(api: Router, dependencies: Mapping[str, Provide], version: str) -> dict[str, Any]:
    """The document of these routes."""
    described = Application(
        route_handlers=[api],
        dependencies=dict(dependencies),
        # Or it would set up logging of its own, for the whole process.
        logging_config=None,
        plugins=[Bodies()],
        openapi_config=OpenAPIConfig(title="Forecourt", version=version, summary=summary, description=DESCRIPTION),
    )
    described.read()
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(described.openapi_schema.to_schema()))
    operations = [
        (made["paths"][route.path_format][method.lower()], handler)
        for route in described.routes
        if isinstance(route, HTTPRoute) and route.path_format in made["paths"]
        for method, (handler, _) in route.route_handler_map.items()
        if method.lower() in made["paths"][route.path_format]
    ]
    schema_of, schemas = _schemas([handler for _, handler in operations])
    examples = Examples(schemas)
    for operation, handler in operations:
        _complete(operation, handler, schema_of)
        _exemplify(operation, handler, examples)
    made["components"] = {
        "schemas": schemas,
        "responses": {
            "Problem": {
                "description": "Something else went wrong.",
                "content": {MEDIA_TYPE: {"schema": {"$ref": _REF + "Problem"}}},
            }
        },
        "securitySchemes": {
            SECURITY: {"type": "http", "scheme": "bearer", "description": "An API key, made by `POST /api/v1/keys`."},
            SESSION: {
                "type": "apiKey",
                "in": "cookie",
                "name": SESSION_COOKIE,
                "description": "A browser session; over TLS its name begins with `__Host-`.",
            },
            DRIVER: {
                "type": "http",
                "scheme": "bearer",
                "description": "A driver's session, begun by `POST /api/v1/driver/sign-in/enter`.",
            },
        },
    }
    made["security"] = [{SECURITY: []}]
    made["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    return made


def _schemas(handlers: Sequence[HTTPRouteHandler]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of each body that goes in or out, and the components they refer to.

    msgspec itself tells what it accepts and writes, so that the document can't promise anything else.
    """
    bodies = {body for handler in handlers for body in (_request_body(handler), *_answers(handler)) if body is not None}
    ordered = [*sorted(bodies, key=str), Problem]
    made, components = msgspec.json.schema_components(ordered, ref_template=_REF + "{name}")
    text = msgspec.json.encode([list(made), components]).decode()
    # Pages are called after what they list, and what two rooms call the same after its room.
    for name in components:
        match = _PAGE.match(name)
        if match is not None or "." in name:
            room, *_, last = name.split(".")[1:] if match is None else ("", "")
            better = f"{room.capitalize()}{last}" if match is None else f"{match[1]}Page"
            text = text.replace(f'"{_REF}{name}"', f'"{_REF}{better}"').replace(f'"{name}":', f'"{better}":')
    # msgspec knows decimals as strings only; those of OCPI are sent as numbers.
    text = text.replace(f'"{AS_NUMBER}":true,"type":"string","format":"decimal"', '"type":"number"')
    renamed, named = msgspec.json.decode(text)
    return dict(zip(ordered, renamed, strict=True)), named


def _request_body(handler: HTTPRouteHandler) -> Any:
    field = handler.parsed_fn_signature.parameters.get("data")
    return None if field is None else field.annotation


def _answers(handler: HTTPRouteHandler) -> tuple[Any, ...]:
    """What a route may return, without the envelope that sets its status."""
    annotation = handler.parsed_fn_signature.return_type.annotation
    if get_origin(annotation) is Response:
        annotation = get_args(annotation)[0]
    if isclass(annotation) and issubclass(annotation, Response):
        return ()
    if get_origin(annotation) in (Union, UnionType):
        return get_args(annotation)
    return () if annotation in (type(None), Stream) else (annotation,)


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler, schema_of: Mapping[Any, Any]) -> None:
    """Makes what the framework wrote of one route whole and true."""
    operation["operationId"] = handler.handler_name
    verb: Verb = handler.opt.get("verb", Verb.READ)
    roles = f"Needs the role {' or '.join(roles_for(verb))}."
    if handler.opt.get("own"):
        # By the cookie of a browser session: an API key is nobody who signs in.
        roles = "Needs a person who is signed in, whatever their role."
        operation["security"] = [{SESSION: []}]
    elif handler.opt.get("of_driver"):
        roles = "Needs a driver who is signed in: no role of an operator."
        operation["security"] = [{DRIVER: []}]
    elif handler.opt.get("public"):
        roles = "Needs no role: anybody may ask."
        operation["security"] = []
    operation["description"] = " ".join(filter(None, (operation.get("description"), roles)))
    fields = {
        getattr(field.kwarg_definition, "name", None) or name: field
        for name, field in handler.parsed_fn_signature.parameters.items()
    }
    for parameter in operation.get("parameters", ()):
        field = fields[parameter["name"]]
        bounds = {key: value for key, value in parameter["schema"].items() if key not in ("oneOf", "type", "enum")}
        parameter["schema"] = bounds | msgspec.json.schema(field.raw)
    problems: list[type[ForecourtError]] = [
        Unauthenticated,
        Forbidden,
        ForbiddenHere,
        ScopeMissing,
        ParameterUnknown,
        *handler.opt.get("problems", ()),
    ]
    if "POST" in handler.http_methods:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        problems += [IdempotencyKeyInvalid, RequestInFlight, IdempotencyKeyReused]
    responses = operation["responses"]
    responses.pop("400", None)
    _shape_answers(responses, handler, schema_of)
    if handler.opt.get("etag"):
        for status in responses:
            responses[status]["headers"] = {**responses[status].get("headers", {}), "ETag": _ETAG}
    if operation.get("parameters") or "requestBody" in operation:
        problems.append(RequestInvalid)
    by_status: dict[int, list[type[ForecourtError]]] = {}
    for problem in problems:
        by_status.setdefault(problem.status, []).append(problem)
    for status, group in sorted(by_status.items()):
        responses[str(status)] = _problem_response(status, group)
    if "requestBody" in operation:
        responses["413"] = _problem_response(413, ())
        operation["requestBody"]["content"] = {"application/json": {"schema": schema_of[_request_body(handler)]}}
    responses["default"] = {"$ref": "#/components/responses/Problem"}


def _shape_answers(responses: dict[str, Any], handler: HTTPRouteHandler, schema_of: Mapping[Any, Any]) -> None:
    """What a route answers: events, files of some kinds, or the JSON of its types."""
    if "stream" in handler.opt:
        content = {"schema": {"type": "string"}, "example": handler.opt["stream"]}
        responses["200"]["content"] = {"text/event-stream": content}
        return
    if files := handler.opt.get("media_types"):
        responses["200"]["content"] = {each: {"schema": {"type": "string"}} for each in files}
        return
    for answer in responses.values():
        for content in answer.get("content", {}).values():
            parts = [schema_of[body] for body in _answers(handler)]
            content["schema"] = parts[0] if len(parts) == 1 else {"oneOf": parts}


def _exemplify(operation: dict[str, Any], handler: HTTPRouteHandler, examples: Examples) -> None:
    """Gives an example to each body that goes in or out and has none; problems have theirs.

    A route whose body means something else than that of another names in `opt["example"]` what it has of its own.
    """
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for each in (*bodies, *operation["responses"].values()):
        for content in each.get("content", {}).values():
            if "example" not in content and "examples" not in content:
                content["example"] = examples.of(content["schema"])
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["example"] = {**content["example"], **handler.opt.get("example", {})}


def _problem_response(status: int, problems: Sequence[type[ForecourtError]]) -> dict[str, Any]:
    texts = [f"`{problem.code}`: {problem.default_message()}" for problem in problems] or [HTTPStatus(status).phrase]
    content: dict[str, Any] = {"schema": {"$ref": _REF + "Problem"}}
    if not problems:
        content["example"] = {**of_status(status), "request_id": "4f1c0a7be2d95630"}
    else:
        content["examples"] = {
            problem.code: {"value": {**problem().problem(), "request_id": "4f1c0a7be2d95630"}} for problem in problems
        }
    return {"description": "\n\n".join(texts), "content": {MEDIA_TYPE: content}}
