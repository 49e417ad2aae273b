"""Which room tells programs outside what an event is about: the table of contents of webhooks."""

from collections.abc import Mapping

import forecourt.care.api
import forecourt.drivers.api
import forecourt.payments.api
import forecourt.sessions.api
import forecourt.stations.api
from forecourt.webhooks.model import Describe, Kind

DESCRIBE: Mapping[Kind, Describe] = {
    Kind.SESSION_STARTED: forecourt.sessions.api.describe_session,
    Kind.SESSION_UPDATED: forecourt.sessions.api.describe_session,
    Kind.SESSION_ENDED: forecourt.sessions.api.describe_session,
    Kind.STATION_CONNECTED: forecourt.stations.api.describe_station,
    Kind.STATION_DISCONNECTED: forecourt.stations.api.describe_station,
    Kind.STATION_STATE: forecourt.stations.api.describe_station,
    Kind.STATION_FAULT: forecourt.stations.api.describe_station,
    Kind.INCIDENT_OPENED: forecourt.care.api.describe_incident,
    Kind.INCIDENT_CLOSED: forecourt.care.api.describe_incident,
    Kind.TOKEN_CHANGED: forecourt.drivers.api.describe_token,
    Kind.PAYMENT_AUTHORISED: forecourt.payments.api.describe_payment,
    Kind.PAYMENT_CAPTURED: forecourt.payments.api.describe_payment,
    Kind.PAYMENT_REFUNDED: forecourt.payments.api.describe_payment,
    Kind.PAYMENT_RELEASED: forecourt.payments.api.describe_payment,
    Kind.PAYMENT_FAILED: forecourt.payments.api.describe_payment,
    Kind.PAYMENT_DISPUTED: forecourt.payments.api.describe_payment,
}
