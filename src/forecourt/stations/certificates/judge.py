"""What the certificates of a contract are worth: their chain, and what responders say of them. Never raises, and never
waits longer than a responder's deadline."""

import asyncio
import base64
from collections.abc import Iterable, Sequence
from typing import Any, Final

import structlog
from cryptography import x509
from msgspec import Struct
from prometheus_client import Counter

from forecourt.ocpp.neutral import CertificateQuestion, Contract, ContractStatus, Standing
from forecourt.platform.clock import Clock
from forecourt.stations.certificates.model import check_chain, question_about, read_chain
from forecourt.stations.certificates.responders import Responders

log = structlog.get_logger(__name__)

ACCEPT: Final = "accept"
REFUSE: Final = "refuse"

JUDGED = Counter("forecourt_contracts_judged_total", "Contracts of Plug & Charge, by what they were worth.", ["status"])


class Trusted(Struct, frozen=True, kw_only=True):
    """How an organisation judges contracts, as the lane answered. `roots` are DER in base64."""

    roots: tuple[str, ...] = ()
    required: bool = False
    unproven: str = ACCEPT

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Trusted":
        """From what the lane CONTRACTS answered."""
        roots, required, unproven = row
        return cls(roots=tuple(roots or ()), required=required, unproven=unproven)

    def authorities(self) -> list[x509.Certificate]:
        """The certificates that are trusted."""
        return [x509.load_der_x509_certificate(base64.b64decode(each)) for each in self.roots]


class Judge:
    """Judges contracts of drivers."""

    def __init__(self, responders: Responders, clock: Clock) -> None:
        self._responders = responders
        self._clock = clock

    async def judge(self, trusted: Trusted, contract: Contract | None, emaid: str) -> ContractStatus | None:
        """What a contract is worth; None where nothing came and nothing had to."""
        if contract is None and not trusted.required:
            return None
        status = await self._judge(trusted, contract or Contract(), emaid)
        JUDGED.labels(status.value).inc()
        return status

    async def _judge(self, trusted: Trusted, contract: Contract, emaid: str) -> ContractStatus:
        roots = trusted.authorities()
        chain: list[x509.Certificate] = []
        if contract.chain:
            read = read_chain(contract.chain)
            status = check_chain(read or (), roots, emaid, self._clock.now())
            if read is None or status is not ContractStatus.ACCEPTED:
                return status
            chain = read
        elif not contract.questions:
            return ContractStatus.NONE
        authorities = [*chain[1:], *roots]
        questions = [*_questions(chain, authorities), *contract.questions]
        wanted = len(chain) or len(questions)
        standings = await self._standings(questions, authorities)
        if Standing.REVOKED in standings:
            return ContractStatus.REVOKED
        if Standing.UNKNOWN in standings:
            return ContractStatus.CHAIN_ERROR
        if standings.count(Standing.GOOD) < wanted:
            log.info("nobody says whether a contract is revoked", emaid=emaid, becomes=trusted.unproven)
            return ContractStatus.ACCEPTED if trusted.unproven == ACCEPT else ContractStatus.CHAIN_ERROR
        return ContractStatus.ACCEPTED

    async def _standings(
        self, questions: Sequence[CertificateQuestion], authorities: Sequence[x509.Certificate]
    ) -> list[Standing]:
        """How each certificate stands that is asked about, told once where it is asked about twice."""
        once = {int(each.serial, 16) if _is_hex(each.serial) else each.serial: each for each in reversed(questions)}
        found = await asyncio.gather(*(self._responders.standing(each, authorities) for each in once.values()))
        return [standing for standing, _ in found]


def _questions(
    chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]
) -> Iterable[CertificateQuestion]:
    """What to ask about each certificate of a chain that is proven."""
    for each in chain:
        issuer = next((other for other in authorities if other.subject == each.issuer), None)
        question = None if issuer is None else question_about(each, issuer)
        if question is not None:
            yield question


def _is_hex(text: str) -> bool:
    try:
        int(text, 16)
    except ValueError:
        return False
    return True
