"""Routes of hosts. Who is limited to some sites reads their own host here, and nobody else's."""

from litestar import Router

from forecourt.payments.hosts.api import connect, documents, hosts, payouts

routes = Router("/", route_handlers=[*hosts.handlers, *connect.handlers, *documents.handlers, *payouts.handlers])
