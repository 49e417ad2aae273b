"""Chains of contracts: what makes one good, and in which word OCPP says what is wrong with another."""

from base64 import b64encode
from collections.abc import AsyncIterator
from copy import copy
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import Encoding

from forecourt.drivers.model import TokenState
from forecourt.ocpp.neutral import CertificateQuestion, Contract, ContractStatus, Standing
from forecourt.platform.outward import Outward
from forecourt.stations.certificates import store
from forecourt.stations.certificates.judge import Judge, Trusted
from forecourt.stations.certificates.kept import KeptAnswers
from forecourt.stations.certificates.model import check_chain, key_hash, names, read_authority, read_chain
from forecourt.stations.certificates.responders import MAX_ASKING, Responders
from forecourt.stations.certificates.service import ContractChecks
from tests.http import House, Tenant, an_actor
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
    ("branches", "found"),
    [
        (("MO", "MO", "MO"), ContractStatus.ACCEPTED),
        (("mo", None, None), ContractStatus.ACCEPTED),
        (("MO", "V2G", "MO"), ContractStatus.CHAIN_ERROR),
        (("OEM", "MO", "MO"), ContractStatus.CHAIN_ERROR),
        (("MO", "MO", "CPO"), ContractStatus.CHAIN_ERROR),
    ],
)
def test_no_other_branch_of_a_v2g_root_makes_contracts(branches: tuple[str | None, ...], found: ContractStatus) -> None:
    root = Holder("V2G root", branch="V2G")
    upper = Holder("sub 1", root, depth=1, branch=branches[2])
    lower = Holder("sub 2", upper, depth=0, branch=branches[1])
    assert status(Holder(EMAID, lower, ca=False, branch=branches[0]), lower, upper, anchors=(root,)) is found


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
        return Trusted(tenant_id=1, roots=(_der(self.operator.root),), unproven=unproven, required=required)

    def anew(self) -> Judge:
        """A judge of another gateway, which remembers nothing."""
        return Judge(Responders(self.responders._outward, FakeClock(NOW)), FakeClock(NOW))

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


async def test_what_one_gateway_was_told_others_of_the_organisation_know(
    court: Court, house: House, tenant: Tenant
) -> None:
    clock = FakeClock(datetime.now(UTC))
    trusted = Trusted(tenant_id=tenant.tenant_id, roots=(_der(court.operator.root),), unproven="refuse")
    contract = Contract(chain=court.operator.chain())

    def gateway() -> Judge:
        return Judge(Responders(court.responders._outward, clock, KeptAnswers(house.db)), clock)

    assert await gateway().judge(trusted, contract, EMAID) is ContractStatus.ACCEPTED
    assert await gateway().judge(trusted, contract, EMAID) is ContractStatus.ACCEPTED
    assert len(court.responder.asked) == 3
    async with house.db.tenant(tenant.tenant_id) as conn:
        rows = await store.list_answers(conn, tenant.tenant_id, 10)
    assert {int(each.serial, 16) for each in rows} == set(court.responder.asked)
    for each in rows:
        assert (each.standing, each.asked_at) == (Standing.GOOD, clock.now())
        assert each.produced_at is not None
        assert each.produced_at < each.counts_until
    # Once it counts no more it is asked anew, and what nobody answers is known to others as well.
    clock.advance(7_200)
    court.responder.status = 503
    assert await gateway().judge(trusted, contract, EMAID) is ContractStatus.CHAIN_ERROR
    assert await gateway().judge(trusted, contract, EMAID) is ContractStatus.CHAIN_ERROR
    assert len(court.responder.asked) == 6
    # Another organisation asks for itself.
    court.responder.status, clock = 200, FakeClock(datetime.now(UTC))
    other = Trusted(tenant_id=tenant.tenant_id + 1_000_000, roots=trusted.roots, unproven="refuse")
    assert await gateway().judge(other, contract, EMAID) is ContractStatus.ACCEPTED
    assert len(court.responder.asked) == 9


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
    trusted = Trusted(tenant_id=1, roots=(_der(lower),), unproven="refuse")
    for answers, found in ((False, ContractStatus.CHAIN_ERROR), (True, ContractStatus.ACCEPTED)):
        court.responder.signer = Holder("desk", lower, ca=False, answers=answers)
        assert await court.anew().judge(trusted, Contract(chain=alone), EMAID) is found
    court.responder.unknown.add(court.operator.contract.certificate.serial_number)
    assert await court.anew().judge(trusted, Contract(chain=alone), EMAID) is ContractStatus.CHAIN_ERROR


