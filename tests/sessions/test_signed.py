"""What signed meter values prove: genuine pairs, forged ones, exchanged meters, and sessions that are held back."""

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from forecourt.ocpp.neutral import Context, Measurand
from forecourt.platform.database import Pool
from forecourt.pricing.assigning import Scope
from forecourt.pricing.model import Dimension, Element, PriceComponent, Tariff
from forecourt.pricing.service import assign_tariff, create_tariff
from forecourt.sessions.costing.model import SessionCost
from forecourt.sessions.costing.service import cost_of, price
from forecourt.sessions.jobs import SessionJobs
from forecourt.sessions.signed import records as forms
from forecourt.sessions.signed.keys import key_of
from forecourt.sessions.signed.model import Checked, Flaw, Register, Trust, holds_back, judge
from tests.http import House, Tenant, an_actor, walk
from tests.sessions.test_api import BEGAN, a_station, code, say
from tests.stations.test_pages import signed_in

METER = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def der(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, form).hex()


def signed(readings: list[dict[str, Any]], key: Any = METER, *, page: int = 1, curve: str = "secp256r1") -> str:
    """An OCMF record as a meter makes it; what a reading leaves out is that of the one before."""
    head = {"FV": "1.0", "GI": "GW", "GS": "1", "PG": f"T{page}", "MV": "V", "MM": "M", "MS": "METER-7", "IS": True}
    payload = json.dumps(head | {"IL": "HEARSAY", "IF": [], "IT": "NONE", "ID": "", "RD": readings})
    signature = key.sign(payload.encode(), ec.ECDSA(hashes.SHA256())).hex()
    return f"OCMF|{payload}|{json.dumps({'SA': f'ECDSA-{curve}-SHA256', 'SD': signature})}"


def reading(reason: str, kwh: float, at: datetime = BEGAN, **others: Any) -> dict[str, Any]:
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S,000+0000 S")
    return {
        "TM": moment,
        "TX": reason,
        "RV": kwh,
        "RI": "1-b:1.8.0",
        "RU": "kWh",
        "RT": "AC",
        "EF": "",
        "ST": "G",
    } | others


BEGIN = signed([reading("B", 100.001)])
END = signed([reading("E", 112.346, BEGAN + timedelta(hours=1))], page=2)


def test_a_genuine_pair_proves_its_energy_to_the_watt_hour() -> None:
    checked = [forms.check(record, der(METER)) for record in (BEGIN, END)]
    assert not forms.unfit([BEGIN, END])
    found = judge(checked, key=der(METER), energy_wh=12_000, unfit=False, over=True)
    assert (found.trust, found.energy_wh, found.begin_wh, found.end_wh) == (Trust.VERIFIED, 12_345, 100_001, 112_346)
    assert (found.meter, found.records, found.flaws) == ("METER-7", 2, ())


def test_one_record_may_hold_begin_and_end() -> None:
    both = signed([reading("B", 1.5), reading("C", 2), reading("L", 3.25, BEGAN + timedelta(hours=1))])
    found = judge([forms.check(both, der(METER))], key=der(METER), energy_wh=None, unfit=forms.unfit([both]), over=True)
    assert (found.trust, found.energy_wh) == (Trust.VERIFIED, 1_750)


def test_no_character_of_a_payload_can_be_changed_unseen() -> None:
    head, payload, signature = BEGIN.split("|")
    for at in range(0, len(payload), 3):
        changed = payload[:at] + chr(ord(payload[at]) ^ 1) + payload[at + 1 :]
        assert forms.check("|".join((head, changed, signature)), der(METER)).flaw is not None, changed


@pytest.mark.parametrize(
    ("record", "key", "flaw"),
    [
        (BEGIN, der(OTHER), Flaw.SIGNATURE_WRONG),
        (signed([reading("B", 100.001)], OTHER), der(METER), Flaw.SIGNATURE_WRONG),
        (BEGIN, None, Flaw.KEY_MISSING),
        (BEGIN, der(ec.generate_private_key(ec.SECP384R1())), Flaw.KEY_UNUSABLE),
        ("OCMF|{}", der(METER), Flaw.RECORD_UNREADABLE),
        ('OCMF|{"RD":[{"TM":7}]}|{"SD":"00"}', der(METER), Flaw.RECORD_UNREADABLE),
        (json.dumps({"signedMeterData": "!!", "encodingMethod": "OCMF"}), der(METER), Flaw.RECORD_UNREADABLE),
        ("AP;0;3;ALCV3", der(METER), Flaw.RECORD_UNREADABLE),
        ("BSM;0;3;ALCV3", der(METER), Flaw.FORMAT_UNKNOWN),
    ],
)
def test_each_fault_of_a_record_is_told_by_its_name(record: str, key: str | None, flaw: Flaw) -> None:
    assert forms.check(record, key).flaw is flaw


