"""Routes of hosts. Who is limited to some sites reads their own host here, and nobody else's."""

from litestar import Router

from forecourt.payments.hosts.api import connect, documents, hosts, payouts, rules

rooms = (hosts, rules, connect, documents, payouts)
routes = Router("/", route_handlers=[handler for room in rooms for handler in room.handlers])
