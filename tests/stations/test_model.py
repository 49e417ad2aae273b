from itertools import pairwise

import pytest

from forecourt.stations.model import STATE_PRIORITY, station_state


def test_a_station_without_a_socket_is_offline_whatever_its_connectors_last_said() -> None:
    assert station_state(False, ["Charging", "Faulted"]) == "Offline"


def test_one_faulted_connector_makes_the_station_faulted_while_another_charges() -> None:
    assert station_state(True, ["Charging", "Faulted"]) == "Faulted"


def test_a_station_is_unavailable_only_when_every_connector_is() -> None:
    assert station_state(True, ["Unavailable", "Unavailable"]) == "Unavailable"
    assert station_state(True, ["Unavailable", "Available"]) == "Available"


def test_a_connected_station_that_told_nothing_yet_is_available() -> None:
    assert station_state(True, []) == "Available"


def test_a_state_from_a_newer_version_never_hides_a_known_one() -> None:
    assert station_state(True, ["Levitating", "Preparing"]) == "Preparing"


@pytest.mark.parametrize(("stronger", "weaker"), pairwise(STATE_PRIORITY))
def test_the_more_telling_state_wins_in_either_order(stronger: str, weaker: str) -> None:
    assert station_state(True, [stronger, weaker]) == station_state(True, [weaker, stronger]) == stronger
