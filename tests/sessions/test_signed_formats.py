"""Signed records of Alfen, EDL 40 and ISA-EDL 40 meters: published ones, own ones, and what is wrong with others."""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from forecourt.ocpp.neutral import Context, Measurand
from forecourt.platform.database import Pool
from forecourt.sessions.signed import edl, sml
from forecourt.sessions.signed.export import transparency_file
from forecourt.sessions.signed.keys import key_of, usable
from forecourt.sessions.signed.model import Flaw, Trust, Verification, elsewhere, judge
from forecourt.sessions.signed.records import check, own_key, read
from forecourt.sessions.store import SignedRow
from tests.http import House, Tenant
from tests.sessions import published
from tests.sessions.meters import alfen, block, coordinates, der, edl_telegram, edl_xml, isa_telegram, process, wrapped
from tests.sessions.test_api import BEGAN, a_station, code
from tests.sessions.test_signed import Signed
from tests.stations.test_pages import signed_in

SMALL, OTHER = ec.generate_private_key(ec.SECP192R1()), ec.generate_private_key(ec.SECP192R1())
LARGE = ec.generate_private_key(ec.SECP256R1())
BEGIN, BETWEEN, END = int(Context.BEGIN), int(Context.PERIODIC), int(Context.END)

#: A pair of 12.345 kWh in each format: what the station sends and why, and the meter's key.
PAIRS: dict[str, tuple[list[tuple[str, int]], ec.EllipticCurvePrivateKey]] = {
    "ALFEN": ([(alfen(SMALL, 0, 100_001, 40), BEGIN), (alfen(SMALL, 1, 112_346, 42), END)], SMALL),
    "EDL_40_P": (
        [
            (edl_telegram(SMALL, block(1_000_010, 40)).hex(), BEGIN),
            (base64.b64encode(edl_telegram(SMALL, block(1_123_460, 42))).decode(), END),
        ],
        SMALL,
    ),
    "EDL_40_SIG": (
        [(edl_xml(SMALL, block(1_000_010, 40)), BEGIN), (edl_xml(SMALL, block(1_123_460, 42)), END)],
        SMALL,
    ),
    "ISA_EDL_40_P": (
        [
            (isa_telegram(LARGE, 1_000_010, 1_000_010, 17, last=0).hex(), BEGIN),
            (isa_telegram(LARGE, 1_000_010, 1_123_460, 24).hex().upper(), END),
        ],
        LARGE,
    ),
    "EDL_40_MENNEKES": ([(process(SMALL, 1_000_010, 1_123_460), END)], SMALL),
}


def look(
    records: list[tuple[str, int]], key: ec.EllipticCurvePrivateKey, energy_wh: int | None = 12_000
) -> Verification:
    checked = [check(record, der(key), [context]) for record, context in records]
    return judge(checked, key=der(key), energy_wh=energy_wh, unfit=False, over=True)


@pytest.mark.parametrize(
    ("record", "key", "form", "readings"),
    [
        (published.ALFEN, published.ALFEN_KEY, "ALFEN", [15_762]),
        (published.TELEGRAM, published.TELEGRAM_KEY, "EDL_40_P", [291.8]),
        (published.SPACED, published.SPACED_KEY, "EDL_40_P", [327.5]),
        (published.ISA, published.ISA_KEY, "ISA_EDL_40_P", [25_695_931.6, 25_718_261]),
        (wrapped(published.BLOCKS_KEY, *published.BLOCKS[0]), published.BLOCKS_KEY, "EDL_40_SIG", [423.4]),
        (wrapped(published.BLOCKS_KEY, *published.BLOCKS[1]), published.BLOCKS_KEY, "EDL_40_SIG", [423.5]),
        (published.PROCESS, own_key(published.PROCESS), "EDL_40_MENNEKES", [51_911.6, 52_053.5]),
    ],
    ids=["alfen", "telegram", "spaced", "isa", "first-block", "second-block", "process"],
)
def test_published_records_are_genuine_by_their_published_keys(
    record: str, key: str, form: str, readings: list[float]
) -> None:
    said = key_of(key)
    assert said is not None
    found = check(record, said)
    assert (found.format, found.flaw) == (form, None)
    assert [float(register.wh) for register in found.registers] == readings
    curve = LARGE if form == "ISA_EDL_40_P" else SMALL
    assert check(record, der(curve)).flaw is Flaw.SIGNATURE_WRONG


