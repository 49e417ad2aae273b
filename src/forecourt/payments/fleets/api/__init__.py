"""Routes of fleets that are billed."""

from litestar import Router

from forecourt.payments.fleets.api import account, invoices, paying, terms

routes = Router("/", route_handlers=[*account.handlers, *terms.handlers, *invoices.handlers, *paying.handlers])
