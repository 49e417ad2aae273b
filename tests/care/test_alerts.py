"""Who is told of what, when and once; by real letters in a real database."""

import re
from datetime import time, timedelta
from typing import Any

import pytest

from forecourt.care import alerting
from forecourt.care.alerting import CLOSED_WAITS, MAX_NAMED, MAX_RULES, RuleRefused, TooManyRules
from forecourt.care.service import alerts as service
from forecourt.care.service.incidents import acknowledge, snooze
from forecourt.care.store import alerts
from forecourt.care.store.alerts import RuleRow
from tests.care.yard import CONSOLE, GATEWAY, TELLING, Yard
from tests.http import an_actor
from tests.support import EPOCH

WHOLE: dict[str, Any] = {
    "name": "On duty", "active": True, "kinds": [], "least_severity": 1, "site_ids": [], "delay_s": 0,
    "recipients": [], "tell_closed": True, "quiet_from": None, "quiet_until": None, "quiet_zone": "UTC",
    "quiet_spares_critical": True, "escalate_after_s": None, "escalate_to": [], "language": "en",
}  # fmt: skip


async def rule(yard: Yard, **values: Any) -> RuleRow:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        return await service.create_rule(
            conn, an_actor(yard.tenant_id), TELLING.members, WHOLE | values, yard.clock.now()
        )


async def test_a_rule_tells_of_an_incident_once_and_of_its_end(yard: Yard) -> None:
    ada, bob = yard.member(), yard.member()
    await rule(yard, recipients=[ada.upper(), bob, ada])
    station = yard.station(name="Yard 1")
    yard.says(station, "Faulted", "GroundFailure", evse=2)
    await yard.minutes(3)
    letters = yard.letters()
    assert [letter["recipient"] for letter in letters] == [ada, bob]
    [incident] = yard.incidents()
    assert letters[0]["subject"].startswith("[Forecourt] Critical: Yard 1 (CP")
    assert "EVSE 2: The earth leakage protection has tripped" in letters[0]["subject"]
    for words in (
        "Since 1 Mar 2026, 12:00:00 UTC.",
        "Likely cause: moisture, a damaged cable or the car.",
        "Next: Send an electrician.",
        f"{CONSOLE}/incidents/{incident['incident_id']}",
        f"“On duty”: {CONSOLE}/settings/alerts",
    ):
        assert words in letters[0]["body"]
    yard.says(station, "Available", evse=2)
    await yard.minutes(3)
    assert [letter["subject"][:17] for letter in yard.letters()[2:]] == ["[Forecourt] Over:"] * 2
    log = yard.rows("SELECT step, recipients FROM alert_log WHERE tenant_id = %s ORDER BY alert_id", yard.tenant_id)
    assert [(row["step"], row["recipients"]) for row in log] == [("opened", [ada, bob]), ("closed", [ada, bob])]


async def test_letters_speak_the_language_of_their_rule(yard: Yard) -> None:
    await rule(yard, recipients=[yard.member()], language="de")
    yard.rows("UPDATE organisations SET time_zone = 'Europe/Berlin' WHERE tenant_id = %s", yard.tenant_id)
    yard.station(connected=False)
    await yard.look()
    [letter] = yard.letters()
    assert letter["subject"].startswith("[Forecourt] Kritisch: ")
    assert "Die Station ist nicht verbunden." in letter["body"]
    assert "Seit 01.03.2026, 12:00:00 MEZ." in letter["body"]


@pytest.mark.parametrize(
    ("quiet", "zone", "when"),
    [
        ({}, "Europe/Berlin", "12:00:00 CET"),
        ({"quiet_zone": "Asia/Tokyo"}, "Europe/Berlin", "12:00:00 CET"),
        ({"quiet_zone": "Asia/Tokyo", "quiet_from": time(2), "quiet_until": time(3)}, "Asia/Tokyo", "20:00:00 JST"),
    ],
)
async def test_all_times_of_a_letter_are_of_one_zone_which_it_names(
    yard: Yard, quiet: dict[str, Any], zone: str, when: str
) -> None:
    await rule(yard, recipients=[yard.member()], **quiet)
    yard.rows("UPDATE organisations SET time_zone = 'Europe/Berlin' WHERE tenant_id = %s", yard.tenant_id)
    for site in (None, yard.site("America/New_York")):
        station = yard.station(connected=False, site_id=site)
        yard.refused(station)
    await yard.look()
    yard.rows("UPDATE station_links SET gateway_id = %s WHERE tenant_id = %s", GATEWAY, yard.tenant_id)
    await yard.look()
    for letter in yard.letters():
        times = [each.rstrip(".") for each in re.findall(r"\d\d:\d\d:\d\d \S+", letter["body"])]
        assert len(times) == 4
        assert {each[2:] for each in times} == {when[2:]}
        assert when in times
        assert f"All times are those of {zone}." in letter["body"]
    assert len(yard.letters()) == 2


