"""The number of a payment card, sent in every field of every message of every version, is kept nowhere; what only looks
like one is."""

import asyncio
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest

from forecourt.ocpp.neutral import Version
from forecourt.ocpp.protocol import protocol
from forecourt.platform.bus import Bus
from forecourt.platform.cards import MASK, holds_card, is_card, masked, may_hold_card
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.commands import Commander
from forecourt.stations.gateway.card_numbers import clear, clear_id
from tests.ocpp import schemas
from tests.stations.gateway.conftest import SECRET, Rig, StationClient
from tests.support import WAIT_S

NUMBER = "4929123456781236"
SPACED = "4929 1234 5678 1236"
#: The uid of an RFID card that is all digits, and right as a card's number.
UID = "36148900647913"


@pytest.fixture
def transport() -> str:
    """The carrier makes no difference here."""
    return "picows"


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there are texts in a message."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def put(value: Any, path: tuple[Any, ...], text: str) -> Any:
    """A copy with this text at a place."""
    copy = json.loads(json.dumps(value))
    at = copy
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = text
    return copy


def messages(version: Version, message: str) -> Iterator[Any]:
    """A right message with the number in each of its texts, one at a time, in all that are no word of a list, and in
    fields and names that it does not have."""
    whole = schemas.instance(version, message, Random(message), 1.0)
    for number, path in enumerate(places(whole)):
        yield put(whole, path, NUMBER if number % 2 else SPACED)
    everywhere = whole
    for path in places(whole):
        with_one = put(everywhere, path, NUMBER)
        if schemas.validator(version, message).is_valid(with_one):
            everywhere = with_one
    yield everywhere
    yield {**whole, "customData": {"vendorId": NUMBER, "number": int(NUMBER), NUMBER: [f"pan={NUMBER};"]}}
    yield {**whole, NUMBER: 1}


async def boot(station: StationClient, version: str) -> Any:
    if version == Version.V16:
        return await station.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    made = {"vendorName": "V", "model": "M"}
    return await station.call("BootNotification", {"chargingStation": made, "reason": "PowerUp"})


async def answers(station: StationClient, frames: list[str]) -> list[Any]:
    """Send all at once; what each is answered."""

    async def send() -> None:
        for frame in frames:
            await station.link.send(frame)

    sending = asyncio.create_task(send())
    found = [json.loads(await asyncio.wait_for(station.link.recv(), WAIT_S)) for _ in frames]
    await sending
    return found


def kept_nowhere(rig: Rig) -> None:
    digits = SPACED.replace(" ", "_")
    patterns = [f"%{NUMBER}%", f"%{SPACED}%", f"%{digits}%", f"%{NUMBER.encode().hex()}%"]
    for (table,) in rig.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        found = rig.admin.execute(f"SELECT t::text FROM {table} t WHERE t::text LIKE ANY(%s)".encode(), (patterns,))
        assert found.fetchone() is None, table