async def test_what_a_station_checked_itself_is_asked_about_by_its_hashes(court: Court) -> None:
    asked = Contract(questions=(question(court.operator.contract, court.operator.lower, court.responder.url),))
    # Its authority is not among those that are trusted, so nobody can tell whether an answer is genuine.
    assert await court.judge.judge(court.trusted(), asked, EMAID) is ContractStatus.CHAIN_ERROR
    assert not court.responder.asked
    trusted = Trusted(tenant_id=1, roots=(_der(court.operator.lower),), unproven="refuse")
    assert await court.judge.judge(trusted, asked, EMAID) is ContractStatus.ACCEPTED
    court.responder.revoked.add(court.operator.contract.certificate.serial_number)
    assert await court.anew().judge(trusted, asked, EMAID) is ContractStatus.REVOKED
    nonsense = CertificateQuestion(algorithm="SHA256", issuer_name_hash="zz", issuer_key_hash="00", serial="g", url="x")
    for unproven in ("accept", "refuse"):
        strict = Trusted(tenant_id=1, roots=trusted.roots, required=True, unproven=unproven)
        assert await court.judge.judge(strict, Contract(questions=(nonsense,)), EMAID) is ContractStatus.CHAIN_ERROR


async def test_what_one_organisation_trusts_proves_nothing_to_another(court: Court) -> None:
    asked = question(court.operator.contract, court.operator.lower, court.responder.url)
    authority = court.operator.lower.certificate
    assert (await court.responders.standing(1, asked, [authority]))[0] is Standing.GOOD
    # Neither to who never trusted the authority, nor to who does no more.
    for tenant_id in (1, 2):
        assert (await court.responders.standing(tenant_id, asked, []))[0] is Standing.FAILED
    assert len(court.responder.asked) == 1
    # Each organisation asks for itself, and its page shows what it was told.
    assert (await court.responders.standing(2, asked, [authority]))[0] is Standing.GOOD
    assert len(court.responder.asked) == 2


async def test_certificates_of_one_serial_number_are_two_and_others_count_for_none(court: Court) -> None:
    operator, url = court.operator, court.responder.url
    twin = operator.contract_of(EMAID, serial=operator.lower.certificate.serial_number)
    court.responder.revoked.add(twin.certificate.serial_number)
    court.responder.knows(operator.lower, operator.upper)
    both = await court.anew().judge(court.trusted(), Contract(chain=operator.chain(twin)), EMAID)
    assert (both, len(court.responder.asked)) == (ContractStatus.REVOKED, 3)
    # A contract that names no responder is not proven by what is said of another certificate.
    silent = Holder(EMAID, operator.lower, ca=False)
    other = question(operator.contract_of("DE8AAOTHER00011"), operator.lower, url)
    court.responder.revoked.clear()
    asked = Contract(chain=operator.chain(silent), questions=(other,))
    assert await court.anew().judge(court.trusted("refuse"), asked, EMAID) is ContractStatus.CHAIN_ERROR
    court.responder.knows(silent, operator.lower)
    asked = Contract(chain=operator.chain(silent), questions=(question(silent, operator.lower, url),))
    assert await court.anew().judge(court.trusted("refuse"), asked, EMAID) is ContractStatus.ACCEPTED


async def test_strange_certificates_fail_and_raise_nothing(court: Court) -> None:
    key = dsa.generate_private_key(1024)
    old = Holder("old root", key=key)
    assert read_authority(old.pem) is None
    assert read_authority(doubled(ROOT).pem) is None
    # The library reads names late, and then raises.
    named = court.operator.contract.certificate.public_bytes(Encoding.DER)
    assert b"MO sub 2" in named
    garbled = b64encode(named.replace(b"MO sub 2", b"\xff" * 8)).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{garbled}\n-----END CERTIFICATE-----\n"
    unread = await court.judge.judge(court.trusted(), Contract(chain=pem), EMAID)
    assert unread is ContractStatus.CHAIN_ERROR
    asked = question(court.operator.contract, court.operator.lower, court.responder.url)
    issuers = [old.certificate, court.operator.lower.certificate]
    court.responder.signer = doubled(Holder("desk", court.operator.lower, ca=False, answers=True))
    assert (await court.responders.standing(1, asked, issuers))[0] is Standing.FAILED
    assert len(court.responder.asked) == 1
    chain = doubled(court.operator.contract).pem + court.operator.lower.pem + court.operator.upper.pem
    assert await court.judge.judge(court.trusted(), Contract(chain=chain), EMAID) in {
        *(ContractStatus.CHAIN_ERROR, ContractStatus.SIGNATURE_ERROR)
    }


