"""Meters that sign as Alfen's, EDL 40 and ISA-EDL 40 meters do, written for itself: nothing of the product is used.

Every function makes a record as a station sends it. Numbers in it are the fixed layouts of the formats, byte for byte.
"""

import base64
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

SERVER = bytes.fromhex("0901454d480000abcdef")


def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """r and s, each as long as the curve."""
    size = (key.curve.key_size + 7) // 8
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def coordinates(key: ec.EllipticCurvePrivateKey) -> bytes:
    """X and Y of a public key."""
    numbers, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
    return numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")


def der(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, form).hex()


def alfen(
    key: ec.EllipticCurvePrivateKey,
    kind: int,
    wh: int,
    page: int,
    *,
    session: int = 7,
    uid: bytes = b"04AABBCC",
    status: int = 0,
    obis: str = "0100010800ff",
    meter: bytes = b"\x0a\x01DZG\x003\x00%\x02",
) -> str:
    data = struct.pack(
        "<10s4s2s10sIII6sBbq20sII",
        b"\x0aTestDev\x00\x09",
        b"v014",
        b"\xb9\x79",
        meter,
        status,
        1_000 + page,
        1_772_355_600 + page,
        bytes.fromhex(obis),
        30,
        0,
        wh,
        uid,
        session,
        page,
    )
    form = serialization.PublicFormat.CompressedPoint
    point = key.public_key().public_bytes(serialization.Encoding.X962, form)
    fields = (base64.b32encode(each).decode() for each in (point, data, sign(key, data)))
    return ";".join(("AP", str(kind), "3", *fields, ""))


def block(
    value: int,
    page: int,
    *,
    contract: bytes = b"04AABBCC",
    log: int = 6,
    scaler: int = -1,
    obis: str = "0100011100ff",
    at: int = 0,
) -> bytes:
    """The 320 bytes that an EDL 40 meter signs; the register in steps of ten to the power of the scaler. `at`: seconds
    later than others, as is the moment when the contract was shown."""
    return struct.pack(
        "<10sIBII6sBbQ2s128sI147x",
        SERVER,
        1_772_355_600 + 3_600 + at + page,
        8,
        5_000 + page,
        page,
        bytes.fromhex(obis),
        30,
        scaler,
        value,
        log.to_bytes(2, "big"),
        contract,
        1_772_355_600 + 3_600 + at,
    )


def edl_xml(key: ec.EllipticCurvePrivateKey, data: bytes, *, method: str = "ECDSA192SHA256") -> str:
    """The block in XML, as the controllers of several makers send it."""
    point, signature = coordinates(key), sign(key, data) + data[39:41]
    said = [base64.b64encode(each).decode() for each in (point, signature, data)]
    return wrapped(said[0], said[1], said[2], method)


def wrapped(key: str, signature: str, data: str, method: str = "ECDSA192SHA256") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<signedMeterValue>\n'
        f'<publicKey encoding="base64">\n{key}</publicKey>\n'
        f'<meterValueSignature encoding="base64">\n{signature}</meterValueSignature>\n'
        f"<signatureMethod>\n{method}</signatureMethod>\n<encodingMethod>\nEDL</encodingMethod>\n"
        f'<encodedMeterValue encoding="base64">\n{data}</encodedMeterValue>\n</signedMeterValue>'
    )


def edl_telegram(key: ec.EllipticCurvePrivateKey, data: bytes, *, further: bytes = b"", entries: int = 4) -> bytes:
    """The block as a telegram in SML, its times at a meter one hour east of Greenwich."""
    fields = struct.unpack("<10sIBII6sBbQ2s128sI", data[:173])
    server, at, status, seconds, page, obis, unit, scaler, value, log, contract, contract_at = fields
    values = (
        _octets(obis) + b"\x65" + struct.pack(">I", status) + _clock(at) + _value(unit, scaler, value) + b"\x01",
        _octets(bytes.fromhex("810060080001")) + b"\x01" * 4 + b"\x72\x62\x01\x72\x62\x01" + _u32(seconds) + b"\x01",
        _octets(bytes.fromhex("8180817101ff")) + b"\x01" * 4 + _u32(page) + b"\x01",
        _octets(bytes.fromhex("8182815401ff"))
        + b"\x01"
        + _clock(contract_at)
        + b"\x01\x01"
        + _octets(contract.rstrip(b"\0"))
        + b"\x01",
    )
    listed = bytes([0x70 | entries]) + b"".join(b"\x77" + each for each in values) + further
    return _telegram(server, bytes.fromhex("8180817103ff"), listed, sign(key, data) + log)


