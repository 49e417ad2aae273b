"""The verbs for what stations ask about certificates: how they stand (M06, 2.1 M07), and those for cars (M01, M02).

Each answer may wait for somebody outside, within a deadline; where none comes, it is the word of OCPP for that.
"""

import asyncio
import base64
from typing import Any, Final
from uuid import uuid4

import msgspec
import structlog
from msgspec import Struct

from forecourt.ocpp.neutral import (
    Answer,
    CertificateAnswer,
    CertificateAsked,
    CertificateQuestion,
    ChainAnswer,
    ChainAsked,
    ContractCertificateAnswer,
    ContractCertificateAsked,
    Standing,
)
from forecourt.platform import packrow
from forecourt.platform.clock import Clock
from forecourt.platform.errors import ForecourtError
from forecourt.platform.outward import Outward, Unanswered, signed_headers
from forecourt.platform.sealing import Seal
from forecourt.stations.certificates.judge import Trusted
from forecourt.stations.certificates.lanes import CONTRACTS, PROVIDERS
from forecourt.stations.certificates.responders import AGAIN, Responders
from forecourt.stations.gateway.inbound import Decide, Inbound, Later

log = structlog.get_logger(__name__)

SEAL_PURPOSE: Final = "contract provider"
#: A car waits 5 s for its certificate (ISO 15118-2 table 109); a part of it is the way.
DEADLINE_S: Final = 4.0
#: Bytes of a provider's answer.
MAX_ANSWER: Final = 64 * 1024
#: Requests of cars at once, of one process.
MAX_ASKING: Final = 20
#: What a request to a provider is called.
QUESTION: Final = "contract.certificate"
#: Words for why there is no certificate (StatusInfoType.reasonCode, 20 characters at the most).
NO_PROVIDER: Final = "NoProvider"
NO_ANSWER: Final = "NoAnswer"
BUSY: Final = "Busy"


class _Given(Struct, kw_only=True):
    """An answer of a provider, as far as it matters."""

    exi_response: str
    remaining_contracts: int | None = None


class Certificates:
    """The verbs."""

    def __init__(self, outward: Outward, responders: Responders, secret_key: bytes, clock: Clock) -> None:
        self._outward = outward
        self._responders = responders
        self._seal = Seal(secret_key, SEAL_PURPOSE)
        self._clock = clock
        self._asking = 0

    def hear_status(self, inbound: Inbound, report: CertificateAsked) -> Decide:
        """Tell a station what a responder says of a certificate; it checks that itself."""
        return lambda: Later(self._relay(inbound.station.tenant_id, report.question))

    def hear_chain(self, inbound: Inbound, report: ChainAsked) -> Decide:
        """Tell a station how certificates stand, as far as an answer of their responders can be believed."""
        write, tenant_id = inbound.write, inbound.station.tenant_id
        write.add(CONTRACTS.name, packrow.row(packrow.int8(write.number), packrow.int4(tenant_id)))
        return lambda: Later(self._chain(report, Trusted.of(tenant_id, write.answers[CONTRACTS.name])))

    def hear_certificate(self, inbound: Inbound, report: ContractCertificateAsked) -> Decide:
        """Hand a car's request to the provider of contracts that the organisation named."""
        write, station = inbound.write, inbound.station
        write.add(PROVIDERS.name, packrow.row(packrow.int8(write.number), packrow.int4(station.tenant_id)))

        def decide() -> Answer | Later:
            url, secret = write.answers[PROVIDERS.name]
            if url is None:
                return ContractCertificateAnswer(reason=NO_PROVIDER)
            return Later(self._forward(report, station.identity, url, secret))

        return decide

    async def _relay(self, tenant_id: int, question: CertificateQuestion) -> Answer:
        result = await self._responders.relay(tenant_id, question)
        return CertificateAnswer(result=None if result is None else base64.b64encode(result).decode())

    async def _chain(self, report: ChainAsked, trusted: Trusted) -> Answer:
        issuers = trusted.authorities()
        later = self._clock.now() + AGAIN

        async def one(question: CertificateQuestion | None) -> Any:
            if question is None:
                return Standing.FAILED, later
            return await self._responders.standing(trusted.tenant_id, question, issuers)

        return ChainAnswer(standings=tuple(await asyncio.gather(*map(one, report.questions))))

    async def _forward(self, report: ContractCertificateAsked, station: str, url: str, secret: str) -> Answer:
        if self._asking >= MAX_ASKING:
            return ContractCertificateAnswer(reason=BUSY)
        self._asking += 1
        try:
            return await self._ask(report, station, url, secret)
        except (Unanswered, ForecourtError, msgspec.MsgspecError) as fault:
            log.info("a provider of contracts gave no answer", url=url, why=str(fault)[:200])
            return ContractCertificateAnswer(reason=NO_ANSWER)
        finally:
            self._asking -= 1

    async def _ask(self, report: ContractCertificateAsked, station: str, url: str, secret: str) -> Answer:
        now = self._clock.now()
        asked = {
            "station": station,
            "schema_version": report.schema_version,
            "action": report.action,
            "exi_request": report.request,
            "maximum_contracts": report.most,
            "prioritized_emaids": list(report.emaids),
        }
        body = msgspec.json.encode({"type": QUESTION, "timestamp": now, "data": asked})
        headers = signed_headers([self._seal.open(base64.b64decode(secret))], str(uuid4()), int(now.timestamp()), body)
        got = await self._outward.post(url, headers, body, deadline_s=DEADLINE_S, most=MAX_ANSWER)
        if got.status != 200:
            raise Unanswered(f"it answered with status {got.status} and not 200")
        given = msgspec.json.decode(got.body, type=_Given)
        return ContractCertificateAnswer(response=given.exi_response, remaining=given.remaining_contracts)
