"""Routes of prices: tariffs and where they count, and what a session of a given shape would cost, exactly."""

from litestar import Router

from forecourt.pricing.api.quote import quote

routes = Router("/", route_handlers=[quote])

__all__ = ["routes"]
