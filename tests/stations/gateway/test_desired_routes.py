"""What a station is wanted to be, over HTTP and real sockets."""

import pytest
from httpx import AsyncClient

from tests.http import problem
from tests.stations.gateway.conftest import Rig
from tests.stations.gateway.test_variable_routes import obeyed, owner

__all__ = ["owner"]


@pytest.fixture
def transport() -> str:
    """The carrier makes no difference here."""
    return "picows"


async def test_a_station_is_wanted_out_of_service_while_it_is_away_asked_when_it_is_there_and_let_go(
    rig: Rig, owner: AsyncClient
) -> None:
    await rig.register("CP1")
    at = "/api/v1/stations/CP1/desired"
    assert (await owner.get(at)).json()["items"] == []
    problem(await owner.get("/api/v1/stations/NO/desired"), 404, "station-unknown")
    problem(
        await owner.put("/api/v1/stations/NO/desired/availability", json={"operative": True}), 404, "station-unknown"
    )

    away = (await owner.put(f"{at}/availability", json={"operative": False, "evse": 1})).json()
    assert (away["key"], away["state"], away["why"], away["drifts"]) == ("1", "unreachable", "station-offline", True)
    told = problem(
        await owner.post("/api/v1/stations/CP1/availability", json={"operative": False}), 409, "station-offline"
    )
    assert told["wanted"] is True
    assert [each["key"] for each in (await owner.get(at)).json()["items"]] == ["0", "1"]

    async with rig.station("CP1") as station:
        await station.call("Heartbeat", {})
        asked, answer = await obeyed(
            station, owner.put(f"{at}/availability", json={"operative": False, "evse": 1}), {"status": "Accepted"}
        )
        assert asked == [("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})]
        assert (answer.json()["state"], answer.json()["drifts"]) == ("reached", False)
        _, answer = await obeyed(
            station,
            owner.post("/api/v1/stations/CP1/availability", json={"operative": False}),
            {"status": "Scheduled"},
        )
        assert (answer.json()["accepted"], answer.json()["status"]) == (True, "Scheduled")
        assert [each["state"] for each in (await owner.get(at)).json()["items"]] == ["scheduled", "reached"]

    assert (await owner.delete(f"{at}/availability", params={"evse": 1})).status_code == 204
    problem(await owner.delete(f"{at}/availability", params={"evse": 1}), 404, "not-wanted")
    assert [each["key"] for each in (await owner.get(at)).json()["items"]] == ["0"]
    assert rig.rows("SELECT DISTINCT action FROM audit ORDER BY 1") == [
        ("change availability",), ("forget availability",),
    ]  # fmt: skip
