"""The routing table: which verb takes which report of a station. A table of contents of what stations can say."""

from typing import get_args

from forecourt.energy.hearing import hear_asked, hear_limit, hear_needs, hear_priority, hear_profiles, hear_schedule
from forecourt.ocpp import neutral
from forecourt.payments.companies.said import Companies
from forecourt.payments.terminals.said import Terminals
from forecourt.sessions.service import Sessions
from forecourt.stations.certificates.said import Certificates
from forecourt.stations.gateway.inbound import Routes
from forecourt.stations.gateway.reports import StationReports


def routes(
    stations: StationReports,
    sessions: Sessions,
    terminals: Terminals,
    companies: Companies,
    certificates: Certificates,
) -> Routes:
    """Neutral report -> verb."""
    return {
        neutral.Boot: stations.boot,
        neutral.Heartbeat: stations.heartbeat,
        neutral.ConnectorStatus: stations.status,
        neutral.Authorize: sessions.authorize,
        neutral.TransactionReport: sessions.record,
        neutral.MeterReport: sessions.measure,
        # Each is kept, and answered by its version's own rule; what cars need and others limit is planned by.
        **dict.fromkeys(get_args(neutral.ChargingReport), stations.notice),
        neutral.ChargingNeeds: hear_needs,
        neutral.CarSchedule: hear_schedule,
        neutral.ChargingLimit: hear_limit,
        neutral.ChargingLimitCleared: hear_limit,
        neutral.DynamicAsked: hear_asked,
        neutral.PriorityNotice: hear_priority,
        neutral.ProfilesReport: hear_profiles,
        neutral.Settlement: terminals.hear,
        neutral.VatNumber: companies.hear,
        neutral.CertificateAsked: certificates.hear_status,
        neutral.ChainAsked: certificates.hear_chain,
        neutral.ContractCertificateAsked: certificates.hear_certificate,
        neutral.Notice: stations.notice,
    }
