"""What can be wrong with what somebody asks of a payment."""

from forecourt.platform.errors import ForecourtError


class PaymentUnknown(ForecourtError):
    """There is no such payment. `GET /api/v1/payments` lists those that exist."""

    status = 404
    code = "payment-unknown"


class PriceMissing(ForecourtError):
    """No tariff counts here, so nothing can be charged for. Assign a tariff to the station, its site or everywhere."""

    status = 409
    code = "price-missing"


class PriceChanged(ForecourtError):
    """The price here is another one since it was shown. Look at it, and start by that one if it suits."""

    status = 409
    code = "price-changed"


class DebtOpen(ForecourtError):
    """An earlier session is still unpaid. Pay it first, then charging can start."""

    status = 402
    code = "debt-open"


class RefundTooHigh(ForecourtError):
    """That is more than is left of what was captured. Refund what is left, or less."""

    status = 409
    code = "refund-too-high"


class InvoicedAlready(ForecourtError):
    """This session stands on a fleet's invoice. Credit it there: `POST /api/v1/fleet-invoices/{id}/credit`."""

    status = 409
    code = "payment-invoiced"


class PaymentDisputed(ForecourtError):
    """A driver's bank disputes this payment and has the money, or keeps it. What is owed to the driver goes another
    way."""

    status = 409
    code = "payment-disputed"


class NothingCaptured(ForecourtError):
    """Nothing was captured of this payment, so nothing can be refunded."""

    status = 409
    code = "nothing-captured"


class PaidAtTerminal(NothingCaptured):
    """This was paid at the station's own terminal. Give it back at its provider."""


class NothingOwed(ForecourtError):
    """Nothing is owed of this payment any more."""

    status = 409
    code = "nothing-owed"


class TriedJustNow(ForecourtError):
    """This could not be paid a moment ago. Try again in a minute."""

    status = 409
    code = "tried-just-now"


class WalletEmpty(ForecourtError):
    """There is nothing in the wallet that could pay what is owed. Put money into it first, or pay another way."""

    status = 409
    code = "wallet-empty"


class PaymentOver(ForecourtError):
    """This payment is over and can't be changed any more."""

    status = 409
    code = "payment-over"


class StationOutOfReach(ForecourtError):
    """This station is out of reach just now, so nobody can pay there. Choose another one, or call for help."""

    status = 409
    code = "station-out-of-reach"


class ConnectorOutOfOrder(ForecourtError):
    """This connector is out of order, so nobody can pay there. Choose another one."""

    status = 409
    code = "connector-out-of-order"


class ConnectorTaken(ForecourtError):
    """Somebody else is just paying at this connector. Wait a moment, or choose another one."""

    status = 409
    code = "connector-taken"


class ConnectorInUse(ConnectorTaken):
    """A car charges at this connector. Choose another one."""

    code = "connector-in-use"
