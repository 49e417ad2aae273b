"""Routes of hosts. Who is limited to some sites reads their own host here, and nobody else's."""

from litestar import Router

from forecourt.payments.hosts.api import hosts, payouts

routes = Router("/", route_handlers=[*hosts.handlers, *payouts.handlers])
