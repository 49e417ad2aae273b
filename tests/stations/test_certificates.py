"""Chains of contracts: what makes one good, and in which word OCPP says what is wrong with another."""

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from forecourt.ocpp.neutral import CertificateQuestion, Contract, ContractStatus, Standing
from forecourt.platform.outward import Outward
from forecourt.stations.certificates.judge import Judge, Trusted
from forecourt.stations.certificates.model import check_chain, key_hash, names, read_authority, read_chain
from forecourt.stations.certificates.responders import MAX_ASKING, Responders
from tests.http import House, Tenant
from tests.stations.pki import EMAID, Holder, Operator, Responder, responding
from tests.support import FakeClock

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
OPERATOR = Operator(Responder())
OTHER = Operator(Responder())


def status(*chain: Holder, anchors: tuple[Holder, ...] = (OPERATOR.root,), emaid: str = EMAID) -> ContractStatus:
    read = read_chain("".join(each.pem for each in chain))
    return check_chain(read or [], [each.certificate for each in anchors], emaid, NOW)


LEAF, LOW, UP, ROOT = OPERATOR.contract, OPERATOR.lower, OPERATOR.upper, OPERATOR.root


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        ((LEAF, LOW, UP), ContractStatus.ACCEPTED),
        ((LEAF, UP, LOW), ContractStatus.ACCEPTED),
        ((LEAF, LOW), ContractStatus.CHAIN_ERROR),
        ((), ContractStatus.CHAIN_ERROR),
        ((OTHER.contract, OTHER.lower, OTHER.upper), ContractStatus.SIGNATURE_ERROR),
        # Signed by somebody who says to be the authority.
        ((Holder(EMAID, LOW, ca=False, signer=OTHER.lower), LOW, UP), ContractStatus.SIGNATURE_ERROR),
        ((LEAF, Holder("MO sub 2", UP, depth=0), UP), ContractStatus.SIGNATURE_ERROR),
        # Over, and not yet begun; the contract's or an authority's.
        ((Holder(EMAID, LOW, ca=False, until=-DAY), LOW, UP), ContractStatus.EXPIRED),
        ((Holder(EMAID, LOW, ca=False, from_=DAY), LOW, UP), ContractStatus.CHAIN_ERROR),
        # What an authority may not do, and what a contract may not be.
        ((Holder(EMAID, LEAF, ca=False), LEAF, LOW, UP), ContractStatus.CHAIN_ERROR),
        ((Holder(EMAID, LOW, ca=False, signs=False), LOW, UP), ContractStatus.CHAIN_ERROR),
        ((Holder(EMAID, LOW, ca=True), LOW, UP), ContractStatus.CHAIN_ERROR),
        ((Holder("DE8AACA2B3C4D5X", LOW, ca=False), LOW, UP), ContractStatus.CHAIN_ERROR),
    ],
    ids=[
        *(
            "good",
            "any-order",
            "gap",
            "none",
            "other-root",
            "forged",
            "other-key",
            "expired",
            "not-yet",
            "no-authority",
        ),
        *("no-signing", "authority-as-contract", "other-contract"),
    ],
)
def test_a_chain_is_good_or_told_what_is_wrong_with_it(chain: tuple[Holder, ...], found: ContractStatus) -> None:
    assert status(*chain) is found


def test_an_authority_may_sign_only_as_deep_as_its_own_certificate_says() -> None:
    shallow = Holder("MO sub 1", ROOT, depth=0)
    low = Holder("MO sub 2", shallow)
    assert status(Holder(EMAID, low, ca=False), low, shallow) is ContractStatus.CHAIN_ERROR
    old = Holder("MO sub 2", UP, depth=0, until=-DAY)
    assert status(Holder(EMAID, old, ca=False), old, UP) is ContractStatus.EXPIRED
    no_key = Holder("MO sub 2", UP, signs=False)
    assert status(Holder(EMAID, no_key, ca=False), no_key, UP) is ContractStatus.CHAIN_ERROR
    # An authority under a root may be trusted by itself.
    assert status(LEAF, anchors=(LOW,)) is ContractStatus.ACCEPTED
    assert status(LEAF, LOW, UP, anchors=()) is ContractStatus.CHAIN_ERROR


