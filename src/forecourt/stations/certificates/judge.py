"""What the certificates of a contract are worth: their chain, and what responders say of them. Never raises, and never
waits longer than a responder's deadline."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any, Final

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from msgspec import Struct
from prometheus_client import Counter

from forecourt.ocpp.neutral import CertificateQuestion, Contract, ContractStatus, Standing
from forecourt.platform.clock import Clock
from forecourt.stations.certificates.model import check_chain, issuer_among, key_hash, question_about, read_chain
from forecourt.stations.certificates.responders import Responders, issuer_of

log = structlog.get_logger(__name__)

ACCEPT: Final = "accept"
REFUSE: Final = "refuse"

#: By what a certificate is known: the hash of its authority's key, and its serial number.
Known = tuple[bytes, int]

JUDGED = Counter("forecourt_contracts_judged_total", "Contracts of Plug & Charge, by what they were worth.", ["status"])


class Trusted(Struct, frozen=True, kw_only=True):
    """How an organisation judges contracts, as the lane answered. `roots` are DER in base64."""

    tenant_id: int
    roots: tuple[str, ...] = ()
    required: bool = False
    unproven: str = ACCEPT

    @classmethod
    def of(cls, tenant_id: int, row: Sequence[Any]) -> "Trusted":
        """From what the lane CONTRACTS answered."""
        roots, required, unproven = row
        return cls(tenant_id=tenant_id, roots=tuple(roots or ()), required=required, unproven=unproven)

    def authorities(self) -> list[x509.Certificate]:
        """The certificates that are trusted."""
        return [x509.load_der_x509_certificate(base64.b64decode(each)) for each in self.roots]


class Judged(Struct, frozen=True, kw_only=True):
    """What a contract is worth. `standings`: how each certificate stands that had to be good, those of a chain in its
    order; None: it names no responder. Empty where nothing was asked."""

    status: ContractStatus
    standings: tuple[Standing | None, ...] = ()


class Judge:
    """Judges contracts of drivers."""

    def __init__(self, responders: Responders, clock: Clock) -> None:
        self._responders = responders
        self._clock = clock

    async def judge(self, trusted: Trusted, contract: Contract | None, emaid: str) -> ContractStatus | None:
        """What a contract is worth; None where nothing came and nothing had to."""
        if contract is None and not trusted.required:
            return None
        status = (await self.look(trusted, contract or Contract(), emaid)).status
        JUDGED.labels(status.value).inc()
        return status

    async def look(self, trusted: Trusted, contract: Contract, emaid: str) -> Judged:
        """The same with what each responder said, whether or not anything has to come."""
        roots = trusted.authorities()
        chain: list[x509.Certificate] = []
        if contract.chain:
            read = read_chain(contract.chain)
            status = check_chain(read or (), roots, emaid, self._clock.now())
            if read is None or status is not ContractStatus.ACCEPTED:
                return Judged(status=status)
            chain = read
        elif not contract.questions:
            return Judged(status=ContractStatus.NONE)
        authorities = [*chain[1:], *roots]
        asked = _asked(chain, contract.questions, authorities)
        if asked is None:
            return Judged(status=ContractStatus.CHAIN_ERROR)
        questions, wanted = asked
        standings = await self._standings(trusted.tenant_id, questions, authorities)
        told = tuple(None if each is None else standings.get(each) for each in wanted)
        return Judged(status=_worth(trusted, emaid, set(standings.values()), told), standings=told)

    async def _standings(
        self, tenant_id: int, questions: dict[Known, CertificateQuestion], authorities: Sequence[x509.Certificate]
    ) -> dict[Known, Standing]:
        """How each certificate stands that is asked about."""
        found = await asyncio.gather(
            *(self._responders.standing(tenant_id, each, authorities) for each in questions.values())
        )
        return {known: standing for known, (standing, _) in zip(questions, found, strict=True)}


def _worth(trusted: Trusted, emaid: str, said: set[Standing], told: Sequence[Standing | None]) -> ContractStatus:
    """What a contract is worth whose path is proven, by all that was said and by what had to be good."""
    if Standing.REVOKED in said:
        return ContractStatus.REVOKED
    if Standing.UNKNOWN in said:
        return ContractStatus.CHAIN_ERROR
    if any(each is not Standing.GOOD for each in told):
        log.info("nobody says whether a contract is revoked", emaid=emaid, becomes=trusted.unproven)
        return ContractStatus.ACCEPTED if trusted.unproven == ACCEPT else ContractStatus.CHAIN_ERROR
    return ContractStatus.ACCEPTED


def _asked(
    chain: Sequence[x509.Certificate], told: Sequence[CertificateQuestion], authorities: Sequence[x509.Certificate]
) -> tuple[dict[Known, CertificateQuestion], list[Known | None]] | None:
    """What to ask, once about each certificate, and which must be good: those of a chain that is proven, or else those
    that a station tells by their hashes. None where it tells one that makes no sense or whose authority isn't among
    these, so that no answer could prove it. What else it tells beside a chain is asked too, and accepts nothing."""
    questions: dict[Known, CertificateQuestion] = {}
    wanted: list[Known | None] = []
    for each in chain:
        issuer = issuer_among(each, authorities)
        wanted.append(None if issuer is None else _known(issuer, each.serial_number))
        question = None if issuer is None else question_about(each, issuer)
        if issuer is not None and question is not None:
            questions[_known(issuer, each.serial_number)] = question
    for question in told:
        issuer = issuer_of(question, authorities)
        if issuer is not None:
            questions.setdefault(_known(issuer, int(question.serial, 16)), question)
        elif not chain:
            return None
    return questions, wanted if chain else list(questions)


def _known(issuer: x509.Certificate, serial: int) -> Known:
    return key_hash(issuer, hashes.SHA256()), serial
