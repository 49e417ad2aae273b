"""Routes are found at once and read when they are asked; what is wrong with one is told all the same."""

from typing import Any

import pytest
from litestar import Litestar, Router, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import ImproperlyConfiguredException, NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.testing import TestClient
from litestar.types import ControllerRouterHandler

from forecourt.app.application import Application, Shelf


@get("/things/{number:int}", opt={"public": True})
async def thing(number: FromPath[int], more: FromQuery[int] = 0) -> int:
    return number + more


@post("/things/{number:int}")
async def another(number: FromPath[int], data: dict[str, int]) -> int:
    return number + data["more"]


def test_it_answers_as_the_framework_does() -> None:
    routes: list[ControllerRouterHandler] = [Router("/a", route_handlers=[thing, another]), thing, another]
    told, paths = [], []
    for made in (Litestar(routes, openapi_config=None), Application(route_handlers=routes, openapi_config=None)):
        with TestClient(made) as client:
            asked = [
                client.request(method, path, params={"more": more}, json=json)
                for path in ("/a/things/2", "/things/2", "/things/x", "/nothing")
                for method in ("GET", "POST", "DELETE", "OPTIONS", "HEAD")
                for more, json in ((3, {"more": 4}), ("x", {"more": "y"}))
            ]
        told.append([(each.status_code, set(each.headers.get("allow", "").split(", ")), each.text) for each in asked])
        paths.append({(route.path, *sorted(route.methods)) for route in made.routes})
    assert (told[0], paths[0]) == (told[1], paths[1])
    assert {status for status, *_ in told[0]} == {200, 201, 204, 400, 404, 405}


def test_a_router_that_two_applications_take_is_guarded_by_each_as_it_says() -> None:
    def nobody(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if not handler.opt.get("public"):
            raise NotAuthorizedException

    shelf = Shelf("/api", route_handlers=[Router("/a", route_handlers=[thing, another])])
    guarded = Application(route_handlers=[shelf], guards=[nobody], openapi_config=None)
    opened = Application(route_handlers=[shelf], openapi_config=None)
    opened.read()
    for made, status in ((guarded, 401), (opened, 201)):
        with TestClient(made) as client:
            assert client.get("/api/a/things/2").json() == 2
            assert client.post("/api/a/things/2", json={"more": 4}).status_code == status


def test_a_handler_that_the_framework_can_not_work_with_fails_when_it_is_read() -> None:
    @get("/wrong")
    async def wrong(data: int) -> None: ...

    made = Application(route_handlers=[thing, wrong], openapi_config=None)
    with pytest.raises(ImproperlyConfiguredException, match="'data' kwarg is unsupported"):
        made.read()
    with TestClient(made) as client:
        assert client.get("/things/2").json() == 2
        assert client.get("/wrong").status_code == 500


def test_two_handlers_of_one_method_of_a_path_are_refused() -> None:
    @get("/things/{number:int}")
    async def twin(number: FromPath[int]) -> int:
        return number

    with pytest.raises(ImproperlyConfiguredException, match="Two handlers"):
        Application(route_handlers=[thing, twin], openapi_config=None)
