"""Limits of grid operators arrive by OpenADR, are followed when they change or are cancelled, and are never guessed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from forecourt.energy.feeds import openadr2
from forecourt.energy.feeds.events import duration_of, shifted
from forecourt.energy.feeds.model import FeedFailed, Memory, OpenAdr2, OpenAdr3
from forecourt.energy.store.nudges import CHANNEL
from tests.energy import markets
from tests.energy.authority import Authority
from tests.energy.test_feeds import Line, line
from tests.support import EPOCH, WAIT_S, FakeClock, free_port

__all__ = ["line"]
LEVELS: dict[Any, int] = {"1": 40_000, "2": 20_000}


def event3(name: str, kind: str, *values: float, **more: Any) -> dict[str, Any]:
    """An event of OpenADR 3 that begins in an hour, with an interval of an hour a value."""
    units = {"units": "KW"} if kind.endswith("LIMIT") else {"units": "KWH", "currency": "EUR"}
    return {
        "id": name,
        "programID": "p-1",
        "objectType": "EVENT",
        "payloadDescriptors": [{"payloadType": kind, "objectType": "EVENT_PAYLOAD_DESCRIPTOR", **units}],
        "intervalPeriod": {"start": "2026-03-01T13:00:00Z", "duration": "PT1H"},
        "intervals": [{"id": n, "payloads": [{"type": kind, "values": [value]}]} for n, value in enumerate(values)],
    } | more


def after(hours: float, since: datetime = EPOCH) -> datetime:
    return since + timedelta(hours=hours)


async def said(line: Line) -> list[tuple[str, int | None, datetime, datetime | None]]:
    return [(each.external_id, each.limit_w, each.starts_at, each.ends_at) for each in await line.limits()]


async def test_events_of_openadr_3_become_limits_and_series_and_are_followed_when_they_change(
    line: Line, clock: FakeClock
) -> None:
    vtn = markets.Vtn3()
    vtn.programs = [
        {"id": "p-0", "programName": "other"},
        {"id": "p-1", "programName": "capacity"},
    ]
    own = event3("e-2", "SIMPLE", 2, 0)
    own["intervals"][1]["intervalPeriod"] = {"start": "2026-03-01T20:00:00Z", "duration": "PT30M"}
    vtn.events = [
        event3("e-1", "IMPORT_CAPACITY_LIMIT", 30, 12.5),
        own,
        event3("e-3", "PRICE", 0.25, -0.01),
        event3("e-4", "EXPORT_CAPACITY_LIMIT", 5),
        event3("e-5", "IMPORT_CAPACITY_LIMIT", 1, programID="p-0"),
        event3("e-6", "IMPORT_CAPACITY_LIMIT", 1, targets=[{"type": "VEN_NAME", "values": ["somebody else"]}]),
        *(event3(f"f-{n}", "PRICE", 0.5, programID="p-0") for n in range(60)),
    ]
    async with markets.serving(vtn.app()) as url:
        source = OpenAdr3(
            url=f"{url}/openadr3", client_id="yard", program="capacity", ven_name="yard", levels=LEVELS, price_zone="P",
            every_s=20,
        )  # fmt: skip
        feed_id = await line.add(source, client_secret="right")
        with psycopg.connect(
            line.yard.admin.info.dsn, autocommit=True, password=line.yard.admin.info.password
        ) as heard:
            heard.execute(f"LISTEN {CHANNEL}")
            feed = await line.fetch(feed_id)
            nudged = {note.payload for note in heard.notifies(timeout=WAIT_S, stop_after=1)}
        assert (feed.failure, feed.next_at) == (None, clock.now() + timedelta(seconds=20))
        assert nudged == {str(line.site_id)}
        assert await said(line) == [
            ("e-1/IMPORT_CAPACITY_LIMIT.0", 30_000, after(1), after(2)),
            ("e-2/SIMPLE.0", 20_000, after(1), after(2)),
            ("e-1/IMPORT_CAPACITY_LIMIT.1", 12_500, after(2), after(3)),
        ]
        [limit, *_] = await line.limits()
        assert (limit.source, limit.said_by) == ("Feed OpenAdr3", f"feed:{feed_id} Feed OpenAdr3")
        prices = await line.prices("P")
        assert [(span.start_at, span.minutes, span.value) for span in prices] == [
            (after(1), 60, Decimal("0.25")), (after(2), 60, Decimal("-0.01")),
        ]  # fmt: skip
        assert feed.memory.left_out == ("EXPORT_CAPACITY_LIMIT",)
        assert len(vtn.tokens) == 1
        # A change, a removal and a token that counts no more.
        vtn.events = [event3("e-1", "IMPORT_CAPACITY_LIMIT", 10)]
        vtn.tokens.append("another")
        await line.fetch(feed_id)
        assert await said(line) == [("e-1/IMPORT_CAPACITY_LIMIT.0", 10_000, after(1), after(2))]
        assert len(await line.prices("P")) == 2
        # One that begins at once and has no end counts from when it was made until it is taken back.
        for_ever = {"start": "0000-00-00T00:00:00Z", "duration": "P9999Y"}
        made_at = "2026-03-01T11:00:00Z"
        vtn.events = [event3("e-7", "IMPORT_CAPACITY_LIMIT", 9, intervalPeriod=for_ever, createdDateTime=made_at)]
        await line.fetch(feed_id)
        assert await said(line) == [("e-7/IMPORT_CAPACITY_LIMIT.0", 9_000, after(-1), None)]
        vtn.events = [event3("e-1", "IMPORT_CAPACITY_LIMIT", 10)]
        await line.fetch(feed_id)
        # Nor does what lies at the end of the calendar, which is named.
        late = {"start": "9999-12-31T23:00:00-05:00", "duration": "PT3H"}
        vtn.events = [event3("e-8", kind, 1, intervalPeriod=late) for kind in ("PRICE", "IMPORT_CAPACITY_LIMIT")]
        feed = await line.fetch(feed_id)
        assert (feed.failure, feed.memory.left_out) == (None, ("IMPORT_CAPACITY_LIMIT 2200", "PRICE 2200"))
        vtn.events = [event3("e-1", "IMPORT_CAPACITY_LIMIT", 10)]
        await line.fetch(feed_id)
        # What can't be read changes nothing.
        for bad in (
            event3("e-1", "IMPORT_CAPACITY_LIMIT", 10, payloadDescriptors=[
                {"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "HORSES"}]),
            event3("e-1", "SIMPLE", 7),
            event3("e-1", "IMPORT_CAPACITY_LIMIT", 1, intervalPeriod={"start": "soon"}),
            {"id": "e-1", "intervals": 5},
        ):  # fmt: skip
            vtn.events = [bad | {"programID": "p-1"}]
            assert (await line.fetch(feed_id)).failure == "unreadable"
        vtn.status = 503
        assert (await line.fetch(feed_id)).failure == "broken"
        assert [limit_w for _, limit_w, *_ in await said(line)] == [10_000]
        vtn.status, vtn.events = 200, []
        assert (await line.fetch(feed_id)).failures == 0
        assert await said(line) == []
        # Of a secret that is none the VTN says so; of a program that is none we do.
        wrong = await line.fetch(await _wrong(line, source))
        assert (wrong.failure, wrong.failure_detail) == ("refused", "HTTP 401")
        vtn.programs = []
        assert (await line.fetch(feed_id)).failure == "program-unknown"


async def _wrong(line: Line, source: OpenAdr3) -> int:
    line.yard.rows("UPDATE energy_feeds SET name = 'First', active = true")
    return await line.add(source, client_secret="wrong")


def test_an_event_that_may_begin_later_does_so_always_alike_and_lasts_as_long() -> None:
    within = timedelta(minutes=10)
    found = {shifted(feed, "e", within) for feed in range(50)}
    assert len(found) > 25
    assert all(timedelta() <= each < within for each in found)
    assert shifted(7, "e", within) == shifted(7, "e", within)
    assert duration_of("PT1H30M") == timedelta(minutes=90)
    assert duration_of("P9999Y") is None
    with pytest.raises(FeedFailed):
        duration_of("an hour")


@asynccontextmanager
async def vtn2(**how: Any) -> AsyncIterator[tuple[Any, str, list[tuple[str, str]]]]:
    """openleadr's own VTN: its server, where it listens, and how VENs opted."""
    from openleadr import OpenADRServer

    port, opted, known = free_port(), list[tuple[str, str]](), how.pop("known", "yard")
    server = OpenADRServer(vtn_id="vtn", http_port=port, http_host="127.0.0.1", **how)

    async def register(payload: Any) -> Any:
        return ("ven-1", "reg-1") if payload["ven_name"] == known else False

    server.add_handler("on_create_party_registration", register)
    server.opted = opted
    await server.run()
    scheme = "https" if how else "http"
    try:
        yield server, f"{scheme}://127.0.0.1:{port}/OpenADR2/Simple/2.0b", opted
    finally:
        await server.stop()


