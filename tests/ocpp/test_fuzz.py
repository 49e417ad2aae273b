"""Whatever arrives, nothing but a FrameFault or a CallFault comes out."""

import json
import warnings
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.ocpp import CallFault, FrameFault, Version, frames, protocol
from forecourt.ocpp.neutral import Acknowledged
from tests.ocpp import schemas
from tests.support import EPOCH

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
VERSIONS = st.sampled_from(list(Version))


def served(version: Version, action: str, payload: bytes) -> bool:
    """Whether a payload gets as far as an answer."""
    spoken = protocol(version)
    try:
        request = spoken.decode_call(action, payload).request
    except CallFault as fault:
        refusal = frames.error("1", fault.code, fault.description, msgspec.json.encode(fault.details))
        frames.parse(refusal, version)
        return False
    spoken.lift(action, request)
    if action in spoken.station_actions:
        spoken.answer(action, request, Acknowledged(now=EPOCH))
    return True


@given(st.binary(max_size=200), VERSIONS)
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_frame_or_a_frame_fault(raw: bytes, version: Version) -> None:
    try:
        frames.parse(raw, version)
        raw.decode()
    except FrameFault as fault:
        frames.refusal(fault, version)


@given(st.binary(min_size=1, max_size=40), VERSIONS)
@settings(max_examples=200, deadline=None)
def test_no_payload_that_text_columns_refuse_comes_through(content: bytes, version: Version) -> None:
    try:
        frame = frames.parse(frames.call("1", "DataTransfer", b'{"a":"' + content + b'"}'), version)
    except FrameFault:
        return
    assert isinstance(frame, frames.Call)
    assert "\0" not in bytes(frame.payload).decode()


@given(st.lists(JSON, max_size=7), st.sampled_from([2, 3, 4, 5, 6]), VERSIONS)
@settings(max_examples=200, deadline=None)
def test_any_array_is_a_frame_or_a_frame_fault(rest: list[Any], kind: int, version: Version) -> None:
    try:
        frames.parse(json.dumps([kind, *rest]).encode(), version)
    except FrameFault as fault:
        refusal = frames.refusal(fault, version)
        if refusal is not None:
            frames.parse(refusal, version)


@given(st.binary(max_size=120), VERSIONS, st.data())
@settings(max_examples=200, deadline=None)
def test_any_payload_is_served_or_refused(payload: bytes, version: Version, data: st.DataObject) -> None:
    action = data.draw(st.sampled_from(sorted(protocol(version).station_actions)))
    served(version, action, payload)


@given(JSON, VERSIONS, st.data())
@settings(max_examples=200, deadline=None)
def test_any_json_is_served_or_refused(value: Any, version: Version, data: st.DataObject) -> None:
    action = data.draw(st.sampled_from(sorted(protocol(version).station_actions)))
    served(version, action, json.dumps(value).encode())


def test_right_messages_damaged_in_one_place_are_served_or_refused() -> None:
    random = Random("damage")
    junk: tuple[Any, ...] = (
        None,
        True,
        -1,
        10**30,
        1e300,
        5e-324,
        "",
        "\0",
        "1e5",
        "٣",
        "x" * 70_000,
        [],
        {},
        [[[]]],
        {"vendorId": 5},
    )
    count = {True: 0, False: 0}
    for version in Version:
        for action in sorted(protocol(version).station_actions | protocol(version).send_actions):
            message = f"{action}Request"
            for _ in range(20):
                base = schemas.instance(version, message, random, 0.5)
                places = schemas.mutations(version, message, base)
                if places:
                    base = random.choice(places)._replace(change=random.choice(junk)).of(base)
                with warnings.catch_warnings(action="error"):
                    count[served(version, action, json.dumps(base).encode())] += 1
    assert min(count.values()) > 100


def test_payloads_cut_or_spoiled_anywhere_are_served_or_refused() -> None:
    random = Random("spoil")
    for version in Version:
        action = "StatusNotification"
        base = json.dumps(schemas.instance(version, f"{action}Request", random, 1.0)).encode()
        for at in range(len(base)):
            served(version, action, base[:at])
            served(version, action, base[:at] + bytes([random.randrange(256)]) + base[at + 1 :])


def test_deep_nesting_is_refused() -> None:
    for nested in (b'{"data":' * 5_000, b'{"vendorId":"x","data":' + b"[" * 900 + b"]" * 900 + b"}"):
        served(Version.V201, "DataTransfer", nested)