async def test_a_silent_responder_is_left_alone_for_a_while(court: Court) -> None:
    court.responder.status = 503
    for _ in range(2):
        assert await court.says("refuse") is ContractStatus.CHAIN_ERROR
    assert len(court.responder.asked) == 3


async def test_nothing_has_to_come_unless_the_organisation_wants_it(court: Court) -> None:
    assert await court.judge.judge(court.trusted(), None, EMAID) is None
    assert await court.judge.judge(court.trusted(required=True), None, EMAID) is ContractStatus.NONE
    assert await court.judge.judge(court.trusted(), Contract(), EMAID) is ContractStatus.NONE


async def test_too_many_questions_of_one_organisation_keep_no_other_from_asking(court: Court) -> None:
    court.responders._asking[1] = MAX_ASKING
    asked = question(court.operator.contract, court.operator.lower, court.responder.url)
    issuers = [court.operator.lower.certificate]
    assert (await court.responders.standing(1, asked, issuers))[0] is Standing.FAILED
    assert await court.responders.relay(1, asked) is None
    assert court.responder.asked == []
    assert (await court.responders.standing(2, asked, issuers))[0] is Standing.GOOD


def test_keys_of_authorities_are_hashed_as_responders_do() -> None:
    digest = x509.SubjectKeyIdentifier.from_public_key(ROOT.key.public_key()).digest
    assert key_hash(ROOT.certificate, hashes.SHA1()) == digest


async def test_a_contract_is_looked_at_as_a_station_would_be_told(house: House, tenant: Tenant, court: Court) -> None:
    client, pem, checks = await tenant.client(), court.operator.chain(), ContractChecks(FakeClock(NOW), private=True)
    await client.post("/api/v1/contract-roots", json={"pem": court.operator.root.pem})
    court.responder.revoked.add(court.operator.lower.certificate.serial_number)
    look = await checks.look(house.db, an_actor(tenant.tenant_id), pem, None)
    assert (look.emaid, look.status, look.token) == (EMAID, ContractStatus.REVOKED, None)
    assert [(each.subject, each.standing) for each in look.certificates] == [
        (f"CN={EMAID}", Standing.GOOD), ("CN=MO sub 2", Standing.REVOKED), ("CN=MO sub 1", Standing.GOOD),
    ]  # fmt: skip
    court.responder.revoked.clear()
    await client.post("/api/v1/tokens", json={"uid": EMAID, "type": "eMAID", "status": "blocked"})
    good = await checks.look(house.db, an_actor(tenant.tenant_id), pem, None)
    assert (good.status, good.token) == (ContractStatus.ACCEPTED, TokenState.BLOCKED)
    other = await client.post("/api/v1/contract-rules/test", json={"pem": pem, "emaid": "DE8AACA2B3C4D5X"})
    assert (other.json()["status"], other.json()["token"]) == ("CertChainError", None)
    assert [each["standing"] for each in other.json()["certificates"]] == [None] * 3
    none = await client.post("/api/v1/contract-rules/test", json={"pem": "nothing"})
    assert (none.status_code, none.json()["code"]) == (422, "contract-chain-refused")


async def test_authorities_are_trusted_listed_and_taken_away_by_the_api(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    made = await client.post("/api/v1/contract-roots", json={"pem": ROOT.pem})
    assert (made.status_code, made.json()["subject"], made.json()["pem"]) == (201, "CN=MO root", ROOT.pem)
    assert (await client.get("/api/v1/contract-roots")).json() == {"items": [made.json()], "next": None}
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


def question(holder: Holder, issuer: Holder, url: str) -> CertificateQuestion:
    """What a station asks about a certificate."""
    said = holder.asked_about(issuer, url)
    return CertificateQuestion(
        algorithm=said["hashAlgorithm"],
        issuer_name_hash=said["issuerNameHash"].upper(),
        issuer_key_hash=said["issuerKeyHash"],
        serial=said["serialNumber"],
        url=said["responderURL"],
    )


def doubled(holder: Holder) -> Holder:
    """The same with one extension twice (what a key may do becomes another word on whether it is an authority)."""
    der = holder.certificate.public_bytes(Encoding.DER).replace(b"\x55\x1d\x0f", b"\x55\x1d\x13")
    made = copy(holder)
    made.certificate = x509.load_der_x509_certificate(der)
    return made


def _der(holder: Holder) -> str:
    return b64encode(holder.certificate.public_bytes(Encoding.DER)).decode()