def isa_telegram(
    key: ec.EllipticCurvePrivateKey,
    begin: int,
    now: int,
    page: int,
    *,
    last: int = 2,
    contract: bytes = b"04AABBCC",
    meter: bytes = b"\x09\x01ISA\x00\x00\x00\x00\x01",
) -> bytes:
    """A telegram with the register at the begin and the one now, in tenths of Wh. `last`: 0 begin, 1 between, 2 end."""
    log, holder = b"\x00\xa4", bytes(range(0x80, 0x94))
    name = bytes.fromhex("81808162") + bytes([last, 0xFF])
    begun, read = bytes.fromhex("010001080080"), bytes.fromhex("0100010800ff")
    inner = bytes(range(64)) + log
    start_at, now_at = 1_772_355_600, 1_772_355_600 + 60 * page
    signed = b"".join(
        (
            *(meter, struct.pack("<IB", now_at, 0x18), read, struct.pack("<Bbq", 30, -1, now), log, inner),
            *(contract.ljust(128, b"\0"), struct.pack("<I", start_at), holder),
            *(struct.pack("<B", 0x18), begun, struct.pack("<Bbq", 30, -1, begin), name, struct.pack("<I", page)),
        )
    ).ljust(320, b"\0")
    status = b"\x69" + struct.pack(">Q", 0x4000000018)
    utc = [b"\x72\x62\x02" + _u32(at) for at in (start_at, now_at)]
    values = (
        _octets(bytes.fromhex("8182815401ff"))
        + b"\x01"
        + _clock(start_at, 60)
        + b"\x01\x01"
        + _octets(contract)
        + b"\x01",
        _octets(begun) + status + utc[0] + b"\x62\x1e\x52\xff\x59" + struct.pack(">q", begin) + b"\x01",
        _octets(bytes.fromhex("8180c7f040ff")) + b"\x01" * 4 + _u32(page) + b"\x01",
        _octets(bytes.fromhex("8180816101ff")) + b"\x01" * 4 + _octets(holder) + b"\x01",
        _octets(read) + status + utc[1] + b"\x62\x1e\x52\xff\x59" + struct.pack(">q", now) + _octets(inner),
    )
    listed = b"\x75" + b"".join(b"\x77" + each for each in values)
    return _telegram(meter, name, listed, sign(key, signed) + log)


def process(
    key: ec.EllipticCurvePrivateKey,
    begin: int,
    end: int,
    *,
    contract: str = "874AD0FE",
    pages: tuple[int, int] = (25, 26),
) -> str:
    """Begin and end of a charging process in XML; registers in tenths of Wh."""
    said = []
    moments = (("MeasurementStart", begin, pages[0], 14), ("MeasurementEnd", end, pages[1], 45))
    for name, value, page, second in moments:
        data = struct.pack(
            "<10sIBII6sBbQ2s128sI147x",
            SERVER,
            1_536_063_720 + second,
            65_800 & 0xFF,
            74_650 + page,
            page,
            bytes.fromhex("0100011100ff"),
            30,
            -1,
            value,
            b"\x00\x08",
            bytes.fromhex(contract),
            1_536_063_730,
        )
        said.append(
            f"<{name}><TimestampCustomerIdent>2018-09-04T12:22:10+02:00</TimestampCustomerIdent>"
            f"<Timestamp>2018-09-04T12:22:{second}+02:00</Timestamp><Signature>{sign(key, data).hex()}</Signature>"
            f"<EventCounter>8</EventCounter><MeterStatus>65800</MeterStatus><Value>{value}</Value><Scaler>-1</Scaler>"
            f"<Pagination>{page}</Pagination><SecondIndex>{74_650 + page}</SecondIndex></{name}>"
        )
    return (
        '<ChargingProcess xmlns="http://www.mennekes.de/Mennekes.EdlVerification.xsd">'
        f"<ServerId>{SERVER.hex()}</ServerId><PublicKey>{coordinates(key).hex().upper()}</PublicKey>"
        f"<CustomerIdent>{contract}</CustomerIdent>"
        f"<TimestampCustomerIdent>2018-09-04T12:22:10+02:00</TimestampCustomerIdent>{''.join(said)}</ChargingProcess>"
    )


def crc(data: bytes) -> bytes:
    """CRC-16/X-25 by its table of 16 steps, the lower byte first."""
    table = [0x0000, 0x1081, 0x2102, 0x3183, 0x4204, 0x5285, 0x6306, 0x7387]
    table += [0x8408, 0x9489, 0xA50A, 0xB58B, 0xC60C, 0xD68D, 0xE70E, 0xF78F]
    state = 0xFFFF
    for byte in data:
        state = state >> 4 ^ table[(state ^ byte) & 0xF]
        state = state >> 4 ^ table[(state ^ byte >> 4) & 0xF]
    return (state ^ 0xFFFF).to_bytes(2, "little")


def _telegram(server: bytes, name: bytes, listed: bytes, signature: bytes) -> bytes:
    opening = (
        b"\x72\x65\x00\x00\x01\x01\x76\x01\x02\x30\x02\x33" + _octets(server) + b"\x72\x62\x01\x65\x00\x00\x02\xdc\x01"
    )
    answer = (
        b"\x72\x65\x00\x00\x07\x01\x77\x01"
        + _octets(server)
        + _octets(name)
        + b"\x72\x62\x01\x65\x00\x00\x02\xdc"
        + listed
        + _octets(signature)
        + b"\x01"
    )
    body = b"".join(map(_message, (b"1", b"2", b"3"), (opening, answer, b"\x72\x65\x00\x00\x02\x01\x71\x01")))
    padding = -len(body) % 4
    escaped = body.replace(b"\x1b" * 4, b"\x1b" * 8)
    whole = b"\x1b" * 4 + b"\x01" * 4 + escaped + bytes(padding) + b"\x1b" * 4 + bytes([0x1A, padding])
    return whole + crc(whole)


def _message(number: bytes, body: bytes) -> bytes:
    content = b"\x76" + _octets(number) + b"\x62\x00\x62\x00" + body
    return content + b"\x63" + crc(content) + b"\x00"


def _octets(content: bytes) -> bytes:
    size = len(content) + 1
    if size < 16:
        return bytes([size]) + content
    size += 1
    return bytes([0x80 | size >> 4, size & 0xF]) + content


def _u32(value: int) -> bytes:
    return b"\x65" + struct.pack(">I", value)


def _clock(local: int, zone_min: int = 60) -> bytes:
    return b"\x72\x62\x03\x73" + _u32(local - 60 * zone_min) + b"\x53" + struct.pack(">h", zone_min) + b"\x53\x00\x00"


def _value(unit: int, scaler: int, value: int) -> bytes:
    return struct.pack(">BBBbBQ", 0x62, unit, 0x52, scaler, 0x59, value)
