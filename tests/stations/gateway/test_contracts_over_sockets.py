"""Plug & Charge over sockets: a contract is proven by its chain and by a responder, and what stations ask about
certificates is answered by those who know."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography.x509 import ocsp

from forecourt.access import Role, store
from forecourt.access.service import key_digest
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.settings import Settings
from tests.ground import Ground
from tests.receiver import Receiver, receiver, signature
from tests.stations.gateway.conftest import SECRET, Rig, StationClient, a_rig
from tests.stations.pki import EMAID, Holder, Operator, Responder, responding
from tests.support import FakeClock

__all__ = ["receiver"]

KEY = "fc_a key of the tests of contracts"
pytestmark = pytest.mark.parametrize("transport", ["picows"], indirect=True)
VERSIONS = ("ocpp2.0.1", "ocpp2.1")


class Plugged:
    """A gateway, the web, an operator whose contracts are trusted, and its responder."""

    def __init__(self, rig: Rig, client: httpx.AsyncClient, responder: Responder) -> None:
        self.rig, self.client, self.responder = rig, client, responder
        self.operator = Operator(responder)

    async def trust(self, holder: Holder) -> None:
        answer = await self.client.post("/api/v1/contract-roots", json={"pem": holder.pem})
        assert answer.status_code == 201, answer.text

    async def rules(self, **wanted: Any) -> dict[str, Any]:
        answer = await self.client.put("/api/v1/contract-rules", json=wanted)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made


@pytest_asyncio.fixture
async def plugged(rig: Rig) -> AsyncIterator[Plugged]:
    tenant_id = rig.tenant()
    async with AsyncExitStack() as stack:
        bus = await Bus.connect(rig.nats_url)
        stack.push_async_callback(bus.close)
        db = await rig.ground.pool("forecourt_app", 2)
        async with db.tenant(tenant_id) as conn:
            await store.insert_key(conn, tenant_id, "owner", Role.OWNER, key_digest(SECRET.encode(), KEY))
        settings = Settings(secret_key=SECRET, webhooks_private=True)
        app: Any = create_app(settings, db, bus, FakeClock(datetime.now(UTC)))
        headers = {"authorization": f"Bearer {KEY}"}
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://forecourt.test", headers=headers)
        )
        responder = await stack.enter_async_context(responding())
        made = Plugged(rig, client, responder)
        await made.trust(made.operator.root)
        yield made


async def shown(station: StationClient, emaid: str = EMAID, **proof: Any) -> tuple[str, str | None]:
    """What a station is told that shows an eMAID: of the token, and of its certificates."""
    answer = await station.call("Authorize", {"idToken": {"idToken": emaid, "type": "eMAID"}, **proof})
    return answer["idTokenInfo"]["status"], answer.get("certificateStatus")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_contract_charges_that_is_registered_and_proven(rig: Rig, plugged: Plugged, version: str) -> None:
    operator = plugged.operator
    rig.token(EMAID)
    other = operator.contract_of("DE8AAOTHER00011")
    await rig.register("CP1")
    async with rig.station("CP1", version) as station:
        assert await shown(station, certificate=operator.chain()) == ("Accepted", "Accepted")
        assert len(plugged.responder.asked) == 3
        # Good certificates alone let nobody in, nor do those of somebody else.
        assert await shown(station, "DE8AAOTHER00011", certificate=operator.chain(other)) == ("Invalid", "Accepted")
        assert await shown(station, certificate=operator.chain(other)) == ("Invalid", "CertChainError")
        forged = Holder(EMAID, operator.lower, ca=False, signer=other)
        assert await shown(station, certificate=operator.chain(forged)) == ("Invalid", "SignatureError")
        assert await shown(station, certificate="nothing") == ("Invalid", "CertChainError")
        # Without anything that proves it the token counts, as stations may have proven it themselves.
        assert await shown(station) == ("Accepted", None)
        await plugged.rules(required=True)
        assert await shown(station) == ("Invalid", "NoCertificateAvailable")
        card = await station.call("Authorize", {"idToken": {"idToken": EMAID, "type": "ISO14443"}})
        assert (card["idTokenInfo"]["status"], card.get("certificateStatus")) == ("Accepted", None)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_revoked_contract_is_blocked_and_one_that_is_over_here_is_cancelled(
    rig: Rig, plugged: Plugged, version: str
) -> None:
    rig.token(EMAID)
    rig.token("DE8AABLOCKED011", "blocked")
    operator = plugged.operator
    blocked = operator.contract_of("DE8AABLOCKED011")
    plugged.responder.revoked.add(operator.contract.certificate.serial_number)
    await plugged.trust(operator.lower)
    await rig.register("CP1")
    async with rig.station("CP1", version) as station:
        assert await shown(station, certificate=operator.chain()) == ("Blocked", "CertificateRevoked")
        hashes = [operator.contract.asked_about(operator.lower, plugged.responder.url)]
        found = await shown(station, iso15118CertificateHashData=hashes)
        assert found == ("Blocked", "CertificateRevoked")
        found = await shown(station, "DE8AABLOCKED011", certificate=operator.chain(blocked))
        assert found == ("Blocked", "ContractCancelled")


async def test_a_responder_that_is_away_delays_nobody_for_long_and_the_rule_decides(
    rig: Rig, plugged: Plugged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecourt.stations.certificates.responders.DEADLINE_S", 0.2)
    rig.token(EMAID)
    plugged.responder.delay_s = 30
    await rig.register("CP1")
    async with rig.station("CP1", "ocpp2.0.1") as station:
        assert await shown(station, certificate=plugged.operator.chain()) == ("Accepted", "Accepted")
        await plugged.rules(unproven="refuse")
        assert await shown(station, certificate=plugged.operator.chain()) == ("Invalid", "CertChainError")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_is_told_what_the_responder_says_in_its_own_signed_words(
    rig: Rig, plugged: Plugged, version: str
) -> None:
    operator, responder = plugged.operator, plugged.responder
    question = operator.contract.asked_about(operator.lower, responder.url)
    await rig.register("CP1")
    async with rig.station("CP1", version) as station:
        answer = await station.call("GetCertificateStatus", {"ocspRequestData": question})
        assert answer["status"] == "Accepted"
        said = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
        assert said.certificate_status is ocsp.OCSPCertStatus.GOOD
        assert said.serial_number == operator.contract.certificate.serial_number
        responder.status = 500
        assert await station.call("GetCertificateStatus", {"ocspRequestData": question}) == {"status": "Failed"}
        nobody = question | {"responderURL": "http://127.0.0.1:9/"}
        assert await station.call("GetCertificateStatus", {"ocspRequestData": nobody}) == {"status": "Failed"}


async def test_a_station_sends_nobody_into_the_own_network_though_webhooks_may_go_there(
    ground: Ground, transport: str
) -> None:
    async with a_rig(ground, transport, responders_private=False) as rig, responding() as responder:
        operator = Operator(responder)
        question = operator.contract.asked_about(operator.lower, responder.url)
        await rig.register("CP1")
        async with rig.station("CP1", "ocpp2.1") as station:
            answer = await station.call("GetCertificateStatus", {"ocspRequestData": question})
        assert (answer, responder.asked) == ({"status": "Failed"}, [])


async def test_a_station_of_2_1_is_told_how_each_certificate_of_a_chain_stands(rig: Rig, plugged: Plugged) -> None:
    operator, responder = plugged.operator, plugged.responder
    await plugged.trust(operator.lower)
    other = operator.contract_of("DE8AAOTHER00011")
    responder.revoked.add(other.certificate.serial_number)
    asked = []
    for holder, source in ((operator.contract, "OCSP"), (other, "OCSP"), (other, "CRL"), (operator.upper, "OCSP")):
        issuer = operator.lower if holder is not operator.upper else operator.upper
        question = holder.asked_about(issuer, "")
        question.pop("responderURL")
        asked.append({"certificateHashData": question, "source": source, "urls": [responder.url]})
    await rig.register("CP1")
    async with rig.station("CP1", "ocpp2.1") as station:
        answer = await station.call("GetCertificateChainStatus", {"certificateStatusRequests": asked})
        found = answer["certificateStatus"]
        assert [each["status"] for each in found] == ["Good", "Revoked", "Failed", "Failed"]
        assert [each["certificateHashData"] for each in found] == [each["certificateHashData"] for each in asked]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_cars_request_for_a_certificate_goes_to_the_provider_and_its_answer_to_the_car(
    rig: Rig, plugged: Plugged, receiver: Receiver, version: str
) -> None:
    request = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install", "exiRequest": "gJgC"}
    await rig.register("CP1")
    async with rig.station("CP1", version) as station:
        answer = await station.call("Get15118EVCertificate", request)
        assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Failed", "NoProvider")
        secret = (await plugged.rules(provider_url=receiver.url))["secret"]
        receiver.status, receiver.body = 200, b'{"exi_response": "gJoC", "remaining_contracts": 1}'
        answer = await station.call("Get15118EVCertificate", request)
        assert (answer["status"], answer["exiResponse"]) == ("Accepted", "gJoC")
        assert answer.get("remainingContracts") == (1 if version == "ocpp2.1" else None)
        [(headers, body)] = receiver.got
        assert headers["webhook-signature"] == signature(secret, headers, body)
        asked = json.loads(body)
        assert asked["type"] == "contract.certificate"
        assert asked["data"] | {"maximum_contracts": None, "prioritized_emaids": []} == asked["data"]
        assert (asked["data"]["station"], asked["data"]["exi_request"]) == ("CP1", "gJgC")
        receiver.body = json.dumps({"exi_response": "A" * 20_000}).encode()
        answer = await station.call("Get15118EVCertificate", request)
        assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Failed", "TooLong")
        receiver.status = 503
        answer = await station.call("Get15118EVCertificate", request)
        assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Failed", "NoAnswer")
