"""The same as a driver's own pages for an operator's app: sign in by a letter or by the operator's own provider, then
send the token as a bearer."""

from litestar import Router

from forecourt.driver.account.api import entry, memberships, money, offers, things

routes = Router(
    "/driver",
    route_handlers=[*entry.handlers, *money.handlers, *memberships.handlers, *things.handlers, *offers.handlers],
)
