"""The same as a driver's own pages for an operator's app: sign in by a letter, then send the token as a bearer."""

from litestar import Router

from forecourt.driver.account.api import entry, money, things

routes = Router("/driver", route_handlers=[*entry.handlers, *money.handlers, *things.handlers])
