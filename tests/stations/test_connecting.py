"""What keeps a station that is connected for the first time: told from facts alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forecourt.stations.connecting import LOOKED_BACK, Stage, alike, clock_offset, progress
from forecourt.stations.model import Reason
from forecourt.stations.refusals import MEANINGS, meaning_of
from forecourt.stations.store import MessageRow, StationRow
from forecourt.stations.store.knocks import KnockRow

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


def a_station(**facts: Any) -> StationRow:
    nothing = dict.fromkeys(StationRow.__struct_fields__)
    return StationRow(
        **{
            **nothing, "station_id": 1, "identity": "CP1", "security_profile": 1, "registration": "accepted",
            "has_password": True, "created_at": NOW, "version": 1, "connected": False, "restarting": False, **facts,
        }
    )  # fmt: skip


def a_knock(identity: str = "CP1", reason: str = "wrong_password", **facts: Any) -> KnockRow:
    nothing = dict.fromkeys(KnockRow.__struct_fields__)
    return KnockRow(
        **{
            **nothing, "number": 1, "identity": identity, "reason": reason, "tls": False, "has_password": False,
            "contested": False, "knocked": 1, "first_at": NOW, "last_at": NOW, **facts,
        }
    )  # fmt: skip


def a_message(payload: str) -> MessageRow:
    return MessageRow(
        number=1, at=NOW, direction="i", kind=2, message_id="1", action="StatusNotification", payload=payload,
        deviations=None,
    )  # fmt: skip


def test_the_stage_follows_refusal_connection_and_boot() -> None:
    assert progress(a_station(), None, None, [], None).stage is Stage.WAITING
    assert progress(a_station(), a_knock(), None, [], None).stage is Stage.REFUSED
    here = {"connected": True, "connected_at": NOW + timedelta(minutes=1)}
    assert progress(a_station(**here), a_knock(), None, [], None).stage is Stage.CONNECTED
    booted = {**here, "booted_at": NOW + timedelta(minutes=2)}
    assert progress(a_station(**booted), a_knock(), None, [], None).stage is Stage.READY
    assert progress(a_station(**booted, registration="pending"), None, None, [], None).stage is Stage.HELD_BACK
    # Gone again: a refusal from before it was here is over, one from after it counts.
    away = {"connected": False, "connected_at": NOW + timedelta(minutes=1)}
    gone = progress(a_station(**away), a_knock(), None, [a_knock("XY-99", "unknown")], None)
    assert (gone.stage, gone.near) == (Stage.LEFT, ())
    late = a_knock(last_at=NOW + timedelta(minutes=2))
    assert progress(a_station(**away), late, None, [], None).stage is Stage.REFUSED


def test_a_stranger_that_knocks_meanwhile_is_shown_and_one_alike_alone() -> None:
    other, long_ago = a_knock("XY-99", "unknown", number=9), a_knock("cp1", last_at=NOW - 2 * LOOKED_BACK)

    def near(refusal: KnockRow | None, *strangers: KnockRow) -> list[tuple[str, bool]]:
        found = progress(a_station(), refusal, None, strangers, None).near
        return [(each.row.identity, each.alike) for each in found]

    assert near(None, other, long_ago) == [("XY-99", False)]
    assert near(None, other, a_knock("cp-1", "unknown")) == [("cp-1", True)]
    assert near(a_knock(), other, a_knock("cp-1", "unknown")) == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("CP1", "cp1", True), ("CP-0001", "CP0001", True), ("CP1", "ACME-CP1", True), ("DE*ABC*E1", "DEABCE1", True),
        ("STATION7", "STATI0N7", True), ("STATION7", "STATON7", True), ("CP1", "CP2", True), ("CP1", "XY99", False),
        ("CP1", "1", False), ("NORTH-1", "SOUTH-1", False), ("CP1", "-", False),
    ],
)  # fmt: skip
def test_ids_are_alike_that_one_may_have_mistyped(one: str, other: str, same: bool) -> None:
    assert alike(one, other) is alike(other, one) is same


@pytest.mark.parametrize(
    ("payload", "off"),
    [
        ('{"timestamp": "2026-03-03T15:00:00Z"}', timedelta(hours=3)),
        ('{"timestamp": "2000-01-01T00:00:00+00:00"}', datetime(2000, 1, 1, tzinfo=UTC) - NOW),
        ('{"timestamp": "2026-03-03T12:04:00Z"}', None),
        ('{"timestamp": "2026-03-03T12:00:00"}', None),
        ('{"timestamp": 7}', None), ("{}", None), ("[1]", None), ("{", None),
    ],
)  # fmt: skip
def test_a_clock_is_off_by_what_the_station_says_against_the_arrival(payload: str, off: timedelta | None) -> None:
    assert clock_offset(a_message(payload)) == off


def test_failing_tls_is_told_to_who_needs_it_and_with_what_openssl_said() -> None:
    failed = a_knock("", "tls_failed", detail="TLSV1_ALERT_UNKNOWN_CA")
    assert progress(a_station(security_profile=2), None, failed, [], None).tls_failed is failed
    assert progress(a_station(security_profile=1), None, failed, [], None).tls_failed is None
    assert "does not trust" in meaning_of(failed.reason, failed.detail).cause
    assert meaning_of("tls_failed", "SOMETHING_ELSE") is MEANINGS[Reason.TLS_FAILED]


def test_every_reason_says_its_cause_and_what_to_do() -> None:
    assert set(MEANINGS) == set(Reason)
    assert all(meaning.what and meaning.cause and meaning.cure for meaning in MEANINGS.values())
