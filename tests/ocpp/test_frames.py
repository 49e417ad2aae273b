import pytest

from forecourt.ocpp import FrameFault, Version, frames

ALL = tuple(Version)
V2 = (Version.V201, Version.V21)


def fault(raw: bytes, version: Version) -> FrameFault:
    with pytest.raises(FrameFault) as caught:
        frames.parse(raw, version)
    return caught.value


@pytest.mark.parametrize("version", ALL)
def test_a_call_keeps_its_payload_as_the_bytes_that_came(version: Version) -> None:
    frame = frames.parse(b' [2, "id", "Heartbeat", {"a" : 1.0} ]\n', version)
    assert isinstance(frame, frames.Call)
    assert (frame.id, frame.action, bytes(frame.payload)) == ("id", "Heartbeat", b'{"a" : 1.0}')


@pytest.mark.parametrize("version", ALL)
def test_what_is_written_can_be_parsed_again(version: Version) -> None:
    call = frames.parse(frames.call('i"d', "Reset", b'{"type":"Hard"}'), version)
    assert isinstance(call, frames.Call)
    assert (call.id, call.action, bytes(call.payload)) == ('i"d', "Reset", b'{"type":"Hard"}')
    result = frames.parse(frames.result("7", b"{}"), version)
    assert isinstance(result, frames.CallResult)
    assert (result.id, bytes(result.payload)) == ("7", b"{}")
    error = frames.parse(frames.error("8", "InternalError", "ünable", b'{"a":1}'), version)
    assert isinstance(error, frames.CallError)
    assert (error.id, error.code, error.description) == ("8", "InternalError", "ünable")
    assert bytes(error.details) == b'{"a":1}'


def test_send_and_result_errors_are_messages_of_2_1_alone() -> None:
    send = frames.parse(frames.send("9", "NotifyPeriodicEventStream", b"{}"), Version.V21)
    assert isinstance(send, frames.Send)
    assert send.action == "NotifyPeriodicEventStream"
    refused = frames.parse(frames.result_error("9", "FormatViolation", "no"), Version.V21)
    assert isinstance(refused, frames.CallResultError)
    for raw in (frames.send("9", "X", b"{}"), frames.result_error("9", "X", ""), b'[5,"9"]', b'[6,"9"]'):
        assert fault(raw, Version.V201).code == "MessageTypeNotSupported"
        assert fault(raw, Version.V16).answerable is False
    for raw in (b'[5,"9"]', b'[6,"9"]'):
        assert (fault(raw, Version.V21).code, fault(raw, Version.V21).answerable) == ("FormatViolation", False)


def test_a_description_is_cut_to_what_ocpp_allows() -> None:
    error = frames.parse(frames.error("1", "GenericError", "x" * 1000), Version.V201)
    assert isinstance(error, frames.CallError)
    assert error.description == "x" * 255


@pytest.mark.parametrize("raw", [b'[4,"1","GenericError"]', b'[4,"1","GenericError",null]', b'[4,"1","X","",{}]'])
def test_an_error_without_description_or_details_is_still_an_error(raw: bytes) -> None:
    frame = frames.parse(raw, Version.V16)
    assert isinstance(frame, frames.CallError)
    assert not frame.description
    assert bytes(frame.details) == b"{}"


@pytest.mark.parametrize(
    "raw",
    [b"", b"nonsense", b"\xff\xfe", b"{}", b"[]", b"2", b"[2]", b'[2,"a', b"[" * 100_000, b'\xef\xbb\xbf[3,"a",{}]',
     b'[2,7,"Heartbeat",{}]', b'[2,null,"Heartbeat",{}]', b'[2,"' + b"x" * 256 + b'","Heartbeat",{}]',
     b'[2,"' + b"x" * 256 + b'","Heartbeat"]', b'[2,"' + b"x" * 256 + b'","Heartbeat",{"a":}]',
     b'[2,"\xff","Heartbeat",{}]',
     b'[2,"a\\u0000","Heartbeat",{}]'],
)  # fmt: skip
def test_without_a_usable_id_2x_says_so_and_1_6_stays_silent(raw: bytes) -> None:
    for version in V2:
        broken = fault(raw, version)
        assert (broken.id, broken.code) == (None, "RpcFrameworkError")
        refusal = frames.refusal(broken, version)
        assert refusal is not None
        assert refusal.startswith(b'[4,"-1","RpcFrameworkError",')
    broken = fault(raw, Version.V16)
    assert (broken.id, broken.code) == (None, "FormationViolation")
    assert frames.refusal(broken, Version.V16) is None


