"""What opens an incident and what closes it, from what stations said to the rows of incidents."""

import asyncio
from datetime import timedelta

from forecourt.care.model import (
    FAILED_WINDOW,
    FLAP_WINDOW,
    FLAPS,
    NOT_ACCEPTED_GRACE,
    OFFLINE_GRACE,
    REPLAY_SETTLE,
    STILL_ASKING,
    Severity,
)
from forecourt.care.service.incidents import acknowledge, close, snooze
from forecourt.stations.refusals import LATELY
from tests.care.yard import Yard
from tests.http import an_actor

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


async def test_a_fault_opens_one_incident_and_closes_it_when_the_connector_is_well(yard: Yard) -> None:
    station = yard.station()
    yard.says(station, "Faulted", "GroundFailure")
    began = yard.clock.now()
    await yard.look()
    await yard.minutes(3)
    [incident] = yard.incidents()
    assert (incident["kind"], incident["severity"], incident["since"]) == ("fault", Severity.CRITICAL, began)
    assert (incident["station_id"], incident["evse"], incident["connector"]) == (station, 1, 1)
    assert incident["detail"] == {"error_code": "GroundFailure"}
    assert yard.events() == [("incident.opened", str(incident["incident_id"]))]
    yard.says(station, "Available", "NoError")
    await yard.look()
    [incident] = yard.incidents()
    assert incident["closed_at"] == incident["gone_at"] == yard.clock.now()
    assert incident["closed_by"] is None
    assert ("incident.closed", str(incident["incident_id"])) in yard.events()
    yard.clock.advance(1)
    yard.says(station, "Faulted", "GroundFailure")
    await yard.look()
    assert len(yard.incidents()) == 2


async def test_a_fault_with_which_cars_can_charge_is_only_a_warning(yard: Yard) -> None:
    yard.says(yard.station(), "Faulted", "ReaderFailure")
    await yard.look()
    assert [row["severity"] for row in yard.incidents()] == [Severity.WARNING]


async def test_a_fault_that_is_replayed_and_taken_back_raises_no_alarm(yard: Yard) -> None:
    station = yard.station(since=timedelta(seconds=10))
    now = yard.clock.now()
    yard.says(station, "Faulted", "OverVoltage", at=now - 2 * HOUR)
    await yard.look()
    assert yard.incidents() == []
    yard.says(station, "Available", at=now - HOUR)
    await yard.minutes(5)
    assert yard.incidents() == []


async def test_a_fault_that_is_replayed_and_still_there_is_an_incident_since_it_began(yard: Yard) -> None:
    station = yard.station(since=timedelta(seconds=10))
    began = yard.clock.now() - 2 * HOUR
    yard.says(station, "Faulted", "OverVoltage", at=began)
    yard.clock.advance(REPLAY_SETTLE.total_seconds())
    await yard.look()
    assert [(row["kind"], row["since"]) for row in yard.incidents()] == [("fault", began)]