@pytest.mark.parametrize("form", PAIRS)
def test_a_pair_of_each_format_proves_its_energy_to_the_watt_hour(form: str) -> None:
    records, key = PAIRS[form]
    assert {read(record).format for record, _ in records} == {form}
    found = look(records, key)
    assert (found.trust, found.energy_wh, found.begin_wh, found.end_wh) == (Trust.VERIFIED, 12_345, 100_001, 112_346)
    assert not found.flaws
    strange = ec.generate_private_key(key.curve)
    assert look(records, strange).trust is Trust.BROKEN
    of_another_curve = SMALL if key is LARGE else LARGE
    assert {check(record, der(of_another_curve)).flaw for record, _ in records} <= {Flaw.KEY_UNUSABLE}


def changes(record: str, step: int) -> list[str]:
    """The record with one character another each time, everywhere but in blanks."""
    return [
        record[:at] + chr(ord(record[at]) ^ 1) + record[at + 1 :]
        for at in range(0, len(record), step)
        if not record[at].isspace()
    ]


@pytest.mark.parametrize(
    ("record", "key", "step"),
    [
        (alfen(SMALL, 1, 112_346, 42), SMALL, 1),
        (base64.b64encode(edl_telegram(SMALL, block(1_123_460, 42))).decode(), SMALL, 3),
        (edl_telegram(SMALL, block(1_123_460, 42)).hex(), SMALL, 5),
        (isa_telegram(LARGE, 1_000_010, 1_123_460, 24).hex(), LARGE, 7),
    ],
    ids=["alfen", "telegram-base64", "telegram-hex", "isa"],
)
def test_no_character_of_a_record_can_be_changed_unseen(
    record: str, key: ec.EllipticCurvePrivateKey, step: int
) -> None:
    right = check(record, der(key), [END])
    assert right.flaw is None
    for changed in changes(record, step):
        found = check(changed, der(key), [END])
        same_kind = [(each.begin, each.end) for each in found.registers] == [
            (each.begin, each.end) for each in right.registers
        ]
        other_key = found.key is not None and found.key != der(key)
        assert found.flaw is not None or other_key or not same_kind, changed


@pytest.mark.parametrize(
    "part", ["ServerId", "CustomerIdent", "Timestamp", "Value", "Scaler", "Pagination", "SecondIndex", "MeterStatus"]
)
def test_every_part_of_a_charging_process_that_counts_is_signed(part: str) -> None:
    record = process(SMALL, 1_000_010, 1_123_460)
    place = re.search(rf"(?<=<{part}>)[^<]+", record)
    assert place is not None
    digit = place.end() - 7 if part == "Timestamp" else place.end() - 1
    changed = record[:digit] + str((int(record[digit], 16) + 1) % 10) + record[digit + 1 :]
    assert check(changed, der(SMALL)).flaw is Flaw.SIGNATURE_WRONG


def test_every_byte_of_a_block_and_its_signature_is_signed() -> None:
    data = block(1_123_460, 42)
    whole = edl_xml(SMALL, data)
    signature = re.search(r'Signature encoding="base64">\n([^<]+)', whole)
    assert signature is not None
    said = base64.b64decode(signature[1])
    for at in range(0, 320, 3):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        record = whole.replace(base64.b64encode(data).decode(), base64.b64encode(changed).decode())
        assert check(record, der(SMALL), [END]).flaw is Flaw.SIGNATURE_WRONG, at
    for at in range(0, 50, 3):
        changed = said[:at] + bytes([said[at] ^ 1]) + said[at + 1 :]
        record = whole.replace(signature[1], base64.b64encode(changed).decode())
        assert check(record, der(SMALL), [END]).flaw is Flaw.SIGNATURE_WRONG, at


def telegram(data: bytes) -> str:
    return edl_telegram(SMALL, data).hex()


