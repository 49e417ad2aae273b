"""Authorities of Plug & Charge made for the moment, and a responder of theirs that answers over HTTP (RFC 6960)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

EMAID = "DE8AACA2B3C4D51"


class Holder:
    """A certificate and its key."""

    def __init__(
        self,
        name: str,
        issuer: "Holder | None" = None,
        *,
        ca: bool = True,
        depth: int | None = None,
        signs: bool = True,
        from_: timedelta = timedelta(days=-10),
        until: timedelta = timedelta(days=100),
        responder: str | None = None,
        answers: bool = False,
        signer: "Holder | None" = None,
        serial: int | None = None,
        key: Any = None,
        branch: str | None = None,
    ) -> None:
        now = datetime.now(UTC)
        self.key: Any = key or ec.generate_private_key(ec.SECP256R1())
        named = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if branch is not None:
            named.append(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, branch))
        subject = x509.Name(named)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer is not None else subject)
            .public_key(self.key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(now + from_)
            .not_valid_after(now + until)
            .add_extension(x509.BasicConstraints(ca, depth), critical=True)
        )
        off = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
        usage: dict[str, bool] = {
            **off,
            **{"digital_signature": signs and not ca, "key_cert_sign": signs and ca, "crl_sign": ca},
            **{"encipher_only": False, "decipher_only": False},
        }
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
        if responder is not None:
            place = x509.UniformResourceIdentifier(responder)
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        if answers:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        by = signer or issuer or self
        self.certificate: x509.Certificate = builder.sign(by.key, hashes.SHA256())

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def asked_about(self, issuer: "Holder", url: str) -> dict[str, str]:
        """OCPP's OCSPRequestData of it."""
        key = issuer.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": sha256(issuer.certificate.subject.public_bytes()).hexdigest(),
            "issuerKeyHash": sha256(key).hexdigest(),
            "serialNumber": f"{self.certificate.serial_number:x}",
            "responderURL": url,
        }


class Responder:
    """Says of certificates what it is told to, signed by their authority or by whom it let answer."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[int] = []
        self.holders: dict[int, tuple[Holder, Holder]] = {}
        self.revoked: set[int] = set()
        self.unknown: set[int] = set()
        self.signer: Holder | None = None
        self.status = 200
        self.delay_s = 0.0
        self.lasts = timedelta(hours=1)
        self.instead: int | None = None

    def knows(self, holder: Holder, issuer: Holder) -> None:
        self.holders[holder.certificate.serial_number] = holder, issuer

    async def take(self, request: web.Request) -> web.Response:
        assert request.headers["content-type"] == "application/ocsp-request"
        asked = ocsp.load_der_ocsp_request(await request.read())
        self.asked.append(asked.serial_number)
        await asyncio.sleep(self.delay_s)
        if self.status != 200:
            return web.Response(status=self.status)
        holder, issuer = self.holders[self.instead or asked.serial_number]
        now, serial = datetime.now(UTC), asked.serial_number
        status = ocsp.OCSPCertStatus.REVOKED if serial in self.revoked else ocsp.OCSPCertStatus.GOOD
        status = ocsp.OCSPCertStatus.UNKNOWN if serial in self.unknown else status
        signer = self.signer or issuer
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=holder.certificate,
                issuer=issuer.certificate,
                algorithm=hashes.SHA256(),
                cert_status=status,
                this_update=now - timedelta(hours=2),
                next_update=now + self.lasts,
                revocation_time=now - timedelta(days=1) if status is ocsp.OCSPCertStatus.REVOKED else None,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        )
        if self.signer is not None:
            builder = builder.certificates([self.signer.certificate])
        body = builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)
        return web.Response(body=body, content_type="application/ocsp-response")


@asynccontextmanager
async def responding() -> AsyncIterator[Responder]:
    made = Responder()
    app = web.Application()
    app.router.add_post("/", made.take)
    runner: Any = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield made
    await runner.cleanup()


class Operator:
    """A mobility operator: root, two authorities under it, and a driver's contract; its responder knows all."""

    def __init__(self, responder: Responder, emaid: str = EMAID) -> None:
        self.responder = responder
        self.root = Holder("MO root")
        self.upper = Holder("MO sub 1", self.root, depth=1, responder=responder.url)
        self.lower = Holder("MO sub 2", self.upper, depth=0, responder=responder.url)
        self.contract = self.contract_of(emaid)
        for holder, issuer in ((self.upper, self.root), (self.lower, self.upper)):
            responder.knows(holder, issuer)

    def contract_of(self, emaid: str, **how: Any) -> Holder:
        made = Holder(emaid, self.lower, ca=False, responder=self.responder.url, **how)
        self.responder.knows(made, self.lower)
        return made

    def chain(self, contract: Holder | None = None) -> str:
        return (contract or self.contract).pem + self.lower.pem + self.upper.pem