@pytest.fixture
def now(clock: FakeClock) -> datetime:
    """Of the machine: a VTN tells whether an event is over by that."""
    clock.set(datetime.now(UTC).replace(microsecond=0))
    return clock.now()


def add_event(server: Any, now: datetime, name: str, *values: float, **more: Any) -> None:
    def opt(ven_id: str, event_id: str, opt_type: str) -> None:
        server.opted.append((event_id, opt_type))

    intervals = [
        {"dtstart": after(n + 1, now), "duration": timedelta(hours=1), "signal_payload": value}
        for n, value in enumerate(values)
    ]
    told = {"signal_name": "SIMPLE", "signal_type": "level"} | more
    server.add_event(ven_id="ven-1", event_id=name, intervals=intervals, callback=opt, **told)


async def test_events_of_openadr_2_are_opted_into_and_followed_until_they_are_cancelled(
    line: Line, now: datetime
) -> None:
    async with vtn2() as (server, url, opted):
        add_event(server, now, "e-1", 1, 2, 3)
        add_event(server, now, "e-2", 0.25, 1.0, signal_name="LOAD_CONTROL", signal_type="x-loadControlCapacity")
        add_event(server, now, "e-3", 4.5, signal_name="BID_LOAD", signal_type="setpoint")
        feed_id = await line.add(OpenAdr2(url=url, ven_name="yard", levels=LEVELS, full_w=60_000))
        feed = await line.fetch(feed_id)
        assert (feed.failure, feed.memory.ven_id, feed.memory.registration_id) == (None, "ven-1", "reg-1")
        wanted = [
            ("e-1/0.0", 40_000, after(1, now), after(2, now)),
            ("e-2/0.0", 15_000, after(1, now), after(2, now)),
            ("e-1/0.1", 20_000, after(2, now), after(3, now)),
            # Nobody said what the third level allows: no more than the second.
            ("e-1/0.2", 20_000, after(3, now), after(4, now)),
        ]
        assert sorted(await said(line)) == sorted(wanted)
        assert sorted(opted) == [("e-1", "optIn"), ("e-2", "optIn"), ("e-3", "optOut")]
        assert feed.memory.left_out == ("BID_LOAD setpoint",)
        # Each change is answered once.
        await line.fetch(feed_id)
        assert len(opted) == 3
        server.cancel_event("ven-1", "e-1")
        await line.fetch(feed_id)
        assert [each[0] for each in await said(line)] == ["e-2/0.0"]
        # A VTN that forgets its events takes them back.
        server.events["ven-1"].clear()
        await line.fetch(feed_id)
        assert await said(line) == []