@pytest.mark.parametrize("version", list(Version))
async def test_in_whatever_field_a_station_sends_it_the_number_is_kept_nowhere(
    rig: Rig, version: Version, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    await rig.register("CP1")
    spoken, name = protocol(version), str(version.value)
    async with rig.station("CP1", name) as station:
        frames, sends = list[str](), list[str]()
        for action in sorted(spoken.station_actions - {"Heartbeat"}):
            for payload in messages(version, f"{action}Request"):
                frames.append(json.dumps([2, f"m{len(frames)}", action, payload]))
        for action in sorted(spoken.send_actions):
            sends += [json.dumps([6, NUMBER, action, each]) for each in messages(version, f"{action}Request")]
        for frame in sends:
            await station.link.send(frame)
        said = await answers(station, frames)
        assert [each[1] for each in said] == [f"m{number}" for number in range(len(frames))]
        assert NUMBER not in json.dumps(said)
        served = sum(each[0] == 3 for each in said)
        assert served > len(said) / 3, (served, len(said))
        # An id is answered as it came, and logged as none; what is no message at all is logged too.
        assert await station.call("Heartbeat", {}, NUMBER)
        odd = [f'[2,"a","{NUMBER}",{{}}]', f'[2,"b","Heartbeat",{{"x":"{NUMBER}"', f'[3,"{NUMBER}",{{"a":"{NUMBER}"}}]']
        for frame in odd:
            await station.link.send(frame)
        assert await station.call("Heartbeat", {})
        assert (await boot(station, name))["status"] == "Accepted"
    await rig.gateway.drain()
    kept_nowhere(rig)
    logged = dict(rig.rows("SELECT action, count(*) FROM messages WHERE payload LIKE %s GROUP BY 1", f"%{MASK}%"))
    assert spoken.station_actions - {"Heartbeat"} <= set(logged)
    out = capfd.readouterr()
    assert NUMBER not in out.out + out.err + caplog.text


@pytest.mark.parametrize("version", list(Version))
async def test_in_whatever_answer_a_station_says_it_the_number_is_kept_nowhere(
    rig: Rig, pool: Pool, bus: Bus, version: Version
) -> None:
    await rig.register("CP1")
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    spoken, asked = protocol(version), 0
    async with rig.station("CP1", str(version.value)) as station:
        await boot(station, str(version.value))
        for action in sorted(spoken.csms_actions - {"ClearTariffs"}):
            request = json.dumps(schemas.instance(version, f"{action}Request", Random(7), 0.0)).encode()
            for answer in (*messages(version, f"{action}Response"), None):
                asking = asyncio.create_task(commander.call(rig.tenant(), "CP1", action, request, "test"))
                _, message_id, *_ = await station.next_ask()
                frame = [4, message_id, NUMBER, f"no {NUMBER}", {"n": NUMBER}] if answer is None else None
                await station.link.send(json.dumps(frame or [3, message_id, answer]))
                try:
                    said = repr(await asking)
                except ForecourtError as fault:
                    said = f"{fault} {fault.context}"
                assert NUMBER not in said
                asked += 1
    assert asked > 60
    await rig.gateway.drain()
    kept_nowhere(rig)
    assert rig.rows("SELECT count(*) FROM commands WHERE answer::text LIKE %s", f"%{MASK}%")[0][0] > 20


async def test_uids_of_rfid_cards_and_signed_values_stay_as_they_came(rig: Rig) -> None:
    """A uid of 14 digits that could be a card's, one of 20, and a record whose serial number could be."""
    uids = [UID, "04929123456781236123", "04A1B2C3D4E5F6"]
    record = f'OCMF|{{"GS":"{NUMBER}","RD":[]}}|{{"SD":"30"}}'
    await rig.register("CP1")
    for uid in uids:
        rig.token(uid)
    async with rig.station("CP1", "ocpp2.1") as station:
        await boot(station, "ocpp2.1")
        for number, uid in enumerate(uids):
            token = {"idToken": uid, "type": "ISO14443"}
            assert (await station.call("Authorize", {"idToken": token}))["idTokenInfo"]["status"] == "Accepted"
            signed = {"signedMeterData": record, "encodingMethod": "OCMF"}
            value = {"value": 1.0, "signedMeterValue": signed}
            event = {
                "eventType": "Started", "timestamp": "2026-11-22T05:40:00Z", "triggerReason": "Authorized", "seqNo": 0,
                "transactionInfo": {"transactionId": f"t{number}"}, "idToken": token,
                "meterValue": [{"timestamp": "2026-11-22T05:40:00Z", "sampledValue": [value]}],
            }  # fmt: skip
            assert (await station.call("TransactionEvent", event))["idTokenInfo"]["status"] == "Accepted"
    assert sorted(uid for (uid,) in rig.rows("SELECT token_uid FROM sessions")) == sorted(uids)
    assert rig.rows("SELECT count(*) FROM meter_values WHERE signed LIKE %s", f"%{NUMBER}%") == [(3,)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (NUMBER, MASK),
        (f"{SPACED} 12/29 123", f"{MASK} 12/29 123"),
        (f"on 2026-11-26 {NUMBER}.", f"on 2026-11-26 {MASK}."),
        (f"{SPACED} and {NUMBER}", f"{MASK} and {MASK}"),
        ("3782 822463 10005", MASK),
        ("4111-1111-1111-1111", MASK),
        ("6759649826438453", MASK),
        (f"x{NUMBER}", f"x{NUMBER}"),
        (f"{NUMBER}0000", f"{NUMBER}0000"),
        ("4929123456781237", "4929123456781237"),
        ("9929123456781236", "9929123456781236"),
        ("3f2504e0-4929-1234-5678-123612361236", "3f2504e0-4929-1234-5678-123612361236"),
        ("42424242-4242-4242-8abc-0123456789ab", "42424242-4242-4242-8abc-0123456789ab"),
        (f"42424242-4242-4242-8abc-0123456789ab {NUMBER}", f"42424242-4242-4242-8abc-0123456789ab {MASK}"),
        (f"1.{NUMBER}", f"1.{NUMBER}"),
        ("1764169112345678", "1764169112345678"),
    ],
)
def test_a_number_stands_by_itself_or_is_none(text: str, kept: str) -> None:
    assert masked(text) == kept
    assert holds_card(text) == (text != kept)
    assert clear(json.dumps({"a": text}).encode()) == (
        json.dumps({"a": text}).encode() if text == kept else msgspec.json.encode({"a": kept})
    )


def test_however_it_is_spelled_in_json_it_is_found() -> None:
    escaped = "".join(f"\\u{ord(digit):04x}" for digit in NUMBER)
    for text in (f'{{"a":"{escaped}"}}', f'{{"a":"4929\\u0020{NUMBER[4:]}"}}', f'{{"a":"4929\\u0000{NUMBER[4:]}"}}'):
        assert may_hold_card(text.encode())
        assert json.loads(clear(text.encode())) == {"a": MASK}
    assert json.loads(clear(f'{{"a":{NUMBER},"b":{NUMBER}.0,"{NUMBER}":1}}'.encode())) == {
        "a": MASK,
        "b": MASK,
        MASK: 1,
    }
    broken = b'{"a":"' + NUMBER.encode() + b"\xff"
    assert NUMBER.encode() not in clear(broken)
    assert clear(b'{"idTag":"%s"}' % UID.encode()) == b'{"idTag":"%s"}' % UID.encode()
    assert json.loads(clear(b'{"info":"%s"}' % UID.encode())) == {"info": MASK}
    assert is_card(UID)


def test_ids_that_programs_make_are_logged_as_they_are() -> None:
    for message_id in ("17", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "1764169112345"):
        assert clear_id(message_id) is message_id
    assert clear_id(NUMBER) == MASK


def test_what_may_hold_one_is_told_in_linear_time() -> None:
    """Half a megabyte of digits and blanks: anything worse than linear would not come back."""
    text = "1 2 3 4 5 6 7 8 9 " * 30_000
    assert masked(text) is text
    assert masked("1" * 500_000 + "x")
