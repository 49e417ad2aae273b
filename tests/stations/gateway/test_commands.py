"""Calls to stations: through the directory, the bus and the socket, and back."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest

from forecourt.ocpp.neutral import StartCharging, StopCharging, Token
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.stations.commands import (
    Answered,
    CallInvalid,
    CallOverdue,
    Commander,
    Refused,
    StationAnswerInvalid,
    StationNotAccepted,
    StationNotAnswering,
    StationOffline,
    StationTimeout,
    StationUnknown,
)
from forecourt.stations.gateway import outbound
from tests.stations.gateway.conftest import SECRET, ClockAhead, Rig, StationClient
from tests.stations.gateway.test_sessions_over_sockets import boot
from tests.support import WAIT_S


async def obey(station: StationClient, result: object) -> list[object]:
    """Answer the next call with a result; what was asked."""
    ask = await station.next_ask()
    await station.link.send(json.dumps([3, ask[1], result]))
    return [ask[2], ask[3]]


async def test_remote_start_and_stop_are_lowered_to_each_version_and_their_answers_lifted(
    rig: Rig, pool: Pool, bus: Bus
) -> None:
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    start = StartCharging(token=Token(uid="TAG1"), remote_start_id=77, evse=1)
    stop = StopCharging(transaction_id="42")
    for version, action, other in (
        ("ocpp1.6", "RemoteStartTransaction", "RemoteStopTransaction"),
        ("ocpp2.0.1", "RequestStartTransaction", "RequestStopTransaction"),
        ("ocpp2.1", "RequestStartTransaction", "RequestStopTransaction"),
    ):
        await rig.register(version)
        tenant = rig.tenant()
        async with rig.station(version, version) as station:
            await station.call("Heartbeat", {})
            answers, asked = await asyncio.gather(
                commander.command(tenant, version, start, "test"), obey(station, {"status": "Accepted"})
            )
            assert answers[0].accepted
            assert asked[0] == action
            assert "TAG1" in json.dumps(asked[1])
            answers, asked = await asyncio.gather(
                commander.command(tenant, version, stop, "test"), obey(station, {"status": "Rejected"})
            )
            assert not answers[0].accepted
            assert asked[0] == other
            assert "42" in json.dumps(asked[1])
    outcomes = rig.rows("SELECT DISTINCT outcome FROM commands")
    assert outcomes == [("answered",)]


async def test_an_offline_station_is_told_at_once_and_an_unknown_one_is_not_there(
    rig: Rig, pool: Pool, bus: Bus
) -> None:
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    await rig.register("CP1")
    with pytest.raises(StationOffline):
        await commander.call(rig.tenant(), "CP1", "ClearCache", b"{}", "test")
    async with rig.station("CP1") as station:
        await boot(station)
        with pytest.raises(StationUnknown):
            await commander.call(rig.tenant("Another"), "CP1", "ClearCache", b"{}", "test")
        # The directory still names a gateway that does not live: nobody responds there.
        rig.admin.execute("UPDATE station_links SET gateway_id = 'gone'")
        rig.admin.execute("INSERT INTO gateways VALUES ('gone', now(), now() + interval '1 hour')")
        with pytest.raises(StationOffline):
            await commander.call(rig.tenant(), "CP1", "ClearCache", b"{}", "test")
        # A holder whose epoch is stale refuses.
        rig.admin.execute("UPDATE station_links SET gateway_id = %s, epoch = 9", (rig.gateway.gateway_id,))
        with pytest.raises(StationOffline):
            await commander.call(rig.tenant(), "CP1", "ClearCache", b"{}", "test")


async def test_a_payload_beside_the_schema_is_refused_before_anything_is_sent(rig: Rig, pool: Pool, bus: Bus) -> None:
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        with pytest.raises(CallInvalid) as wrong:
            await commander.call(rig.tenant(), "CP1", "Reset", b'{"type":"Sideways"}', "test")
        assert wrong.value.context["error_code"] == "PropertyConstraintViolation"
        with pytest.raises(CallInvalid):
            await commander.call(rig.tenant(), "CP1", "NoSuchAction", b"{}", "test")
    assert rig.rows("SELECT count(*) FROM commands") == [(0,)]


async def test_calls_to_one_station_go_one_after_the_other_and_errors_come_back_as_such(
    rig: Rig, pool: Pool, bus: Bus
) -> None:
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        calls = [
            asyncio.create_task(commander.call(rig.tenant(), "CP1", "GetConfiguration", b'{"key":["%d"]}' % n, "test"))
            for n in range(3)
        ]
        for n in range(3):
            ask = await station.next_ask()
            # The next call is not sent while this one is unanswered: this answer arrives first.
            assert (await station.call("Heartbeat", {}))["currentTime"]
            assert station.asked == []
            if n == 1:
                await station.link.send(json.dumps([4, ask[1], "NotSupported", "no", {}]))
            else:
                await station.link.send(json.dumps([3, ask[1], {"unknownKey": [str(n)]}]))
        outcomes = await asyncio.gather(*calls)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Answered", "Answered", "Refused"]
    [refused] = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert refused.code == "NotSupported"
    [_, other] = [outcome for outcome in outcomes if isinstance(outcome, Answered)]
    assert "unknownKey" in other.result


async def test_calls_behind_an_unanswered_one_are_not_sent_and_say_so(
    rig: Rig, pool: Pool, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However much later the second call comes, what is left of its time is too little.
    monkeypatch.setattr(outbound, "LEAST_TIME_S", WAIT_S)
    commander = Commander(pool, bus, ClockAhead(), 3.0, secret_key=SECRET.encode())
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        silent = asyncio.create_task(commander.call(rig.tenant(), "CP1", "ClearCache", b"{}", "test"))
        await station.next_ask()
        with pytest.raises(StationNotAnswering):
            await commander.call(rig.tenant(), "CP1", "GetLocalListVersion", b"{}", "test")
        with pytest.raises(StationTimeout):
            await silent
        assert "currentTime" in await station.call("Heartbeat", {})
        assert station.asked == []
    assert rig.rows("SELECT action, outcome FROM commands ORDER BY number") == [
        ("ClearCache", "timeout"),
        ("GetLocalListVersion", "unsent"),
    ]


async def test_a_call_that_lay_on_its_way_for_longer_than_its_deadline_never_reaches_the_station(
    rig: Rig, pool: Pool, bus: Bus
) -> None:
    class Yesterday(SystemClock):
        def now(self) -> datetime:
            return super().now() - timedelta(seconds=WAIT_S)

    slow = Commander(pool, bus, Yesterday(), WAIT_S, secret_key=SECRET.encode())
    prompt = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        with pytest.raises(CallOverdue):
            await slow.call(rig.tenant(), "CP1", "ClearCache", b"{}", "test")
        # Of many calls that were recorded long ago, and are sent only now, it is the same.
        async with pool.tenant(rig.tenant()) as conn:
            entered, _ = await slow.batch.enter(conn, rig.tenant(), [("CP1", StopCharging(transaction_id="4"))], "test")
        told = [each async for some in prompt.batch.carry(rig.tenant(), entered, urgent=True) for each in some]
        assert [type(each.answer) for each in told] == [CallOverdue]
        _, asked = await asyncio.gather(
            prompt.call(rig.tenant(), "CP1", "GetLocalListVersion", b"{}", "test"), obey(station, {"listVersion": 0})
        )
        assert asked[0] == "GetLocalListVersion"
        assert station.asked == []
    assert rig.rows("SELECT outcome FROM commands ORDER BY number") == [("unsent",), ("unsent",), ("answered",)]


async def test_an_answer_that_cant_be_read_is_no_error_of_the_station_and_its_outcome_is_unknown(
    rig: Rig, pool: Pool, bus: Bus
) -> None:
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        for garbled in ('[3,"{}",{"status":', '[3,"{}"]', '[4,"{}",7]', '[4,"{}"]'):
            asking = asyncio.create_task(commander.call(rig.tenant(), "CP1", "ClearCache", b"{}", "test"))
            ask = await station.next_ask()
            await station.link.send(garbled.replace("{}", ask[1], 1))
            with pytest.raises(StationAnswerInvalid) as told:
                await asking
            assert told.value.status == 502
        assert "currentTime" in await station.call("Heartbeat", {})
    assert rig.rows("SELECT DISTINCT outcome FROM commands") == [("unknown",)]


@pytest.mark.parametrize("registration", ["pending", "rejected"])
async def test_a_station_that_is_not_accepted_is_configured_and_not_asked_to_start_or_stop(
    rig: Rig, pool: Pool, bus: Bus, registration: str
) -> None:
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    tenant = rig.tenant()
    for version, read in (("ocpp1.6", "GetConfiguration"), ("ocpp2.0.1", "GetVariables")):
        await rig.register(version, registration=registration)
        payload = {"getVariableData": [{"component": {"name": "C"}, "variable": {"name": "V"}}]}
        async with rig.station(version, version) as station:
            # Answered, with whatever: its socket stands in the directory.
            await station.call("Heartbeat", {})
            for command in (
                StartCharging(token=Token(uid="TAG1"), remote_start_id=7),
                StopCharging(transaction_id="4"),
            ):
                with pytest.raises(StationNotAccepted) as told:
                    await commander.command(tenant, version, command, "test")
                assert told.value.context["registration"] == registration
            if version == "ocpp1.6":
                with pytest.raises(StationNotAccepted):
                    await commander.call(tenant, version, "RemoteStopTransaction", b'{"transactionId":4}', "test")
            data = b"{}" if version == "ocpp1.6" else json.dumps(payload).encode()
            _, asked = await asyncio.gather(commander.call(tenant, version, read, data, "test"), obey(station, {}))
            assert asked[0] == read
            assert station.asked == []
    assert rig.rows("SELECT count(*) FROM commands") == [(2,)]


async def test_an_answer_after_the_deadline_is_recorded_with_its_command(rig: Rig, pool: Pool, bus: Bus) -> None:
    commander = Commander(pool, bus, ClockAhead(), 0.2, secret_key=SECRET.encode())
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        with pytest.raises(StationTimeout):
            await commander.call(rig.tenant(), "CP1", "ClearCache", b"{}", "test")
        assert rig.rows("SELECT outcome FROM commands") == [("timeout",)]
        await obey(station, {"status": "Accepted"})
        async with asyncio.timeout(WAIT_S):
            while rig.rows("SELECT outcome, answer FROM commands") != [("late", '{"status": "Accepted"}')]:
                await asyncio.sleep(0.02)


async def test_secrets_are_kept_neither_in_the_message_log_nor_with_the_command(rig: Rig, pool: Pool, bus: Bus) -> None:
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    secret = "hunter2hunter2hunter2"
    await rig.register("CP1")
    await rig.register("CP2")
    variables = {
        "setVariableData": [
            {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "attributeValue": secret,
            }
        ]
    }
    configuration = {"key": "AuthorizationKey", "value": secret}
    diagnostics = {"location": f"ftp://user:{secret}@files.example/x"}
    async with rig.station("CP1") as old, rig.station("CP2", "ocpp2.0.1") as new:
        for station, identity, action, payload, result in (
            (old, "CP1", "ChangeConfiguration", configuration, {"status": "Accepted"}),
            (old, "CP1", "GetDiagnostics", diagnostics, {}),
            (old, "CP1", "GetConfiguration", {}, {"configurationKey": [configuration | {"readonly": False}]}),
            (new, "CP2", "SetVariables", variables, {"setVariableResult": []}),
        ):
            await station.call("Heartbeat", {})
            data = json.dumps(payload).encode()
            _, asked = await asyncio.gather(
                commander.call(rig.tenant(), identity, action, data, "test"), obey(station, result)
            )
            assert asked[1] == payload
        await old.link.send('[3,"x",{"configurationKey":[{"key":"AuthorizationKey","value":"' + secret + '"}]')
        await old.call("Heartbeat", {})
        await rig.gateway.drain()
    kept = rig.rows(
        "SELECT payload FROM messages UNION ALL SELECT payload FROM commands UNION ALL SELECT answer FROM commands"
    )
    assert len(kept) > 12
    assert not [text for (text,) in kept if text is not None and secret in text]
    assert [text for (text,) in kept if text is not None and "[redacted]" in text]