@pytest.mark.parametrize(
    ("records", "flaw"),
    [
        # Another driver, another transaction, another meter, another entry in the meter's log.
        ([(alfen(SMALL, 0, 1, 40, uid=b"04AABBCD"), 1), (alfen(SMALL, 1, 2, 42), 2)], Flaw.PAIR_UNFIT),
        ([(alfen(SMALL, 0, 1, 40, session=6), 1), (alfen(SMALL, 1, 2, 42), 2)], Flaw.PAIR_UNFIT),
        ([(alfen(SMALL, 0, 1, 40, meter=b"0123456789"), 1), (alfen(SMALL, 1, 2, 42), 2)], Flaw.PAIR_UNFIT),
        ([(telegram(block(10, 40, contract=b"someone")), 1), (telegram(block(20, 42)), 2)], Flaw.PAIR_UNFIT),
        ([(telegram(block(10, 40, log=5)), 1), (telegram(block(20, 42)), 2)], Flaw.PAIR_UNFIT),
        # Energy or running numbers that go back, a begin that isn't the first, an end that isn't the last.
        ([(alfen(SMALL, 0, 9, 40), 1), (alfen(SMALL, 1, 8, 42), 2)], Flaw.PAIR_UNFIT),
        ([(alfen(SMALL, 0, 8, 42), 1), (alfen(SMALL, 1, 9, 40), 2)], Flaw.PAIR_UNFIT),
        ([(telegram(block(10, 42)), 1), (telegram(block(10, 42)) + " ", 2)], Flaw.PAIR_UNFIT),
        ([(telegram(block(10, 40)), 0), (telegram(block(20, 41)), 1), (telegram(block(30, 42)), 2)], Flaw.PAIR_UNFIT),
        ([(telegram(block(10, 40)), 1), (telegram(block(20, 41)), 2), (telegram(block(30, 42)), 0)], Flaw.PAIR_UNFIT),
        # The meter itself says that it is in error.
        ([(alfen(SMALL, 0, 1, 40), 1), (alfen(SMALL, 1, 2, 42, status=1 << 30), 2)], Flaw.PAIR_UNFIT),
        # Energy that went the other way is nobody's to pay.
        ([(alfen(SMALL, 0, 1, 40, obis="0100020800ff"), 1), (alfen(SMALL, 1, 2, 42), 2)], Flaw.PAIR_MISSING),
        ([(edl_xml(SMALL, block(1, 40, obis="0100020800ff")), 1)], Flaw.PAIR_MISSING),
        # Nobody says which of them is the begin.
        ([(telegram(block(10, 40)), 0), (telegram(block(20, 42)), 2)], Flaw.PAIR_MISSING),
        ([(alfen(SMALL, 2, 1, 40), 1), (alfen(SMALL, 1, 2, 42), 2)], Flaw.PAIR_MISSING),
        # Registers that no meter shows.
        ([(edl_xml(SMALL, block(1, 40, scaler=99)), 1), (edl_xml(SMALL, block(2, 41)), 2)], Flaw.PAIR_MISSING),
    ],
)
def test_what_does_not_make_one_transaction_proves_nothing(records: list[tuple[str, int]], flaw: Flaw) -> None:
    found = look(records, SMALL, None)
    assert flaw in found.flaws
    assert (found.energy_wh, found.trust) == (None, Trust.BROKEN if flaw is Flaw.PAIR_UNFIT else Trust.UNPROVEN)


def test_an_isa_meter_says_itself_what_is_begin_and_end_whatever_the_station_says() -> None:
    between = isa_telegram(LARGE, 1_000_010, 1_050_000, 20, last=1).hex()
    end = isa_telegram(LARGE, 1_000_010, 1_123_460, 24).hex()
    assert look([(between, END)], LARGE).flaws == (Flaw.PAIR_MISSING,)
    assert look([(between, BETWEEN), (end, BETWEEN)], LARGE).energy_wh == 12_345
    other = isa_telegram(LARGE, 1_000_000, 1_123_460, 24).hex()
    assert Flaw.BEGINS_CONTRADICT in look([(between, BETWEEN), (other, END)], LARGE).flaws


@pytest.mark.parametrize(
    ("record", "flaw"),
    [
        (alfen(SMALL, 1, 2, 42).replace(";3;", ";4;"), Flaw.FORMAT_UNKNOWN),
        (";".join(alfen(SMALL, 1, 2, 42).split(";")[:4]), Flaw.RECORD_UNREADABLE),
        (edl_xml(SMALL, block(1, 40), method="ECDSA256SHA256"), Flaw.FORMAT_UNKNOWN),
        (edl_xml(SMALL, block(1, 40)[:300]), Flaw.RECORD_UNREADABLE),
        (edl_telegram(LARGE, block(1, 40)).hex(), Flaw.FORMAT_UNKNOWN),
        (edl_telegram(SMALL, block(1, 40), entries=5, further=bytes.fromhex("770700af737672ff01010101620401")).hex(),
         Flaw.FORMAT_UNKNOWN),
        (edl_telegram(SMALL, block(1, 40))[:-1].hex(), Flaw.RECORD_UNREADABLE),
        (process(SMALL, 1, 2).replace("MeasurementEnd", "MeasurementStop"), Flaw.RECORD_UNREADABLE),
        (process(SMALL, 1, 2).replace("+02:00</Timestamp><Sig", "</Timestamp><Sig"), Flaw.RECORD_UNREADABLE),
        ("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><signedMeterValue>&b;</signedMeterValue>",
         Flaw.FORMAT_UNKNOWN),
        ("<values><value/></values>", Flaw.FORMAT_UNKNOWN),
        ("<signedMeterValue>", Flaw.FORMAT_UNKNOWN),
    ],
    ids=[
        *("version", "cut-off", "method", "short-block", "signature-of-64", "version-4", "checksum", "no-end"),
        *("no-zone", "entity", "other-root", "open"),
    ],
)  # fmt: skip
def test_what_is_cut_off_is_broken_and_what_is_not_known_is_unproven(record: str, flaw: Flaw) -> None:
    assert check(record, der(SMALL), [BEGIN]).flaw is flaw


