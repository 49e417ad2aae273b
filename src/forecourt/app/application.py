"""The framework's application, put together in a time that grows with its routes and not with their square, and with no
more than it takes to find them: what each wants of a request is read when it is asked for the first time."""

from copy import copy
from typing import Any

from litestar import Litestar, Router
from litestar._kwargs import KwargsModel
from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import HTTPRouteHandler
from litestar.routes import ASGIRoute, BaseRoute, HTTPRoute, WebSocketRoute
from litestar.types import ControllerRouterHandler, Method, RouteHandlerType
from litestar.types.internal_types import RouteHandlerMapItem


def copy_for(owner: Router, router: Router) -> Router:
    """A router that others have as well, as the own one of `owner`: with routers and handlers in it that are copies,
    where the framework copies all that hangs on them, too.

    It holds no sockets.
    """
    copies: dict[int, Any] = {}

    def copied(layer: Any) -> Any:
        if id(layer) not in copies:
            copies[id(layer)] = made = copy(layer)
            made.owner = owner if layer is router else copied(layer.owner)
        return copies[id(layer)]

    made: Router = copied(router)
    made.routes = []
    for route in router.routes:
        assert isinstance(route, HTTPRoute), "a router holds no sockets"
        handlers = [copied(handler) for handler in route.route_handlers]
        made.routes.append(HTTPRoute(path=route.path, route_handlers=handlers))
    return made


class Shelf(Router):
    """A router of routers that others have as well."""

    def _validate_registration_value(self, value: ControllerRouterHandler) -> "RouteHandlerType | Router":
        if isinstance(value, Router):
            return copy_for(self, value)
        return super()._validate_registration_value(value)


class Reading(dict[Method, tuple[HTTPRouteHandler, KwargsModel | None]]):
    """What handles each method of a route, and what it takes of a request: None until it is looked up."""

    def __init__(self, app: Litestar, route: HTTPRoute) -> None:
        """Raises ImproperlyConfiguredException where two handle one method."""
        super().__init__()
        self._app, self._route = app, route
        for handler in route.route_handlers:
            handler.resolve_opts()  # they say who may ask
            if self.keys() & handler.http_methods:
                raise ImproperlyConfiguredException(f"Two handlers of one method of {route.path!r}.")
            self |= dict.fromkeys(handler.http_methods, (handler, None))

    def __getitem__(self, method: Method) -> tuple[HTTPRouteHandler, KwargsModel | None]:
        """Raises ImproperlyConfiguredException where the framework can't work with it; KeyError without one."""
        handler, takes = super().__getitem__(method)
        if takes is None:
            handler.on_registration(self._app)
            takes = handler.create_kwargs_model(path_parameters=self._route.path_parameters)
            self |= dict.fromkeys(handler.http_methods, (handler, takes))
        return handler, takes


class Application(Litestar):
    """Remembers what handles each path while routes are added, where the framework looks through all of them for each;
    grows the tree of paths once; reads what a handler takes when it is first asked."""

    def __init__(self, **arguments: Any) -> None:
        """`arguments` are those of Litestar."""
        self._handlers: dict[str, RouteHandlerMapItem] = {}
        self._looked_at: dict[int, BaseRoute] = {}
        self._whole = False
        super().__init__(**arguments)
        self._whole = True
        self.asgi_router.construct_routing_trie()

    def register(self, value: ControllerRouterHandler) -> None:  # type: ignore[override]
        """Adds a handler, or a router with its own."""
        for route in Router.register(self, value):
            if isinstance(route, HTTPRoute):
                route.route_handler_map = Reading(self, route)  # type: ignore[assignment]
            elif isinstance(route, WebSocketRoute):
                route.route_handler.on_registration(self)
                route.handler_parameter_model = route.route_handler.create_kwargs_model(route.path_parameters)
            for plugin in self.plugins.receive_route:
                plugin.receive_route(route)
        if self._whole:
            self.asgi_router.construct_routing_trie()

    def read(self) -> None:
        """Reads what every handler takes. Raises ImproperlyConfiguredException where the framework can't work with
        one."""
        for route in self.routes:
            if isinstance(route, HTTPRoute):
                for method in route.route_handler_map:
                    route.route_handler_map[method]

    def _validate_registration_value(self, value: ControllerRouterHandler) -> "RouteHandlerType | Router":
        if isinstance(value, Router):
            return copy_for(self, value)
        return super()._validate_registration_value(value)

    @property
    def route_handler_method_map(self) -> dict[str, RouteHandlerMapItem]:
        """What handles each method of each path; to be read only."""
        for route in self.routes:
            if id(route) not in self._looked_at:
                self._looked_at[id(route)] = route
                self._add(route)
        return self._handlers

    def _add(self, route: BaseRoute) -> None:
        """A route that takes another's place has the handlers of that one, too."""
        handled = self._handlers.setdefault(route.path, {})
        if isinstance(route, HTTPRoute):
            handled |= {method: handler for handler in route.route_handlers for method in handler.http_methods}
        else:
            handled["asgi" if isinstance(route, ASGIRoute) else "websocket"] = route.route_handler  # type: ignore[attr-defined]
