"""A message that no batch can store is kept whole by itself, and harms nobody else."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stations.gateway.conftest import Rig
from tests.stations.gateway.test_sessions_over_sockets import event, start

#: Makes PostgreSQL refuse every row of one token, as it would refuse a value that slipped through every check.
POISON = """
    CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.token_uid = 'POISON' THEN RAISE EXCEPTION 'poison' USING ERRCODE = 'data_exception'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse_poison BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION refuse_poison();
    """


@pytest.fixture
def refusing(rig: Rig) -> Iterator[None]:
    """Takes away again what a test has PostgreSQL refuse."""
    yield
    rig.admin.execute("DROP FUNCTION IF EXISTS refuse_poison, refuse CASCADE")


@pytest.mark.usefixtures("refusing")
async def test_the_offender_alone_is_quarantined_and_every_other_station_is_served(rig: Rig) -> None:
    rig.admin.execute(POISON)
    for number in range(20):
        await rig.register(f"S{number}")

    async def say(number: int) -> Any:
        if number == 7:
            async with rig.station(f"S{number}") as station:
                return await station.call("StartTransaction", start(tag="POISON"))
        if number == 13:
            async with rig.station(f"S{number}", "ocpp2.0.1") as station:
                token = {"idToken": "POISON", "type": "ISO14443"}
                return await station.call("TransactionEvent", event("Started", 0, -5, idToken=token))
        async with rig.station(f"S{number}") as station:
            return await station.call("StartTransaction", start())

    answers = await asyncio.gather(*(say(number) for number in range(20)))
    assert answers[7][:1] + answers[7][2:3] == [4, "InternalError"]
    assert answers[13] == {}
    others = [answer["transactionId"] for number, answer in enumerate(answers) if number not in (7, 13)]
    assert len(set(others)) == 18
    assert rig.rows("SELECT count(*) FROM sessions") == [(18,)]
    kept = rig.rows("SELECT identity, raw, error FROM quarantine JOIN stations USING (station_id) ORDER BY 1")
    assert [identity for identity, _, _ in kept] == ["S13", "S7"]
    assert all("POISON" in raw and "poison" in error for _, raw, error in kept)
    async with rig.station("S7") as station:
        assert (await station.call("StartTransaction", start()))["transactionId"] not in others


@pytest.mark.usefixtures("refusing")
async def test_what_a_session_says_of_its_connector_is_shown_once_it_is_stored_and_not_before(rig: Rig) -> None:
    await rig.register("CP1")
    place, charging = {"id": 1, "connectorId": 1}, {"chargingState": "Charging"}
    shown = "SELECT shown_state FROM connectors"
    async with rig.station("CP1", "ocpp2.0.1") as station:
        await station.call("TransactionEvent", event("Started", 0, -9, evse=place))
        rig.admin.execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'data_exception'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON connectors FOR EACH ROW EXECUTE FUNCTION refuse();
            """
        )
        assert await station.call("TransactionEvent", event("Updated", 1, -8, info=charging)) == {}
        assert rig.rows("SELECT count(*) FROM quarantine") == [(1,)]
        assert rig.live.gathered(rig.tenant()).get("station.CP1.state") != "Charging"
        rig.admin.execute("DROP TRIGGER refuse ON connectors")
        await station.call("TransactionEvent", event("Updated", 2, -7, info=charging))
        assert rig.rows(shown) == [("Charging",)]
        assert rig.live.gathered(rig.tenant())["station.CP1.state"] == "Charging"