def test_begin_and_end_of_a_charging_process_may_not_be_of_two() -> None:
    one, other = process(SMALL, 10, 20), process(SMALL, 10, 20, contract="874AD0FF")
    start = other[other.index("<MeasurementStart>") : other.index("<MeasurementEnd>")]
    mixed = one.replace(one[one.index("<MeasurementStart>") : one.index("<MeasurementEnd>")], start)
    assert check(mixed, der(SMALL)).flaw is Flaw.SIGNATURE_WRONG
    assert look([(process(SMALL, 10, 20, pages=(26, 25)), END)], SMALL, None).flaws == (Flaw.PAIR_UNFIT,)


@pytest.mark.parametrize("form", PAIRS)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda data, key: data,
        lambda data, key: f"  {data}\n",
        lambda data, key: json.dumps({"signedMeterData": data, "encodingMethod": "EDL", "publicKey": ""}),
        lambda data, key: json.dumps(
            {
                "signedMeterData": base64.b64encode(data.encode()).decode(),
                "signingMethod": "ECDSA-secp192r1-SHA256",
                "encodingMethod": "Any name",
                "publicKey": base64.b64encode(f"oca:base16:asn1:{key}".encode()).decode(),
            }
        ),
        lambda data, key: data.replace("<", "&lt;") if data.startswith("<") else data.encode().hex(),
    ],
)
def test_records_are_understood_however_stations_wrap_them(form: str, wrap: Callable[[str, str], str]) -> None:
    records, key = PAIRS[form]
    found = look([(wrap(record, der(key)), context) for record, context in records], key)
    assert (found.trust, found.energy_wh) == (Trust.VERIFIED, 12_345)


def test_keys_are_understood_as_meters_print_them() -> None:
    for key in (SMALL, LARGE):
        bare = coordinates(key)
        for said in (bare.hex(), bare.hex(" ", 4).upper(), base64.b64encode(bare).decode(), "04" + bare.hex()):
            assert key_of(said) == der(key)
        assert usable(der(key))
    fields = alfen(SMALL, 0, 1, 1).split(";")
    assert key_of(fields[3]) == own_key(";".join(fields)) == der(SMALL)
    assert key_of("00" * 48) is None
    # A bare point may begin as a DER does.
    while (lucky := ec.generate_private_key(ec.SECP192R1())) and coordinates(lucky)[0] != 0x30:
        pass
    assert key_of(coordinates(lucky).hex()) == der(lucky)


@pytest.mark.parametrize("form", PAIRS)
def test_the_transparency_software_gets_each_format_by_its_own_words(form: str) -> None:
    records, key = PAIRS[form]
    rows = [SignedRow(at=BEGAN, context=context, record=record) for record, context in records]
    values = ElementTree.fromstring(transparency_file([*rows, rows[0]], der(key))).findall("value")
    assert [value.findtext("signedData") for value in values] == [record for record, _ in records]
    said = [value.find("signedData") for value in values]
    assert {each.get("format") for each in said if each is not None} == {form}
    encodings = {"EDL_40_P": ["hex", "base64"], "ISA_EDL_40_P": ["hex", "hex"]}.get(form, ["plain"] * len(values))
    assert [each.get("encoding") for each in said if each is not None] == encodings
    own = records[0][0].split(";")[3] if form == "ALFEN" else coordinates(key).hex()
    assert {value.findtext("publicKey") for value in values} == {own}


def test_a_telegram_is_whole_or_refused() -> None:
    whole = edl_telegram(SMALL, block(1, 40, contract=b"\x1b\x1b\x1b\x1b\x1b\x1b"))
    assert edl.check_telegram(whole, der(SMALL), frozenset()).flaw is None
    for cut in range(0, len(whole), 9):
        with pytest.raises(sml.Unreadable):
            sml.read(whole[:cut])
    deep = sml.BEGIN + b"\x71" * 500
    for strange in (deep, sml.BEGIN + b"\xff" * 200, whole + b"\0", b""):
        with pytest.raises(sml.Unreadable):
            sml.read(strange)


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


