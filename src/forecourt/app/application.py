"""The framework's application, put together in a time that grows with its routes and not with their square."""

from typing import Any

from litestar import Litestar
from litestar.routes import ASGIRoute, BaseRoute, HTTPRoute
from litestar.types.internal_types import RouteHandlerMapItem


class Application(Litestar):
    """Remembers what handles each path while routes are added; the framework looks through all of them for each."""

    def __init__(self, **arguments: Any) -> None:
        """`arguments` are those of Litestar."""
        self._handlers: dict[str, RouteHandlerMapItem] = {}
        self._looked_at: dict[int, BaseRoute] = {}
        super().__init__(**arguments)

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
