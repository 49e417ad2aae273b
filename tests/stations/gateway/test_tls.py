"""Security profiles 2 and 3 over real TLS sockets."""

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from forecourt.stations.gateway.roster import Admission, Refusal
from forecourt.stations.gateway.transport import AiohttpServer, PicowsServer, carrier, server_tls
from tests.stations.gateway.conftest import PASSWORD, Rig, StationClient
from tests.stations.gateway.test_sessions_over_sockets import boot
from tests.support import WAIT_S, free_port

LOCALHOST = (x509.DNSName("localhost"),)


class Authority:
    """A certificate authority of the test, writing PEM files to a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = self._write(f"{name}.pem", self._sign(self._name, self._key.public_key(), ca=True))

    def issue(self, common_name: str, *names: x509.GeneralName, days: int = 1) -> tuple[str, str]:
        """Certificate and key files for a name and alternative ones, valid until `days` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        signed = self._sign(subject, key.public_key(), *(names or LOCALHOST), days=days)
        certificate = self._write(f"{common_name}-{days}.crt", signed)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return certificate, self._write(f"{common_name}-{days}.key", private)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *names: x509.GeneralName,
        ca: bool = False,
        days: int = 1,
    ) -> bytes:
        end = datetime.now(UTC) + timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=10))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _write(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.write_bytes(content)
        return str(path)


class Secure:
    """The rig's gateway behind TLS ports, with and without client certificates."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.authority = Authority(folder, "authority")
        self.stranger = Authority(folder, "stranger")
        self._own = self.authority.issue("localhost")
        self._servers: list[PicowsServer | AiohttpServer] = []

    async def listen(self, *, client_certificates: bool) -> int:
        """A TLS port."""
        context = server_tls(*self._own, self.authority.file if client_certificates else None)
        server = carrier(self.rig.gateway, self.rig.transport, context)
        port = free_port()
        await server.start("127.0.0.1", port)
        self._servers.append(server)
        return port

    def dial(
        self, port: int, identity: str, *, password: str | None = None, certificate: tuple[str, str] | None = None
    ) -> websockets.connect:
        """A station's connection attempt over TLS."""
        context = ssl.create_default_context(cafile=self.authority.file)
        if certificate is not None:
            context.load_cert_chain(*certificate)
        headers = {}
        if password is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{identity}:{password}".encode()).decode()
        return websockets.connect(
            f"wss://localhost:{port}/ocpp/{identity}",
            ssl=context,
            subprotocols=[websockets.Subprotocol("ocpp2.0.1")],
            additional_headers=headers,
        )

    async def stop(self) -> None:
        for server in self._servers:
            await server.stop()


@pytest_asyncio.fixture
async def secure(rig: Rig, tmp_path: Path) -> AsyncIterator[Secure]:
    secure = Secure(rig, tmp_path)
    yield secure
    await secure.stop()


async def boot_2x(station: StationClient) -> str:
    what = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
    return str((await station.call("BootNotification", what))["status"])


async def test_profile_2_is_served_over_tls_with_its_password_and_refused_without_tls(secure: Secure) -> None:
    await secure.rig.register("CP1", profile=2)
    port = await secure.listen(client_certificates=False)
    async with secure.dial(port, "CP1", password=PASSWORD) as link:
        assert await boot_2x(StationClient(link)) == "Accepted"
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with secure.dial(port, "CP1", password="wrong"):
            pass
    assert refused.value.response.status_code == 401
    with pytest.raises(websockets.InvalidStatus) as plain:
        async with secure.rig.station("CP1"):
            pass
    assert plain.value.response.status_code == 403


async def test_profile_3_needs_a_certificate_of_our_authority_in_the_stations_name(secure: Secure) -> None:
    await secure.rig.register("CP1", profile=3)
    port = await secure.listen(client_certificates=True)
    async with secure.dial(port, "CP1", certificate=secure.authority.issue("CP1")) as link:
        assert await boot_2x(StationClient(link)) == "Accepted"
    for certificate in (secure.authority.issue("CP2"), None):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with secure.dial(port, "CP1", certificate=certificate):
                pass
        assert refused.value.response.status_code == 401


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_an_expired_certificate_and_one_of_a_foreign_authority_get_no_word_of_http(
    secure: Secure, newest: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    await secure.rig.register("CP1", profile=3)
    roster, asked = secure.rig.gateway.roster, []
    decide = roster.admit

    def admit(path: str, *arguments: Any, **more: Any) -> Admission | Refusal:
        asked.append(path)
        return decide(path, *arguments, **more)

    monkeypatch.setattr(roster, "admit", admit)
    port = await secure.listen(client_certificates=True)
    good = secure.authority.issue("CP1")
    assert b" 101 " in await knock_by_hand(secure, port, good, newest)
    assert len(asked) == 1
    for certificate in (secure.stranger.issue("CP1"), secure.authority.issue("CP1", days=-1)):
        assert await knock_by_hand(secure, port, certificate, newest) == b""
    assert len(asked) == 1, "it was let through the handshake"


async def knock_by_hand(secure: Secure, port: int, certificate: tuple[str, str], newest: ssl.TLSVersion) -> bytes:
    """The first line that a server says to an upgrade, empty where the handshake fails. In TLS 1.3 a client hears of
    that when it reads, and the server may be gone before its alert is read."""
    context = ssl.create_default_context(cafile=secure.authority.file)
    context.maximum_version = newest
    context.load_cert_chain(*certificate)
    try:
        reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    except (ssl.SSLError, ConnectionError):
        return b""
    try:
        writer.write(
            b"GET /ocpp/CP1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
        )
        return await asyncio.wait_for(reader.readline(), WAIT_S)
    except (ssl.SSLError, ConnectionError):
        return b""
    finally:
        writer.close()


async def test_profile_3_finds_the_identity_in_an_alternative_name_as_well_and_only_whole(secure: Secure) -> None:
    port = await secure.listen(client_certificates=True)
    for identity, name in (
        ("CP1.stations.example", x509.DNSName("CP1.stations.example")),
        ("urn:station:CP1", x509.UniformResourceIdentifier("urn:station:CP1")),
        ("cp1@stations.example", x509.RFC822Name("cp1@stations.example")),
    ):
        await secure.rig.register(identity, profile=3)
        certificate = secure.authority.issue("SERIAL-1", x509.DNSName("other"), name)
        async with secure.dial(port, identity, certificate=certificate) as link:
            assert await boot_2x(StationClient(link)) == "Accepted"
    await secure.rig.register("CP1", profile=3)
    await secure.rig.register("10.0.0.1", profile=3)
    for identity, names in (
        ("CP1", (x509.DNSName("cp1"), x509.DNSName("CP1.stations.example"), x509.DNSName("*"))),
        ("10.0.0.1", (x509.IPAddress(ipaddress.ip_address("10.0.0.1")),)),
    ):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with secure.dial(port, identity, certificate=secure.authority.issue("CP11", *names)):
                pass
        assert refused.value.response.status_code == 401


async def test_a_station_of_profile_1_may_use_the_tls_port_as_well(secure: Secure) -> None:
    await secure.rig.register("CP1")
    port = await secure.listen(client_certificates=False)
    async with asyncio.timeout(WAIT_S), secure.dial(port, "CP1", password=PASSWORD) as link:
        assert await boot_2x(StationClient(link)) == "Accepted"
    async with secure.rig.station("CP1") as station:
        assert (await boot(station))["status"] == "Accepted"