class Told(Signed):
    """A session whose station told its records by the contexts of OCPP."""

    def told(self, transaction_id: str, *records: tuple[str, int], **columns: Any) -> str:
        session_id = self.session(transaction_id, **columns)
        with self.house.admin() as connection:
            for number, (record, context) in enumerate(records):
                connection.execute(
                    "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, readings, signed)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    (
                        *(self.station_id, transaction_id, BEGAN + timedelta(minutes=number), 100 + number),
                        *(self.tenant.tenant_id, [code(Measurand.ENERGY_IMPORT_REGISTER, context=Context(context)), 0]),
                        json.dumps([[0, record]]),
                    ),
                )
        return session_id


@pytest.fixture
async def at(house: House, tenant: Tenant) -> Told:
    _, station_id = await a_station(house, tenant)
    return Told(house, tenant, station_id)


async def test_a_session_is_proven_by_the_key_that_came_with_its_records_or_that_somebody_said(at: Told) -> None:
    found = await at.look(at.told("tx1", *PAIRS["ALFEN"][0]))
    assert (found["trust"], found["energy_wh"], found["public_key"]) == ("verified", 12_345, der(SMALL))
    forged = at.told("tx2", (alfen(OTHER, 0, 100_001, 50), BEGIN), (alfen(OTHER, 1, 112_346, 52), END))
    found = await at.look(forged)
    assert (found["trust"], found["flaws"], found["held"]) == ("broken", ["key-other"], True)
    client = await at.tenant.client()
    body = {"evse": 1, "public_key": coordinates(LARGE).hex(), "since": (BEGAN - timedelta(days=1)).isoformat()}
    said = await client.post(f"/api/v1/stations/S-{at.tenant.tenant_id}/meter-keys", json=body)
    assert said.json()["public_key"] == der(LARGE)


@pytest.mark.parametrize("form", PAIRS)
def test_readings_of_another_time_are_of_another_session(form: str) -> None:
    records, key = PAIRS[form]
    checked = [check(record, der(key), [context]) for record, context in records]
    times = [each.at for one in checked for each in one.registers if each.at is not None]
    first, last = min(times), max(times)
    assert not elsewhere(checked, first - timedelta(hours=14), last + timedelta(hours=14))
    assert not elsewhere(checked, first + timedelta(hours=14), last + timedelta(hours=14))
    for away in (timedelta(days=2), -timedelta(days=2)):
        assert elsewhere(checked, first + away, last + away)


async def test_a_begin_of_another_day_with_the_same_card_proves_nothing(at: Told) -> None:
    # The same card and entry of the log; how the station presents it is up to the station.
    old = block(970_010, 38, at=-30 * 86_400)
    new = block(1_123_460, 42)
    for name, form in (("telegram", telegram), ("xml", partial(edl_xml, SMALL))):
        records = [(form(old), BEGIN), (form(new), END)]
        assert look(records, SMALL, None).trust is Trust.VERIFIED
        session_id = at.told(name, *records)
        client = await at.tenant.client()
        body = {"evse": 1, "public_key": coordinates(SMALL).hex(), "since": BEGAN.isoformat()}
        await client.post(f"/api/v1/stations/S-{at.tenant.tenant_id}/meter-keys", json=body)
        found = await at.look(session_id)
        assert (found["trust"], "pair-unfit" in found["flaws"]) == ("broken", True)


async def test_one_genuine_pair_does_not_prove_another_session(at: Told) -> None:
    assert (await at.look(at.told("tx1", *PAIRS["ALFEN"][0])))["trust"] == "verified"
    later = {"started_at": BEGAN + timedelta(days=3), "ended_at": BEGAN + timedelta(days=3, hours=1)}
    found = await at.look(at.told("tx2", *PAIRS["ALFEN"][0], **later))
    assert (found["trust"], found["flaws"]) == ("broken", ["pair-unfit"])


async def test_telegrams_without_a_key_wait_for_the_one_that_stands_at_the_meter(at: Told) -> None:
    session_id = at.told("tx1", *PAIRS["EDL_40_P"][0])
    found = await at.look(session_id)
    assert (found["trust"], found["flaws"]) == ("unproven", ["key-missing"])
    client = await at.tenant.client()
    body = {"evse": 1, "public_key": coordinates(SMALL).hex(" ").upper(), "since": BEGAN.isoformat()}
    answer = await client.post(f"/api/v1/stations/S-{at.tenant.tenant_id}/meter-keys", json=body)
    assert answer.status_code == 201
    assert (await at.look(session_id))["energy_wh"] == 12_345
    browser = await signed_in(at.house, at.tenant)
    file = await browser.get(f"/sessions/{session_id}/transparency.xml")
    assert 'format="EDL_40_P" encoding="hex"' in file.text