async def test_a_letter_of_a_refused_station_sends_nobody_out(yard: Yard) -> None:
    await rule(yard, recipients=[yard.member()])
    yard.refused(yard.station(connected=False))
    await yard.look()
    [letter] = yard.letters()
    assert "“Wrong password”, last on 1 Mar 2026, 12:00:00 UTC." in letter["body"]
    assert "Next: Enter the password once more in the station's settings" in letter["body"]
    assert "power" not in letter["body"]


async def test_what_is_over_before_the_delay_is_never_told(yard: Yard) -> None:
    await rule(yard, recipients=[yard.member()], delay_s=300)
    short, long = yard.station(), yard.station()
    yard.says(short, "Faulted")
    yard.says(long, "Faulted")
    await yard.minutes(4)
    yard.says(short, "Available")
    await yard.minutes(3)
    [letter] = yard.letters()
    assert str(yard.incidents()[1]["incident_id"]) in letter["body"]


async def test_a_rule_tells_only_of_its_kinds_severities_and_sites_and_of_what_opened_since(yard: Yard) -> None:
    ours, other = yard.site(), yard.site()
    yard.says(yard.station(site_id=ours), "Faulted")
    await yard.look()
    yard.clock.advance(60)
    await rule(yard, recipients=[yard.member()], kinds=["fault"], least_severity=3, site_ids=[ours])
    yard.says(yard.station(site_id=other), "Faulted")
    yard.says(yard.station(site_id=ours), "Faulted", "WeakSignal")
    yard.station(connected=False, site_id=ours)
    await yard.minutes(2)
    assert yard.letters() == []
    yard.says(yard.station(site_id=ours), "Faulted")
    await yard.minutes(2)
    assert len(yard.letters()) == 1


async def test_many_incidents_at_once_are_one_letter_to_each(yard: Yard) -> None:
    await rule(yard, recipients=[yard.member()])
    for _ in range(MAX_NAMED + 5):
        yard.station(connected=False)
    await yard.look()
    [letter] = yard.letters()
    assert f"{MAX_NAMED + 5} incidents opened" in letter["subject"]
    assert letter["body"].count("The station is not connected.") == MAX_NAMED
    assert "And 5 more" in letter["body"]


async def test_what_nobody_has_seen_is_told_to_others_after_a_while(yard: Yard) -> None:
    first, chief = yard.member(), yard.member()
    await rule(yard, recipients=[first], escalate_after_s=600, escalate_to=[chief])
    seen, unseen, put_aside = (yard.station() for _ in range(3))
    for station in (seen, unseen, put_aside):
        yard.says(station, "Faulted")
    await yard.look()
    ids = {row["station_id"]: row["incident_id"] for row in yard.incidents()}
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        actor = an_actor(yard.tenant_id)
        await acknowledge(conn, actor, ids[seen], None, yard.clock.now())
        until = yard.clock.now() + timedelta(days=1)
        await snooze(conn, actor, ids[put_aside], until, None, yard.clock.now())
    await yard.minutes(9)
    assert [letter["recipient"] for letter in yard.letters()] == [first]
    await yard.minutes(3)
    assert [letter["recipient"] for letter in yard.letters()] == [first, chief]
    assert str(ids[unseen]) in yard.letters()[1]["body"]
    assert str(ids[seen]) not in yard.letters()[1]["body"]
    assert yard.letters()[1]["subject"].startswith("[Forecourt] Still unseen: ")