@pytest.mark.parametrize(
    ("emaid", "same"),
    [
        ("DE8AACA2B3C4D51", True),
        ("de-8aa-ca2b3c4d5-1", True),
        ("DE*8AA*CA2B3C4D5*1", True),
        ("DE8AACA2B3C4D5", True),
        ("DE8AACA2B3C4D52", False),
        ("DE8AACA2B3C4D", False),
        ("", False),
    ],
)
def test_a_contract_is_that_of_its_emaid_however_it_is_written(emaid: str, same: bool) -> None:
    assert names(LEAF.certificate, emaid) is same


def test_only_certificates_of_authorities_are_read_as_such() -> None:
    assert read_authority(ROOT.pem) == ROOT.certificate
    for refused in (LEAF.pem, ROOT.pem + LOW.pem, "", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"):
        assert read_authority(refused) is None
    assert read_chain(LEAF.pem * 5) is None


class Court:
    """A judge, a responder, and an operator under it."""

    def __init__(self, judge: Judge, responders: Responders, responder: Responder) -> None:
        self.judge, self.responders, self.responder = judge, responders, responder
        self.operator = Operator(responder)

    def trusted(self, unproven: str = "accept", required: bool = False) -> Trusted:
        return Trusted(roots=(_der(self.operator.root),), unproven=unproven, required=required)

    async def says(self, unproven: str = "accept", emaid: str = EMAID) -> ContractStatus | None:
        return await self.judge.judge(self.trusted(unproven), Contract(chain=self.operator.chain()), emaid)


@pytest_asyncio.fixture
async def court() -> AsyncIterator[Court]:
    clock = FakeClock(datetime.now(UTC))
    async with responding() as responder, Outward(private=True) as outward:
        responders = Responders(outward, clock)
        yield Court(Judge(responders, clock), responders, responder)


async def test_every_certificate_of_a_chain_is_asked_about_once_and_remembered(court: Court) -> None:
    assert await court.says() is ContractStatus.ACCEPTED
    serials = [each.certificate.serial_number for each in (court.operator.contract, court.operator.lower)]
    assert sorted(court.responder.asked) == sorted([*serials, court.operator.upper.certificate.serial_number])
    assert await court.says() is ContractStatus.ACCEPTED
    assert len(court.responder.asked) == 3


@pytest.mark.parametrize("which", ["contract", "lower"])
async def test_a_revoked_certificate_anywhere_in_the_chain_is_refused(court: Court, which: str) -> None:
    court.responder.revoked.add(getattr(court.operator, which).certificate.serial_number)
    assert await court.says() is ContractStatus.REVOKED


@pytest.mark.parametrize("trouble", ["silent", "forged", "old", "other"])
async def test_what_no_responder_proves_is_judged_as_the_organisation_wants(court: Court, trouble: str) -> None:
    if trouble == "silent":
        court.responder.status = 503
    elif trouble == "forged":
        court.responder.signer = Holder("somebody", OTHER.lower, ca=False, answers=True)
    elif trouble == "old":
        court.responder.lasts = -timedelta(minutes=1)
    else:
        court.responder.instead = court.operator.upper.certificate.serial_number
        court.responder.holders.pop(court.operator.contract.certificate.serial_number)
    assert await court.says("accept") is ContractStatus.ACCEPTED
    assert await court.says("refuse") is ContractStatus.CHAIN_ERROR


async def test_whom_an_authority_lets_answer_is_believed_and_nobody_else_of_it(court: Court) -> None:
    lower = court.operator.lower
    alone = court.operator.contract.pem
    trusted = Trusted(roots=(_der(lower),), unproven="refuse")
    for answers, found in ((False, ContractStatus.CHAIN_ERROR), (True, ContractStatus.ACCEPTED)):
        court.responder.signer = Holder("desk", lower, ca=False, answers=answers)
        assert await court.judge.judge(trusted, Contract(chain=alone), EMAID) is found
    court.responder.unknown.add(court.operator.contract.certificate.serial_number)
    fresh = Judge(Responders(court.responders._outward, FakeClock(NOW)), FakeClock(NOW))
    assert await fresh.judge(trusted, Contract(chain=alone), EMAID) is ContractStatus.CHAIN_ERROR


async def test_what_a_station_checked_itself_is_asked_about_by_its_hashes(court: Court) -> None:
    said = court.operator.contract.asked_about(court.operator.lower, court.responder.url)
    question = CertificateQuestion(
        algorithm=said["hashAlgorithm"],
        issuer_name_hash=said["issuerNameHash"].upper(),
        issuer_key_hash=said["issuerKeyHash"],
        serial=said["serialNumber"],
        url=said["responderURL"],
    )
    asked = Contract(questions=(question,))
    for unproven, found in (("accept", ContractStatus.ACCEPTED), ("refuse", ContractStatus.CHAIN_ERROR)):
        # Its authority is not among those that are trusted, so nobody can tell whether an answer is genuine.
        assert await court.judge.judge(court.trusted(unproven), asked, EMAID) is found
    trusted = Trusted(roots=(_der(court.operator.lower),), unproven="refuse")
    assert await court.judge.judge(trusted, asked, EMAID) is ContractStatus.ACCEPTED
    court.responder.revoked.add(court.operator.contract.certificate.serial_number)
    later = Judge(Responders(court.responders._outward, FakeClock(NOW)), FakeClock(NOW))
    assert await later.judge(trusted, asked, EMAID) is ContractStatus.REVOKED
    nonsense = CertificateQuestion(algorithm="SHA256", issuer_name_hash="zz", issuer_key_hash="00", serial="g", url="x")
    assert await court.judge.judge(trusted, Contract(questions=(nonsense,)), EMAID) is ContractStatus.CHAIN_ERROR


async def test_nothing_has_to_come_unless_the_organisation_wants_it(court: Court) -> None:
    assert await court.judge.judge(court.trusted(), None, EMAID) is None
    assert await court.judge.judge(court.trusted(required=True), None, EMAID) is ContractStatus.NONE
    assert await court.judge.judge(court.trusted(), Contract(), EMAID) is ContractStatus.NONE


async def test_too_many_questions_at_once_wait_for_nobody(court: Court) -> None:
    court.responders._asking = MAX_ASKING
    standing, _ = await court.responders.standing(
        CertificateQuestion(
            algorithm="SHA256", issuer_name_hash="00", issuer_key_hash="00", serial="1", url=court.responder.url
        ),
        [],
    )
    assert (standing, court.responder.asked) == (Standing.FAILED, [])


def test_keys_of_authorities_are_hashed_as_responders_do() -> None:
    digest = x509.SubjectKeyIdentifier.from_public_key(ROOT.key.public_key()).digest
    assert key_hash(ROOT.certificate, hashes.SHA1()) == digest


async def test_authorities_are_trusted_listed_and_taken_away_by_the_api(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    made = await client.post("/api/v1/contract-roots", json={"pem": ROOT.pem})
    assert (made.status_code, made.json()["subject"], made.json()["pem"]) == (201, "CN=MO root", ROOT.pem)
    assert (await client.get("/api/v1/contract-roots")).json() == [made.json()]
    again = await client.post("/api/v1/contract-roots", json={"pem": ROOT.pem})
    assert (again.status_code, again.json()["code"]) == (409, "contract-root-known")
    leaf = await client.post("/api/v1/contract-roots", json={"pem": LEAF.pem})
    assert (leaf.status_code, leaf.json()["code"]) == (422, "contract-root-refused")
    door = f"/api/v1/contract-roots/{made.json()['fingerprint']}"
    assert (await client.delete(door)).status_code == 204
    assert (await client.delete(door)).json()["code"] == "contract-root-unknown"


async def test_rules_of_contracts_keep_their_secret_until_the_provider_is_taken_away(
    house: House, tenant: Tenant
) -> None:
    client = await tenant.client()
    assert (await client.get("/api/v1/contract-rules")).json()["set_by"] is None
    wanted = {"required": True, "unproven": "refuse", "provider_url": "https://example.com/certificates"}
    first = (await client.put("/api/v1/contract-rules", json=wanted)).json()
    assert first["secret"].startswith("whsec_")
    assert "secret" not in (await client.put("/api/v1/contract-rules", json=wanted)).json()
    shown = (await client.get("/api/v1/contract-rules")).json()
    assert {name: shown[name] for name in wanted} == wanted
    assert (await client.put("/api/v1/contract-rules", json={})).json()["provider_url"] is None
    refused = await client.put("/api/v1/contract-rules", json={"provider_url": "http://127.0.0.1:1/"})
    assert refused.json()["code"] == "address-refused"


def _der(holder: Holder) -> str:
    return b64encode(holder.certificate.public_bytes(Encoding.DER)).decode()
