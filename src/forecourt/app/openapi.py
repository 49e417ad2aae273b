"""The OpenAPI 3.1 document: made from the routes themselves, completed with what the framework doesn't know.

That is who may ask, which problems a route answers with, and that unknown members of a request are refused.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar, Router, get
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.routes import HTTPRoute

from forecourt import __doc__ as summary
from forecourt.access import Forbidden, Unauthenticated, Verb
from forecourt.access.model import roles_for
from forecourt.app.problems import MEDIA_TYPE, Problem, RequestInvalid
from forecourt.platform.errors import ForecourtError

DESCRIPTION = (
    "Everything that the console does can be done here. Lists answer `items` and `next`; pass `next` as `cursor` for"
    " the following page. Quantities are integers in the unit that ends their name, times are UTC. What goes wrong is"
    " told as a problem by RFC 9457, with a `code` for programs and a `detail` for people."
)
TAGS = {
    "sites": "Places with stations.",
    "stations": "Charging stations: who may connect, how they are, what was said, and calls to them.",
    "tokens": "What drivers show at a station, and what is decided about it.",
    "sessions": "What was charged and measured; start and stop from afar.",
    "keys": "API keys.",
}
SECURITY = "apiKey"
_PAGE = re.compile(r"^Page_(?:.*\.)?(\w+)_$")
_REF = "#/components/schemas/"


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
    described = Litestar(
        route_handlers=[api],
        dependencies=dict(dependencies),
        openapi_config=OpenAPIConfig(title="Forecourt", version=version, summary=summary, description=DESCRIPTION),
    )
    raw = described.openapi_schema.to_schema()
    made: dict[str, Any] = _renamed(raw)
    problem = msgspec.json.schema_components([Problem], ref_template=_REF + "{name}")[1]
    components = made["components"]
    components["schemas"].update(problem)
    components["responses"] = {
        "Problem": {
            "description": "Something else went wrong.",
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF + "Problem"}}},
        }
    }
    components["securitySchemes"] = {
        SECURITY: {"type": "http", "scheme": "bearer", "description": "An API key, as `POST /api/v1/keys` gives it."}
    }
    made["security"] = [{SECURITY: []}]
    made["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    for route in described.routes:
        if isinstance(route, HTTPRoute) and route.path_format in made["paths"]:
            for method, (handler, _) in route.route_handler_map.items():
                operation = made["paths"][route.path_format].get(method.lower())
                if operation is not None:
                    _complete(operation, handler, components["schemas"])
    return made


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler, schemas: dict[str, Any]) -> None:
    operation["operationId"] = handler.handler_name
    verb: Verb = handler.opt.get("verb", Verb.READ)
    roles = f"Needs the role {' or '.join(roles_for(verb))}."
    operation["description"] = " ".join(filter(None, (operation.get("description"), roles)))
    problems: list[type[ForecourtError]] = [Unauthenticated, Forbidden, *handler.opt.get("problems", ())]
    if operation.get("parameters") or "requestBody" in operation:
        problems.append(RequestInvalid)
    operation["responses"].pop("400", None)
    by_status: dict[int, list[type[ForecourtError]]] = {}
    for problem in problems:
        by_status.setdefault(problem.status, []).append(problem)
    for status, group in sorted(by_status.items()):
        operation["responses"][str(status)] = _problem_response(status, group)
    if "requestBody" in operation:
        operation["responses"]["413"] = _problem_response(413, ())
        for content in operation["requestBody"]["content"].values():
            schemas[content["schema"]["$ref"].removeprefix(_REF)]["additionalProperties"] = False
    operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}


def _problem_response(status: int, problems: Sequence[type[ForecourtError]]) -> dict[str, Any]:
    texts = [f"`{problem.code}`: {problem.default_message()}" for problem in problems] or [HTTPStatus(status).phrase]
    content: dict[str, Any] = {"schema": {"$ref": _REF + "Problem"}}
    if problems:
        content["examples"] = {
            problem.code: {"value": {**problem().problem(), "request_id": "4f1c0a7be2d95630"}} for problem in problems
        }
    return {"description": "\n\n".join(texts), "content": {MEDIA_TYPE: content}}


def _renamed(raw: dict[str, Any]) -> dict[str, Any]:
    """Calls the pages of a list after what they list: `StationPage`, not after the module it is written in."""
    names = {name: f"{match[1]}Page" for name in raw["components"]["schemas"] if (match := _PAGE.match(name))}
    text = msgspec.json.encode(raw).decode()
    for name, better in names.items():
        text = text.replace(f'"{_REF}{name}"', f'"{_REF}{better}"').replace(f'"{name}":', f'"{better}":')
    renamed: dict[str, Any] = msgspec.json.decode(text)
    return renamed