async def test_quiet_hours_hold_back_what_is_not_critical_until_they_are_over(yard: Yard) -> None:
    await rule(yard, recipients=[yard.member()], quiet_from=time(22), quiet_until=time(6), quiet_zone="Europe/Berlin")
    yard.clock.set(EPOCH.replace(hour=22))
    yard.gateway(yard.clock.now() - timedelta(days=1))
    yard.quarantine(yard.station())
    await yard.minutes(2)
    assert yard.letters() == []
    yard.says(yard.station(), "Faulted")
    await yard.minutes(1)
    assert len(yard.letters()) == 1
    yard.clock.set(EPOCH.replace(day=2, hour=5))
    await yard.look()
    assert len(yard.letters()) == 2
    assert "could not be stored" in yard.letters()[1]["subject"]


@pytest.mark.parametrize(
    ("start", "end", "hour", "quiet"),
    [(22, 6, 23, True), (22, 6, 5, True), (22, 6, 6, False), (22, 6, 12, False), (9, 17, 12, True), (9, 17, 17, False)],
)
def test_quiet_hours_may_go_on_past_midnight(start: int, end: int, hour: int, quiet: bool) -> None:
    row = RuleRow(
        **WHOLE | {"quiet_from": time(start), "quiet_until": time(end)}, rule_id=1, created_at=EPOCH, changed_at=EPOCH
    )
    assert alerting.is_quiet(row, EPOCH.replace(hour=hour)) is quiet


async def test_an_end_that_comes_in_quiet_hours_is_told_when_they_are_over(yard: Yard) -> None:
    await rule(yard, recipients=[yard.member()], quiet_from=time(13), quiet_until=time(12))
    assert timedelta(hours=23) < CLOSED_WAITS
    station = yard.station()
    yard.quarantine(station)
    yard.clock.advance(600)
    await yard.look()
    assert len(yard.letters()) == 1
    yard.clock.set(EPOCH.replace(hour=13))
    yard.rows("UPDATE quarantine SET reviewed_at = now() WHERE station_id = %s", station)
    await yard.look()
    yard.clock.set(EPOCH.replace(day=2, hour=11, minute=59))
    await yard.look()
    assert len(yard.letters()) == 1
    yard.clock.set(EPOCH.replace(day=2, hour=12))
    await yard.look()
    assert yard.letters()[1]["subject"].startswith("[Forecourt] Over: ")


async def test_who_left_the_organisation_is_told_no_more(yard: Yard) -> None:
    gone, here = yard.member(), yard.member()
    await rule(yard, recipients=[gone, here])
    yard.rows(
        "UPDATE memberships m SET disabled_at = now() FROM people p WHERE p.person_id = m.person_id AND p.email = %s",
        gone,
    )
    yard.says(yard.station(), "Faulted")
    await yard.look()
    assert [letter["recipient"] for letter in yard.letters()] == [here]


@pytest.mark.parametrize(
    "wrong",
    [
        {"recipients": ["stranger@example.org"]},
        {"recipients": []},
        {"quiet_from": time(22)},
        {"escalate_after_s": 600},
        {"quiet_zone": "Mars/Olympus"},
    ],
)
async def test_a_rule_that_can_not_be_meant_is_refused(yard: Yard, wrong: dict[str, Any]) -> None:
    with pytest.raises(RuleRefused):
        await rule(yard, **{"recipients": [yard.member()]} | wrong)


async def test_there_are_only_so_many_rules(yard: Yard) -> None:
    ada = yard.member()
    for _ in range(MAX_RULES):
        await rule(yard, recipients=[ada])
    with pytest.raises(TooManyRules):
        await rule(yard, recipients=[ada])


async def test_a_test_reaches_everybody_of_the_rule_and_says_what_it_is(yard: Yard) -> None:
    ada, bob = yard.member(), yard.member()
    made = await rule(yard, recipients=[ada], escalate_after_s=60, escalate_to=[bob, ada])
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        told = await service.send_test(conn, an_actor(yard.tenant_id), TELLING, made.rule_id, yard.clock.now())
        log = await alerts.list_log(conn, yard.tenant_id, limit=5)
    assert told == [ada, bob]
    assert sorted(letter["recipient"] for letter in yard.letters()) == sorted([ada, bob])
    assert "This is a test." in yard.letters()[0]["body"]
    assert [(row.step, row.incident_id) for row in log] == [("test", None)]