@pytest.mark.parametrize(
    ("curve", "name"),
    [
        (ec.SECP256K1(), "secp256k1"),
        (ec.SECP384R1(), "secp384r1"),
        (ec.BrainpoolP256R1(), "brainpool256r1"),
    ],
)
def test_the_curves_of_other_meters_are_checked_too(curve: ec.EllipticCurve, name: str) -> None:
    key = ec.generate_private_key(curve)
    record = signed([reading("B", 1)], key, curve=name)
    flaw = forms.check(record, der(key)).flaw
    # The library's names for the Brainpool curves are those of two releases of the format.
    assert flaw is None or name.startswith("brainpool")


def test_records_and_keys_are_understood_however_they_are_wrapped() -> None:
    inside = base64.b64encode(BEGIN.encode()).decode()
    marked = base64.b64encode(f"oca:base16:asn1:{der(METER)}".encode()).decode()
    wrapped = json.dumps({"signedMeterData": inside, "encodingMethod": "OCMF", "publicKey": marked})
    checked = forms.check(wrapped, der(METER))
    assert (checked.flaw, checked.key) == (None, der(METER))
    plain = base64.b64encode(bytes.fromhex(der(METER))).decode()
    for said in (der(METER), der(METER).upper(), plain, f"oca:base16:asn1:{der(METER)}", marked):
        assert key_of(said) == der(METER)
    assert forms.own_key(f"{BEGIN}|{der(METER)}") == der(METER)
    for said in ("", "no key", "zz", "AAAA", "00" * 3_000):
        assert key_of(said) is None


def register(wh: int, *, begin: bool = False, end: bool = False, meter: str = "A") -> Checked:
    return Checked(format="OCMF", flaw=None, registers=(Register(begin=begin, end=end, wh=Fraction(wh), meter=meter),))


@pytest.mark.parametrize(
    ("checked", "energy_wh", "flaw", "trust"),
    [
        ([register(5, begin=True)], None, Flaw.PAIR_MISSING, Trust.UNPROVEN),
        ([register(5, begin=True), register(6, begin=True)], None, Flaw.BEGINS_CONTRADICT, Trust.BROKEN),
        (
            [register(5, begin=True), register(6, end=True), register(7, end=True)],
            None,
            Flaw.ENDS_CONTRADICT,
            Trust.BROKEN,
        ),
        ([register(5, begin=True), register(6, end=True, meter="B")], None, Flaw.PAIR_UNFIT, Trust.BROKEN),
        ([register(0, begin=True), register(10_000, end=True)], 12_000, Flaw.ENERGY_DIFFERS, Trust.BROKEN),
        ([Checked(format="EDL", flaw=Flaw.FORMAT_UNKNOWN)], None, Flaw.FORMAT_UNKNOWN, Trust.UNPROVEN),
    ],
)
def test_records_that_do_not_fit_together_prove_nothing(
    checked: list[Checked], energy_wh: int | None, flaw: Flaw, trust: Trust
) -> None:
    found = judge(checked, key="00", energy_wh=energy_wh, unfit=False, over=True)
    assert flaw in found.flaws
    assert (found.trust, found.energy_wh) == (trust, None)


def test_time_and_energy_may_not_run_backwards_between_begin_and_end() -> None:
    early = signed([reading("E", 112, BEGAN - timedelta(hours=1))], page=2)
    less = signed([reading("E", 99, BEGAN + timedelta(hours=1))], page=2)
    broken = signed([reading("E", 112, BEGAN + timedelta(hours=1), ST="M")], page=2)
    for end in (early, less, broken):
        assert forms.unfit([BEGIN, end])


def test_what_is_unproven_is_held_back_only_where_the_law_asks_for_proof() -> None:
    assert [holds_back(trust, "FR", signs=True) for trust in Trust] == [False, False, False, True]
    assert [holds_back(trust, "DE", signs=True) for trust in Trust] == [True, False, True, True]
    assert [holds_back(trust, "DE", signs=False) for trust in Trust] == [False, False, True, True]


