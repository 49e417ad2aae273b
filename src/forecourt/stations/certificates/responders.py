"""What responders say of certificates (OCSP, RFC 6960 and RFC 5019): asked by HTTP within a deadline, believed only
when signed as it must be, and remembered as long as it counts. Never raises, and never waits longer than the deadline.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from forecourt.ocpp.neutral import CertificateQuestion, Standing
from forecourt.platform.clock import Clock
from forecourt.platform.errors import ForecourtError
from forecourt.platform.outward import Outward, Unanswered
from forecourt.stations.certificates.kept import Kept
from forecourt.stations.certificates.model import (
    UNREADABLE,
    Said,
    has_usable_key,
    hash_named,
    key_hash,
    name_hash,
    subject_of,
)

log = structlog.get_logger(__name__)

#: A station waits no longer than this for a responder.
DEADLINE_S: Final = 3.0
#: Bytes of an answer; more would not fit what a station may be told.
MAX_ANSWER: Final = 13_500
#: Questions at once for one organisation, of one process; others of it get no answer.
MAX_ASKING: Final = 20
#: Answers remembered; the one that was used longest ago is forgotten first.
MAX_KNOWN: Final = 10_000
#: How far a responder's clock may be ahead.
SKEW: Final = timedelta(minutes=5)
#: So long counts an answer that doesn't say how long.
LEAST_COUNTS: Final = timedelta(hours=1)
#: When to ask anew about what nobody answered.
AGAIN: Final = timedelta(minutes=1)

_HEADERS: Final = {"content-type": "application/ocsp-request", "accept": "application/ocsp-response"}
_STANDINGS: Final = {
    ocsp.OCSPCertStatus.GOOD: Standing.GOOD,
    ocsp.OCSPCertStatus.REVOKED: Standing.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: Standing.UNKNOWN,
}


class Responders:
    """Owns what is asked at this moment and what responders said; `kept`: where others find that too, None where
    nobody shall."""

    def __init__(self, outward: Outward, clock: Clock, kept: Kept | None = None) -> None:
        self._outward = outward
        self._clock = clock
        self._asking: Counter[int] = Counter()
        self._kept = kept
        self._known: OrderedDict[tuple[int, CertificateQuestion], tuple[Standing, datetime]] = OrderedDict()

    async def relay(self, tenant_id: int, question: CertificateQuestion) -> bytes | None:
        """What the responder answers, its DER as it came, for somebody who checks it; None where nothing came that is
        an answer to this question."""
        answer = None if self._is_busy(tenant_id) else await self._ask(tenant_id, question)
        return None if answer is None else answer.public_bytes(Encoding.DER)

    async def standing(
        self, tenant_id: int, question: CertificateQuestion, issuers: Sequence[x509.Certificate]
    ) -> tuple[Standing, datetime]:
        """How a certificate stands and until when that counts. `issuers`: authorities that this organisation trusts, of
        which one must have signed the answer, or let somebody sign it. FAILED where no such answer came."""
        now = self._clock.now()
        try:
            return await self._standing(tenant_id, question, issuers, now)
        except Exception:
            # Whatever a stranger's answer holds, a station's connection outlives it.
            log.exception("an answer of a responder could not be judged", url=question.url)
            return Standing.FAILED, now + AGAIN

    async def _standing(
        self, tenant_id: int, question: CertificateQuestion, issuers: Sequence[x509.Certificate], now: datetime
    ) -> tuple[Standing, datetime]:
        # What is known counts only for who trusts the authority that was asked about.
        issuer = issuer_of(question, issuers)
        if issuer is None:
            return Standing.FAILED, now + AGAIN
        known = self._known.get((tenant_id, question))
        if known is not None and known[1] > now:
            self._known.move_to_end((tenant_id, question))
            return known
        shared = None if self._kept is None else await self._kept.find(tenant_id, question, now)
        if shared is not None:
            return self._remembered(tenant_id, question, (shared.standing, shared.counts_until))
        if self._is_busy(tenant_id):
            return Standing.FAILED, now + AGAIN
        answer = await self._ask(tenant_id, question)
        until = None if answer is None else believed_until(answer, issuer, now)
        found, produced_at = (Standing.FAILED, now + AGAIN), None
        if answer is not None and until is not None:
            found, produced_at = (_STANDINGS[answer.certificate_status], until), answer.produced_at_utc
        if self._kept is not None:
            standing, counts_until = found
            said = Said(
                standing=standing, issuer=subject_of(issuer), produced_at=produced_at, counts_until=counts_until,
                asked_at=now,
            )  # fmt: skip
            await self._kept.keep(tenant_id, question, said)
        return self._remembered(tenant_id, question, found)

    def _remembered(
        self, tenant_id: int, question: CertificateQuestion, found: tuple[Standing, datetime]
    ) -> tuple[Standing, datetime]:
        self._known[tenant_id, question] = found
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return found

    def _is_busy(self, tenant_id: int) -> bool:
        return self._asking[tenant_id] >= MAX_ASKING

    async def _ask(self, tenant_id: int, question: CertificateQuestion) -> ocsp.OCSPResponse | None:
        asked = _request(question)
        if asked is None:
            return None
        self._asking[tenant_id] += 1
        try:
            body = asked.public_bytes(Encoding.DER)
            got = await self._outward.ask(
                "POST", question.url, _HEADERS, body, deadline_s=DEADLINE_S, most=MAX_ANSWER + 1
            )
            if got.status != 200 or len(got.body) > MAX_ANSWER:
                raise Unanswered(f"it answered with status {got.status} and {len(got.body)} bytes")
            answer = ocsp.load_der_ocsp_response(got.body)
            if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                raise Unanswered(f"it answered {answer.response_status.name}")
            if not _is_about(answer, asked):
                raise Unanswered("it answered about another certificate")
        except (Unanswered, ForecourtError, ValueError, UnsupportedAlgorithm) as fault:
            log.info("a responder gave no answer", url=question.url, why=str(fault)[:200])
            return None
        finally:
            self._asking[tenant_id] -= 1
            if not self._asking[tenant_id]:
                del self._asking[tenant_id]
        return answer


def issuer_of(question: CertificateQuestion, issuers: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The authority among these that a question names; None where none is, or the question makes no sense."""
    if _request(question) is None:
        return None
    algorithm = hash_named(question.algorithm)
    named = (question.issuer_name_hash.lower(), question.issuer_key_hash.lower())
    known = ((each, name_hash(each, algorithm), key_hash(each, algorithm)) for each in issuers if has_usable_key(each))
    return next((each for each, name, key in known if (name.hex(), key.hex()) == named), None)