@pytest.mark.parametrize(
    "raw",
    [b'[2,"7","Heartbeat"]', b'[2,"7"]', b'[2,"7","Heartbeat",{},{}]', b'[2,"7",5,{}]', b'[2,"7","Heartbeat",{"a":}]',
     b'[2,"7","Heartbeat",{"a":"\x01"}]', b'[2,"7","Heartbeat",{}'],
)  # fmt: skip
def test_a_broken_call_with_an_id_is_answered_under_that_id(raw: bytes) -> None:
    for version, code in ((Version.V16, "FormationViolation"), (Version.V201, "FormatViolation")):
        broken = fault(raw, version)
        assert (broken.id, broken.code) == ("7", code)
        refusal = frames.refusal(broken, version)
        assert refusal is not None
        assert refusal.startswith(b'[4,"7","' + code.encode())


#: No UTF-8, where no decoder reads it: in a payload that stays raw. The last is UTF-8's spelling of half a character.
SPOILED = [b'{"a":"\xff"}', b'{"\xc3":1}', b'{"customData":{"vendorId":"x","y":["\xe9t\xe9"]}}', b'"\xed\xa0\x80"']


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("payload", SPOILED)
def test_bytes_that_are_no_utf_8_are_refused_wherever_they_stand(version: Version, payload: bytes) -> None:
    format_code = "FormationViolation" if version is Version.V16 else "FormatViolation"
    broken = fault(frames.call("7", "DataTransfer", payload), version)
    assert (broken.id, broken.code, broken.answerable) == ("7", format_code, True)
    assert broken.description == "the frame is not valid UTF-8"
    errors = frames.error("7", "GenericError", "", payload), frames.result_error("7", "GenericError", "", payload)
    for raw in (frames.result("7", payload), frames.send("7", "NotifyPeriodicEventStream", payload), *errors):
        broken = fault(raw, version)
        assert broken.id == "7"
        if version is Version.V21 or raw[1:2] in b"34":
            assert (broken.code, broken.answerable) == (format_code, False)
        else:
            assert broken.code == fault(b'[9,"7"]', version).code


@pytest.mark.parametrize("version", ALL)
def test_a_payload_in_any_script_is_kept(version: Version) -> None:
    payload = '{"a":"Ünïcödé 充电 🔌"}'.encode()
    frame = frames.parse(frames.call("7", "DataTransfer", payload), version)
    assert isinstance(frame, frames.Call)
    assert bytes(frame.payload) == payload


@pytest.mark.parametrize(
    "raw",
    [b'[3,"7",{"a":}]', b'[3,"7",', b'[3,"7"]', b'[3,"7",{},1]', b'[4,"7"]', b'[4,"7",1,"",{}]', b'[4,"7","X",5,{}]'],
)
def test_a_broken_answer_names_the_call_that_waits_and_is_not_answered(raw: bytes) -> None:
    for version in ALL:
        broken = fault(raw, version)
        assert broken.id == "7"
        assert frames.refusal(broken, version) is None


@pytest.mark.parametrize("kind", [b"1", b"9", b'"2"', b"2.0", b"true", b"null", b"[2]", b"{}"])
def test_an_unknown_message_type_is_refused_by_2x_and_ignored_by_1_6(kind: bytes) -> None:
    raw = b"[" + kind + b',"7","Heartbeat",{}]'
    for version in V2:
        broken = fault(raw, version)
        assert (broken.id, broken.code, broken.answerable) == ("7", "MessageTypeNotSupported", True)
    assert frames.refusal(fault(raw, Version.V16), Version.V16) is None


@pytest.mark.parametrize("version", ALL)
def test_an_id_beyond_what_ocpp_allows_is_answered_under_that_id_up_to_a_bound(version: Version) -> None:
    for message_id in ("x" * (frames.ID_LIMIT + 1), "x" * frames.SERVED_ID_LIMIT, "é" * frames.SERVED_ID_LIMIT):
        assert frames.parse(frames.call(message_id, "Heartbeat", b"{}"), version).id == message_id
    longest = b"x" * frames.SERVED_ID_LIMIT
    for broken in (b'[2,"' + longest + b'","Heartbeat"]', b'[2,"' + longest + b'","Heartbeat",{"a":}]'):
        refusal = frames.refusal(fault(broken, version), version)
        assert refusal is not None
        assert refusal.startswith(b'[4,"' + longest + b'"')


def test_of_a_name_held_twice_the_last_counts() -> None:
    frame = frames.parse(b'[2,"1","Heartbeat",{"a":1,"a":2}]', Version.V16)
    assert isinstance(frame, frames.Call)
    assert bytes(frame.payload) == b'{"a":1,"a":2}'