class Signed:
    """A session with signed records at a station of a tenant, and what the worker makes of it."""

    def __init__(self, house: House, tenant: Tenant, station_id: int) -> None:
        self.house, self.tenant, self.station_id = house, tenant, station_id
        self.jobs = SessionJobs(house.db, house.db, house.clock)

    def session(self, transaction_id: str, *records: str, **columns: Any) -> str:
        ended = {"ended_at": BEGAN + timedelta(hours=1), "end_key": 2, "meter_start_wh": 100_000, "evse": 1}
        register = code(Measurand.ENERGY_IMPORT_REGISTER, context=Context.BEGIN)
        with self.house.admin() as connection:
            session_id = say(
                connection, self.tenant, self.station_id, transaction_id, **ended | {"meter_stop_wh": 112_300} | columns
            )
            for number, record in enumerate(records):
                connection.execute(
                    "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, readings, signed)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    (
                        self.station_id,
                        transaction_id,
                        BEGAN + timedelta(minutes=number),
                        number,
                        self.tenant.tenant_id,
                        [register, 0],
                        json.dumps([[0, record]]),
                    ),
                )
        return session_id

    async def look(self, session_id: str) -> dict[str, Any]:
        """Review it, as the worker does, and ask what was found."""
        await self.jobs.review(tenant_id=self.tenant.tenant_id, subject=session_id)
        client = await self.tenant.client()
        found: dict[str, Any] = (await client.get(f"/api/v1/sessions/{session_id}/signed-values")).json()
        return found


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest.fixture
async def at(house: House, tenant: Tenant) -> Signed:
    _, station_id = await a_station(house, tenant)
    return Signed(house, tenant, station_id)


async def test_the_first_key_that_a_station_says_counts_from_then_on_and_another_holds_the_session_back(
    at: Signed,
) -> None:
    first = await at.look(at.session("tx1", f"{BEGIN}|{der(METER)}", f"{END}|{der(METER)}"))
    assert (first["trust"], first["energy_wh"], first["held"]) == ("verified", 12_345, False)
    forged = [signed([reading("B", 100.0)], OTHER), signed([reading("E", 112.3, BEGAN + timedelta(hours=1))], OTHER)]
    second = at.session("tx2", *[f"{record}|{der(OTHER)}" for record in forged])
    found = await at.look(second)
    assert (found["trust"], found["flaws"], found["held"]) == ("broken", ["key-other"], True)
    client = await at.tenant.client()
    notes = (await client.get(f"/api/v1/sessions/{second}")).json()["notes"]
    assert "signature-broken" in notes


async def test_a_key_said_later_verifies_what_could_not_be_verified(at: Signed) -> None:
    session_id = at.session("tx1", BEGIN, END)
    found = await at.look(session_id)
    assert (found["trust"], found["flaws"], found["held"]) == ("unproven", ["key-missing"], False)
    client = await at.tenant.client()
    doors = f"/api/v1/stations/S-{at.tenant.tenant_id}"
    body = {"evse": 1, "public_key": der(METER), "since": (BEGAN - timedelta(days=1)).isoformat()}
    refused = await client.post(f"{doors}/meter-keys", json=body | {"public_key": "3003020101"})
    assert (refused.status_code, refused.json()["code"]) == (422, "meter-key-refused")
    answer = await client.post(f"{doors}/meter-keys", json=body)
    assert (answer.status_code, answer.json()["source"]) == (201, "operator")
    assert (await client.post(f"{doors}/meter-keys", json=body)).json()["code"] == "meter-key-known"
    older = {"since": (BEGAN - timedelta(days=2)).isoformat()}
    more = [await client.post(f"{doors}/meter-keys", json=body | part) for part in ({"evse": 2}, older)]
    listed = await walk(client, f"{doors}/meter-keys", limit=1)
    assert listed == [more[0].json(), answer.json(), more[1].json()]
    with at.house.admin() as connection:
        asked = connection.execute("SELECT event FROM outbox WHERE subject = %s", (session_id,)).fetchall()
    assert ("session.signed",) in asked
    assert (await at.look(session_id))["trust"] == "verified"