def believed_until(answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> datetime | None:
    """Until when an answer counts; None where it doesn't: it is not signed by the certificate's own authority or by
    whom that authority lets answer, or it is old."""
    until = answer.next_update_utc or answer.this_update_utc + LEAST_COUNTS
    if answer.this_update_utc > now + SKEW or until <= now:
        return None
    signers = [issuer, *(each for each in answer.certificates if _may_answer(each, issuer, now))]
    return until if any(_signed(answer, signer) for signer in signers) else None


def _request(question: CertificateQuestion) -> ocsp.OCSPRequest | None:
    """The question as OCSP has it; None where it makes no sense."""
    try:
        named = bytes.fromhex(question.issuer_name_hash), bytes.fromhex(question.issuer_key_hash)
        algorithm, serial = hash_named(question.algorithm), int(question.serial, 16)
        return ocsp.OCSPRequestBuilder().add_certificate_by_hash(*named, serial, algorithm).build()
    except (ValueError, KeyError):
        return None


def _is_about(answer: ocsp.OCSPResponse, asked: ocsp.OCSPRequest) -> bool:
    """Whether the one answer is about the certificate that was asked about."""
    return (
        answer.serial_number == asked.serial_number
        and answer.issuer_key_hash == asked.issuer_key_hash
        and answer.issuer_name_hash == asked.issuer_name_hash
    )


def _may_answer(signer: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """Whether an authority lets this one answer for it (RFC 6960 4.2.2.2)."""
    try:
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        signer.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    valid = signer.not_valid_before_utc <= now <= signer.not_valid_after_utc
    return valid and ExtendedKeyUsageOID.OCSP_SIGNING in purposes


def _signed(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, signature, content = signer.public_key(), answer.signature, answer.tbs_response_bytes
    try:
        algorithm = answer.signature_hash_algorithm
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, content)
        elif algorithm is None:
            return False
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), algorithm)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