async def test_a_station_is_offline_only_after_its_grace_and_is_told_of_once(yard: Yard) -> None:
    away = yard.station(connected=False, since=timedelta(0))
    await yard.minutes(OFFLINE_GRACE // MINUTE - 1)
    assert yard.incidents() == []
    await yard.minutes(3)
    [incident] = yard.incidents()
    assert (incident["kind"], incident["station_id"]) == ("offline", away)
    yard.link(away, connected=True, at=yard.clock.now())
    await yard.look()
    assert yard.kinds() == []


async def test_stations_are_given_time_to_come_back_when_it_was_we_who_were_away(yard: Yard) -> None:
    for _ in range(3):
        yard.station(connected=False, since=3 * HOUR)
    yard.gateway(yard.clock.now(), lives=False)
    await yard.look()
    yard.gateway(yard.clock.now())
    await yard.minutes(OFFLINE_GRACE // MINUTE - 1)
    assert yard.incidents() == []
    await yard.minutes(1)
    assert yard.kinds() == ["offline"] * 3
    yard.gateway(yard.clock.now(), lives=False)
    await yard.look()
    assert yard.kinds() == ["offline"] * 3, "that we are away is no sign that they are back"


async def test_an_open_incident_outlives_our_own_absence_with_all_that_people_said_of_it(yard: Yard) -> None:
    seen, aside, retired, back = (yard.station(connected=False) for _ in range(4))
    letters_to = yard.member()
    await yard.look()
    yard.rows(
        "INSERT INTO alert_rules (tenant_id, name, recipients, created_at, changed_at) VALUES (%s, 'All', %s, %s, %s)",
        yard.tenant_id,
        [letters_to],
        yard.clock.now() - HOUR,
        yard.clock.now(),
    )
    await yard.look()
    before = {row["station_id"]: row for row in yard.incidents()}
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await acknowledge(conn, an_actor(yard.tenant_id), before[seen]["incident_id"], None, yard.clock.now())
        until = yard.clock.now() + HOUR
        await snooze(conn, an_actor(yard.tenant_id), before[aside]["incident_id"], until, None, yard.clock.now())
    yard.gateway(yard.clock.now(), lives=False)
    yard.rows(
        "UPDATE stations SET retired_at = now(), retired_identity = identity, identity = NULL WHERE station_id = %s",
        retired,
    )
    await yard.minutes(3)
    yard.gateway(yard.clock.now())
    yard.link(back, connected=True, at=yard.clock.now())
    await yard.minutes(2 * (OFFLINE_GRACE // MINUTE))
    after = {row["station_id"]: row for row in yard.incidents()}
    assert len(yard.incidents()) == 4, "none was opened anew"
    assert after[seen]["incident_id"] == before[seen]["incident_id"]
    assert (after[seen]["closed_at"], after[seen]["acknowledged_by"]) == (None, an_actor(yard.tenant_id).name)
    assert after[aside]["incident_id"] == before[aside]["incident_id"]
    assert (after[aside]["closed_at"], after[aside]["snoozed_until"]) == (None, until)
    assert after[retired]["closed_at"] is not None, "who was taken out of service is not waited for"
    assert after[back]["closed_at"] is not None
    told = yard.rows(
        "SELECT incident_id FROM alert_log WHERE tenant_id = %s AND step = 'closed' ORDER BY 1", yard.tenant_id
    )
    assert {row["incident_id"] for row in told} == {after[retired]["incident_id"], after[back]["incident_id"]}


async def test_a_flapping_station_is_not_taken_for_calm_while_we_are_away_and_just_back(yard: Yard) -> None:
    station = yard.station()
    for _ in range(FLAPS):
        yard.loses(station)
    await yard.look()
    assert yard.kinds() == ["flapping"]
    yard.gateway(yard.clock.now(), lives=False)
    await yard.look()
    yard.gateway(yard.clock.now())
    yard.link(station, connected=True, at=yard.clock.now())
    await yard.minutes(FLAP_WINDOW // MINUTE - 1)
    assert yard.kinds() == ["flapping"]
    await yard.minutes(1)
    assert yard.kinds() == []
    assert len(yard.incidents()) == 1


async def test_no_station_is_said_to_flap_in_the_rush_after_we_came_back(yard: Yard) -> None:
    station = yard.station()
    yard.gateway(yard.clock.now())
    for _ in range(FLAPS):
        yard.clock.advance(1)
        yard.loses(station)
    await yard.look()
    assert yard.incidents() == []


async def test_a_waiting_station_is_not_taken_for_silent_while_it_could_not_ask(yard: Yard) -> None:
    yard.station(registration="pending", since=timedelta(0))
    await yard.look()
    yard.gateway(yard.clock.now(), lives=False)
    yard.clock.advance(2 * STILL_ASKING.total_seconds())
    await yard.look()
    yard.gateway(yard.clock.now())
    await yard.minutes(1)
    assert yard.kinds() == ["not_accepted"]
    yard.clock.advance(STILL_ASKING.total_seconds())
    await yard.look()
    assert yard.kinds() == []


async def test_a_wrong_clock_is_not_right_because_the_station_is_away(yard: Yard) -> None:
    station = yard.station(since=HOUR)
    yard.session(station, 20 * MINUTE, 5 * MINUTE, energy_wh=4_000, arrival_clock=True)
    await yard.look()
    yard.gateway(yard.clock.now(), lives=False)
    await yard.minutes(2)
    assert yard.kinds() == ["clock"]
    yard.gateway(yard.clock.now())
    yard.link(station, connected=True, at=yard.clock.now())
    await yard.look()
    assert yard.kinds() == []


async def test_a_fault_that_is_said_again_late_does_not_end_and_begin_anew(yard: Yard) -> None:
    station = yard.station()
    yard.says(station, "Faulted", "GroundFailure")
    await yard.minutes(1)
    yard.clock.advance(HOUR.total_seconds())
    yard.says(station, "Faulted", "GroundFailure", at=yard.clock.now() - 30 * MINUTE)
    await yard.minutes(5)
    assert len(yard.incidents()) == 1
    assert yard.kinds() == ["fault"]


async def test_stations_of_one_of_two_gateways_that_died_get_their_grace_since_its_lease_ended(yard: Yard) -> None:
    station = yard.station(since=HOUR)
    yard.rows(
        "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES ('the dead one', %s, %s)",
        yard.clock.now() - HOUR,
        yard.clock.now(),
    )
    yard.rows("UPDATE station_links SET gateway_id = 'the dead one' WHERE station_id = %s", station)
    await yard.minutes(OFFLINE_GRACE // MINUTE - 1)
    assert yard.incidents() == [], "it was there until then, though it had nothing to say"
    await yard.minutes(1)
    assert yard.kinds() == ["offline"]


async def test_a_station_that_is_away_because_it_is_refused_says_so_while_it_still_knocks(yard: Yard) -> None:
    refused, silent, long_ago, in_before = (yard.station(connected=False, since=3 * HOUR) for _ in range(4))
    yard.refused(refused)
    yard.refused(long_ago, at=yard.clock.now() - LATELY - MINUTE)
    yard.refused(in_before, at=yard.clock.now() - 20 * MINUTE)
    yard.link(in_before, connected=False, at=yard.clock.now() - 10 * MINUTE)
    at = yard.clock.now()
    await yard.look()
    told = {row["station_id"]: row["detail"] for row in yard.incidents()}
    assert told.pop(refused) == {"refused": "wrong_password", "refused_at": at.isoformat()}
    assert told == {silent: {}, long_ago: {}, in_before: {}}
    yard.clock.advance(60)
    yard.refused(refused, "no_tls")
    await yard.look()
    [row] = [row for row in yard.incidents() if row["station_id"] == refused]
    assert row["detail"] == {"refused": "no_tls", "refused_at": yard.clock.now().isoformat()}
    yard.clock.advance(LATELY.total_seconds())
    await yard.look()
    assert {row["station_id"]: row["detail"] for row in yard.incidents()}[refused] == {}, "nobody knocks any more"
    assert len(yard.incidents()) == 4


async def test_a_station_flaps_after_some_losses_and_until_it_is_calm(yard: Yard) -> None:
    station, once = yard.station(), yard.station()
    yard.loses(once)
    for _ in range(FLAPS - 1):
        yard.loses(station)
        await yard.minutes(1)
    assert yard.kinds() == []
    yard.loses(station)
    await yard.look()
    [incident] = yard.incidents()
    assert (incident["kind"], incident["detail"]) == ("flapping", {"losses": FLAPS})
    yard.clock.advance((FLAP_WINDOW - 2 * MINUTE).total_seconds())
    yard.loses(station)
    await yard.look()
    assert yard.kinds() == ["flapping"], "one that still loses its connection now and then is not calm"
    await yard.minutes(FLAP_WINDOW // MINUTE)
    assert yard.kinds() == []
    assert len(yard.incidents()) == 1


async def test_connections_lost_with_our_own_gateways_are_no_flapping(yard: Yard) -> None:
    station = yard.station()
    for _ in range(FLAPS):
        yard.loses(station)
    yard.gateway(yard.clock.now())
    await yard.look()
    assert yard.incidents() == []


async def test_a_station_that_never_connected_is_not_offline(yard: Yard) -> None:
    station = yard.station()
    yard.rows("DELETE FROM station_links WHERE station_id = %s", station)
    await yard.minutes(10)
    assert yard.incidents() == []


async def test_three_sessions_without_a_charge_in_a_row_are_an_incident_until_one_charges(yard: Yard) -> None:
    station = yard.station(since=3 * HOUR)
    yard.session(station, 90 * MINUTE, 20 * MINUTE, energy_wh=9_000)
    for ago, lasted, energy_wh in ((60, 20, 12), (40, 5, None), (20, 0.5, 900)):
        await yard.look()
        assert yard.kinds() == []
        yard.session(station, ago * MINUTE, lasted * MINUTE, energy_wh)
    await yard.look()
    assert yard.kinds() == ["failed_starts"]
    yard.session(station, 10 * MINUTE, energy_wh=5)
    await yard.look()
    assert yard.kinds() == [], "one that runs may still charge"
    yard.rows("UPDATE sessions SET ended_at = last_at WHERE station_id = %s AND ended_at IS NULL", station)
    await yard.look()
    assert yard.kinds() == ["failed_starts"]
    yard.session(station, 5 * MINUTE, 3 * MINUTE, energy_wh=800)
    await yard.look()
    assert yard.kinds() == []


async def test_failed_starts_are_counted_by_connector_and_not_when_told_late_or_refused(yard: Yard) -> None:
    station = yard.station(since=timedelta(days=3))
    short = (MINUTE, 0)
    for number in range(3):
        yard.session(station, (30 - number) * MINUTE, *short, evse=number + 1)
        yard.session(station, (60 - number) * MINUTE, *short, evse=4, offline=True)
        yard.session(station, (60 - number) * MINUTE, *short, evse=5, token_status="Blocked")
        yard.session(station, (60 - number) * MINUTE, *short, evse=6, heard_at=yard.clock.now())
        yard.session(station, FAILED_WINDOW + (60 - number) * MINUTE, *short, evse=7)
    await yard.look()
    assert yard.incidents() == []


async def test_messages_that_could_not_be_stored_are_one_incident_a_station_until_they_are_read(yard: Yard) -> None:
    station = yard.station()
    first = yard.quarantine(station)
    await yard.look()
    yard.clock.advance(60)
    second = yard.quarantine(station)
    await yard.look()
    [incident] = yard.incidents()
    assert incident["kind"] == "quarantined"
    assert incident["detail"]["messages"] == 2
    assert incident["latest_at"] == yard.clock.now()
    yard.rows("UPDATE quarantine SET reviewed_at = now() WHERE quarantine_id IN (%s, %s)", first, second)
    await yard.look()
    assert yard.kinds() == []


async def test_what_a_person_closed_stays_closed_until_something_new_is_said(yard: Yard) -> None:
    station = yard.station()
    yard.quarantine(station)
    await yard.look()
    yard.clock.advance(60)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        [row] = yard.incidents()
        await close(conn, an_actor(yard.tenant_id), row["incident_id"], "known defect", yard.clock.now())
    await yard.minutes(3)
    assert len(yard.incidents()) == 1
    assert yard.kinds() == []
    yard.quarantine(station)
    await yard.look()
    assert yard.kinds() == ["quarantined"]
    assert len(yard.incidents()) == 2


async def test_a_station_that_waits_to_be_accepted_is_noticed_while_it_still_asks(yard: Yard) -> None:
    station = yard.station(registration="pending", created_at=yard.clock.now(), since=timedelta(0))
    yard.says(station, "Faulted", "GroundFailure")
    await yard.minutes(NOT_ACCEPTED_GRACE // MINUTE - 1)
    assert yard.incidents() == []
    await yard.minutes(1)
    assert [(row["kind"], row["severity"]) for row in yard.incidents()] == [("not_accepted", Severity.NOTICE)]
    yard.rows("UPDATE stations SET registration = 'accepted' WHERE station_id = %s", station)
    yard.says(station, "Available")
    await yard.look()
    assert yard.kinds() == []


async def test_a_wrong_clock_is_noticed_by_a_live_session_and_not_by_what_is_replayed(yard: Yard) -> None:
    replayed = yard.station(since=30 * MINUTE)
    yard.session(replayed, 29 * MINUTE, 10 * MINUTE, 4_000, arrival_clock=True)
    yard.session(replayed, 10 * MINUTE, 5 * MINUTE, 4_000, arrival_clock=True, offline=True)
    wrong = yard.station(since=30 * MINUTE)
    yard.session(wrong, 20 * MINUTE, 5 * MINUTE, energy_wh=4_000, arrival_clock=True)
    await yard.look()
    assert [(row["kind"], row["station_id"]) for row in yard.incidents()] == [("clock", wrong)]
    yard.session(wrong, 2 * MINUTE, energy_wh=100)
    await yard.look()
    assert yard.kinds() == []


async def test_a_ghost_session_is_one_alarm_and_not_one_a_sample(yard: Yard) -> None:
    """STATIONS.md 65: the connector is free, yet meter values of the old transaction go on."""
    station = yard.station()
    session = yard.session(station, 30 * MINUTE, energy_wh=3_000)
    yard.says(station, "Available")
    for _ in range(40):
        yard.clock.advance(3)
        yard.rows("UPDATE sessions SET heard_at = %s WHERE session_id = %s", yard.clock.now(), session)
        await yard.look()
    assert yard.incidents() == [], "an end may come behind the state of its connector"
    for _ in range(10):
        yard.clock.advance(3)
        yard.rows("UPDATE sessions SET heard_at = %s WHERE session_id = %s", yard.clock.now(), session)
        await yard.look()
    [incident] = yard.incidents()
    assert (incident["kind"], incident["session_id"]) == ("ghost", session)
    yard.rows("UPDATE sessions SET closed_at = last_at WHERE session_id = %s", session)
    await yard.look()
    assert yard.kinds() == []


async def test_of_two_sessions_at_one_evse_the_older_is_the_ghost(yard: Yard) -> None:
    station = yard.station()
    old = yard.session(station, 60 * MINUTE, energy_wh=3_000)
    new = yard.session(station, 30 * MINUTE, energy_wh=3_000)
    yard.session(station, 30 * MINUTE, energy_wh=3_000, evse=2)
    await yard.look()
    [incident] = yard.incidents()
    assert incident["session_id"] == old
    assert incident["detail"] == {"newer_session": str(new)}


async def test_a_look_at_one_station_leaves_the_incidents_of_others_alone(yard: Yard) -> None:
    first, second = yard.station(), yard.station()
    yard.says(first, "Faulted", "GroundFailure")
    yard.says(second, "Faulted", "GroundFailure")
    await yard.jobs.watch_station(tenant_id=yard.tenant_id, subject=str(first))
    assert [row["station_id"] for row in yard.incidents()] == [first]
    yard.says(second, "Available")
    await yard.jobs.watch_station(tenant_id=yard.tenant_id, subject=str(second))
    assert yard.kinds() == ["fault"]


async def test_looks_at_the_same_time_open_it_once(yard: Yard) -> None:
    yard.says(yard.station(), "Faulted", "GroundFailure")
    await asyncio.gather(*(yard.look() for _ in range(4)))
    assert len(yard.incidents()) == 1


async def test_no_organisation_sees_the_incidents_of_another(yard: Yard) -> None:
    ours, theirs = yard.tenant_id, yard.organisation()
    yard.tenant_id = theirs
    yard.says(yard.station(), "Faulted", "GroundFailure")
    await yard.look()
    async with yard.tenants.tenant(ours) as conn:
        for table in ("incidents", "incident_events", "load_minutes", "alert_rules", "alert_log"):
            seen = await (await conn.execute(f"SELECT tenant_id FROM {table}".encode())).fetchall()
            assert {tenant_id for (tenant_id,) in seen} <= {ours}, table
    assert len(yard.incidents()) == 1