async def test_what_is_held_back_is_not_priced_and_what_is_proven_is_priced_by_that(at: Signed) -> None:
    async def cost(session_id: str) -> SessionCost:
        await at.look(session_id)
        async with at.house.db.tenant(at.tenant.tenant_id) as conn:
            found = await price(conn, at.tenant.tenant_id, UUID(session_id), at.house.clock.now())
            return found or await cost_of(conn, at.tenant.tenant_id, UUID(session_id))

    energy = PriceComponent(type=Dimension.ENERGY, price=Decimal(1))
    tariff = Tariff(id="", currency="EUR", elements=(Element(price_components=(energy,)),))
    actor = an_actor(at.tenant.tenant_id)
    async with at.house.db.tenant(at.tenant.tenant_id) as conn:
        made = await create_tariff(conn, actor, "One", tariff, BEGAN - timedelta(days=2))
        await assign_tariff(conn, actor, made.tariff_id, Scope(), BEGAN - timedelta(days=1))
    # The registers said 12.300 kWh, the meter signed 12.345.
    proven = await cost(at.session("tx1", f"{BEGIN}|{der(METER)}", END))
    assert proven.incl_vat is not None
    assert (proven.final, proven.incl_vat.amount) == (True, 1_235)
    held = at.session("tx2", f"{BEGIN}|{der(OTHER)}", END)
    assert not (await cost(held)).final
    client = await at.tenant.client()
    await client.post(f"/api/v1/sessions/{held}/signed-values/release", json={"reason": "read by hand"})
    released = await cost(held)
    assert released.incl_vat is not None
    assert (released.final, released.incl_vat.amount) == (True, 1_230)


async def test_a_session_held_back_is_released_by_a_person_with_a_reason_until_something_else_is_found(
    at: Signed,
) -> None:
    session_id = at.session("tx1", f"{BEGIN}|{der(OTHER)}", END)
    assert (await at.look(session_id))["held"]
    client = await at.tenant.client()
    door = f"/api/v1/sessions/{session_id}/signed-values/release"
    assert (await client.post(door, json={"reason": " "})).status_code == 400
    released = (await client.post(door, json={"reason": "read by hand"})).json()
    assert (released["held"], released["release"]["reason"]) == (False, "read by hand")
    assert (await client.post(door, json={"reason": "twice"})).json()["code"] == "session-not-held"
    assert not (await at.look(session_id))["held"]
    with at.house.admin() as connection:
        connection.execute(
            "UPDATE meter_values SET signed = %s WHERE station_id = %s AND digest = 1",
            (json.dumps([[0, END.replace("112.346", "119.346")]]), at.station_id),
        )
        connection.execute("UPDATE session_signatures SET records = 7 WHERE session_id = %s", (session_id,))
    assert (await at.look(session_id))["held"]


async def test_a_meter_that_stops_signing_is_billed_by_only_once_somebody_has_looked_where_the_law_asks_for_proof(
    at: Signed,
) -> None:
    with at.house.admin() as connection:
        connection.execute(
            "WITH made AS (INSERT INTO sites (tenant_id, slug, name, time_zone, country) VALUES (%s, 'yard', 'Yard',"
            " 'Europe/Berlin', 'DE') RETURNING site_id)"
            " UPDATE stations SET site_id = made.site_id FROM made WHERE station_id = %s",
            (at.tenant.tenant_id, at.station_id),
        )
    # Nothing of it was ever signed, so nothing is missing.
    never = await at.look(at.session("tx0"))
    assert (never["trust"], never["held"]) == ("none", False)
    assert (await at.look(at.session("tx1", f"{BEGIN}|{der(METER)}", END)))["trust"] == "verified"
    stopped = at.session("tx2", started_at=BEGAN + timedelta(minutes=1))
    found = await at.look(stopped)
    assert (found["trust"], found["flaws"], found["held"]) == ("none", ["pair-missing"], True)
    client = await at.tenant.client()
    assert "signature-unproven" in (await client.get(f"/api/v1/sessions/{stopped}")).json()["notes"]
    # The meter of another EVSE is another one.
    assert not (await at.look(at.session("tx3", evse=2, started_at=BEGAN + timedelta(minutes=1))))["held"]
    released = await client.post(f"/api/v1/sessions/{stopped}/signed-values/release", json={"reason": "read by hand"})
    assert not released.json()["held"]
    assert not (await at.look(stopped))["held"]


async def test_the_page_says_what_was_found_and_hands_out_the_file_for_the_transparency_software(at: Signed) -> None:
    session_id = at.session("tx1", f"{BEGIN}|{der(OTHER)}", END)
    await at.look(session_id)
    browser = await signed_in(at.house, at.tenant)
    page = (await browser.get(f"/sessions/{session_id}")).text
    assert "Held back: nothing is billed" in page
    file = await browser.get(f"/sessions/{session_id}/transparency.xml")
    values = ElementTree.fromstring(file.content).findall("value")
    assert [value.findtext("signedData") for value in values] == [f"{BEGIN}|{der(OTHER)}", END]
    assert {value.findtext("publicKey") for value in values} == {der(OTHER)}
    answer = await browser.post(f"/sessions/{session_id}/release", data={"reason": "known meter"})
    assert answer.status_code in (200, 303)
    assert "known meter" in (await browser.get(f"/sessions/{session_id}")).text