async def test_a_registration_that_is_refused_or_cancelled_is_told_and_made_anew(line: Line, now: datetime) -> None:
    async with vtn2(known="somebody else") as (server, url, _):
        feed_id = await line.add(OpenAdr2(url=url, ven_name="yard", levels=LEVELS))
        feed = await line.fetch(feed_id)
        assert (feed.failure, feed.memory.registration_id) == ("no-registration", None)

        async def register(payload: Any) -> Any:
            return "ven-1", "reg-2"

        server.add_handler("on_create_party_registration", register)
        add_event(server, now, "e-1", 2)
        feed = await line.fetch(feed_id)
        assert (feed.failure, feed.memory.registration_id) == (None, "reg-2")

        async def again(ven_id: str) -> Any:
            return "oadrCancelPartyRegistration", {"request_id": "r", "registration_id": "reg-2", "ven_id": "ven-1"}

        server.services["poll_service"].on_poll = again
        server.services["poll_service"].polling_method = "external"
        feed = await line.fetch(feed_id)
        assert (feed.failure, feed.memory.registration_id) == ("registration-cancelled", None)
        # The limit counts on: nobody took it back.
        assert [limit_w for _, limit_w, *_ in await said(line)] == [20_000]


async def test_a_vtn_whose_certificate_nobody_trusts_is_told_nothing(line: Line, now: datetime, tmp_path: Path) -> None:
    authority, stranger = Authority("Grid CA"), Authority("Another CA")
    ours, theirs = authority.issue("yard"), authority.issue("127.0.0.1")
    foreign = stranger.issue("yard")
    paths = {name: tmp_path / f"{name}.pem" for name in ("cert", "key", "ca")}
    for name, text in (("cert", theirs.certificate), ("key", theirs.key), ("ca", authority.certificate)):
        paths[name].write_text(text)
    files = {f"http_{name}": str(paths[name]) for name in ("cert", "key")} | {"http_ca_file": str(paths["ca"])}

    async def look_up(ven_id: str) -> Any:
        return {"ven_id": ven_id, "ven_name": "yard", "fingerprint": ours.fingerprint, "registration_id": "reg-1"}

    async with vtn2(**files, ven_lookup=look_up) as (server, url, _):
        server.services["event_service"].verify_message_signatures = True
        add_event(server, now, "e-1", 2)
        source = OpenAdr2(url=url, ven_name="yard", levels=LEVELS, ca=authority.certificate)
        good = await line.add(source, certificate=ours.certificate, key=ours.key)
        feed = await line.fetch(good)
        assert (feed.failure, [limit_w for _, limit_w, *_ in await said(line)]) == (None, [20_000])
        outcomes = []
        for number, (certificate, key, ca) in enumerate(
            (
                (ours.certificate, ours.key, stranger.certificate),
                (foreign.certificate, foreign.key, authority.certificate),
                (ours.certificate, foreign.key, authority.certificate),
                ("no PEM", "none", authority.certificate),
            )
        ):
            line.yard.rows("UPDATE energy_feeds SET name = %s WHERE name LIKE 'Feed%%'", f"{number}")
            bad = OpenAdr2(url=url, ven_name="yard", levels=LEVELS, ca=ca)
            outcomes.append((await line.fetch(await line.add(bad, certificate=certificate, key=key))).failure)
        assert outcomes == ["untrusted", "own-certificate", "certificate-unreadable", "certificate-unreadable"]


@pytest.mark.parametrize("code", [400, 450, 500])
async def test_a_vtn_that_answers_with_an_error_says_nothing_of_its_events(code: int) -> None:
    class Client:
        ven_id = registration_id = "X"

        async def poll(self) -> tuple[str, dict[str, object]]:
            return "oadrResponse", {"response": {"response_code": 200}}

        async def request_event(self, **_: object) -> tuple[str, dict[str, object]]:
            return "oadrResponse", {"response": {"response_code": code}}

    source = OpenAdr2(url="https://vtn.example/", ven_name="ven")
    turn = openadr2.Ven(Client(), source, 1, Memory(ven_id="X", registration_id="X"))
    with pytest.raises(FeedFailed):
        await turn.turn(EPOCH)
