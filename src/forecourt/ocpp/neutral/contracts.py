"""Plug & Charge in neutral words: what proves a driver's contract, and what a station asks about certificates (2.x)."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class CertificateQuestion(Struct, frozen=True, kw_only=True):
    """Which certificate is meant, as OCSP names it (RFC 6960 CertID): hashes and the serial number in hex. `url` is the
    responder's, "" where none is told."""

    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial: str
    url: str = ""


class Contract(Struct, frozen=True, kw_only=True):
    """What came with an eMAID (C07): the chain in PEM, the contract's own first and without the root, where the station
    can't check it itself; or questions about certificates that it has checked."""

    chain: str = ""
    questions: tuple[CertificateQuestion, ...] = ()


class ContractStatus(StrEnum):
    """What a contract's certificates are worth: 2.x AuthorizeCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    EXPIRED = "CertificateExpired"
    REVOKED = "CertificateRevoked"
    NONE = "NoCertificateAvailable"
    CHAIN_ERROR = "CertChainError"
    CANCELLED = "ContractCancelled"


class CertificateAsked(Struct, frozen=True, kw_only=True):
    """GetCertificateStatus: what does the responder say of this certificate (M06)?"""

    question: CertificateQuestion


class CertificateAnswer(Struct, frozen=True, kw_only=True):
    """The answer to CertificateAsked: the responder's own, its DER in base64; None where none came."""

    result: str | None = None


class Standing(StrEnum):
    """How a certificate stands: 2.1 CertificateStatusEnumType."""

    GOOD = "Good"
    REVOKED = "Revoked"
    #: The responder doesn't know it.
    UNKNOWN = "Unknown"
    #: Nobody could be asked, or what came can't be believed.
    FAILED = "Failed"


class ChainAsked(Struct, frozen=True, kw_only=True):
    """GetCertificateChainStatus (2.1): how do these certificates stand? None where a list of revoked ones is asked for
    instead of a responder."""

    questions: tuple[CertificateQuestion | None, ...]


class ChainAnswer(Struct, frozen=True, kw_only=True):
    """The answer to ChainAsked, in its order: how each stands, and when to ask anew."""

    standings: tuple[tuple[Standing, datetime], ...]


class ContractCertificateAsked(Struct, frozen=True, kw_only=True):
    """Get15118EVCertificate: a car asks for a contract's certificate, or for a newer one (M01, M02). `request` is the
    car's own message, EXI in base64."""

    schema_version: str
    action: str
    request: str
    most: int | None = None
    emaids: tuple[str, ...] = ()


class ContractCertificateAnswer(Struct, frozen=True, kw_only=True):
    """The answer to ContractCertificateAsked: the message for the car, or None and a word for why."""

    response: str | None = None
    remaining: int | None = None
    reason: str | None = None
