"""What may be wrong with invoices of fleets, and with who is asked to pay them."""

from forecourt.platform.errors import ForecourtError


class InvoicingRefused(ForecourtError):
    """This can't be said of invoices. Correct what is named and try again."""

    status = 422
    code = "invoicing-refused"


class InvoicingMissing(ForecourtError):
    """It was not said yet who issues invoices. Say it at `PUT /api/v1/invoicing`, then try again."""

    status = 404
    code = "invoicing-missing"


class TermsMissing(ForecourtError):
    """It was not said yet whom this fleet's invoices are for. Say it at `PUT /api/v1/fleets/{fleet_id}/terms`."""

    status = 404
    code = "fleet-terms-missing"


class MandateMissing(ForecourtError):
    """The fleet has given no mandate for direct debits, or it has ended."""

    status = 404
    code = "fleet-mandate-missing"


class MandateRefused(ForecourtError):
    """This can't be a mandate. Correct what is named and try again."""

    status = 422
    code = "fleet-mandate-refused"


class InvoiceUnknown(ForecourtError):
    """There is no such invoice. `GET /api/v1/fleet-invoices` lists those that exist."""

    status = 404
    code = "fleet-invoice-unknown"


class InvoiceUnready(ForecourtError):
    """The document is being made. Ask again in a minute."""

    status = 409
    code = "fleet-invoice-unready"


class CreditRefused(ForecourtError):
    """This can't be credited. Correct what is named and try again."""

    status = 422
    code = "fleet-credit-refused"


class NothingOpen(ForecourtError):
    """Nothing of this invoice is open."""

    status = 409
    code = "fleet-invoice-settled"


class NothingLeftOver(ForecourtError):
    """A fleet can be paid back only what it paid and what settled no invoice. Of this one less is left over. Credit an
    invoice first."""

    status = 409
    code = "fleet-nothing-left"


class DebitRefused(ForecourtError):
    """There is no direct debit of this invoice of which that could be said. Look at the invoice."""

    status = 409
    code = "fleet-debit-refused"


class DebitFileUnknown(ForecourtError):
    """There is no such file of direct debits. `GET /api/v1/debit-files` lists those that exist."""

    status = 404
    code = "debit-file-unknown"


class DebitBackSince(ForecourtError):
    """A direct debit that this line paid came back since, by another line of the bank: it was drawn by this one."""

    status = 409
    code = "fleet-debit-back-since"


class PaidBackSince(ForecourtError):
    """A part of this money was paid back to the fleet by another line of the bank. Take that line back first."""

    status = 409
    code = "fleet-paid-back-since"
