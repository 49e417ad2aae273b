"""Changing codes as operators switch them on: over the API and in the console."""

from forecourt.access import Role
from tests.http import House, Tenant, problem

PATH = "/api/v1/driver-pages/changing-codes"


async def test_codes_are_switched_on_changed_and_off_and_the_secret_is_told_to_nobody(tenant: Tenant) -> None:
    owner, station = await tenant.client(Role.OWNER), f"scan-{tenant.tenant_id}"
    assert (await owner.post("/api/v1/stations", json={"id": station})).status_code == 201
    problem(await owner.get(f"{PATH}/{station}"), 404, "payment-codes-unknown")
    problem(await owner.put(f"{PATH}/NOBODY", json={}), 404, "station-unknown")
    problem(await owner.put(f"{PATH}/{station}", json={"validity_s": 5}), 400, "request-invalid")
    made = (await owner.put(f"{PATH}/{station}", json={"validity_s": 90})).json()
    assert (made["shown"], made["validity_s"], made["length"], made["secret_version"]) == (True, 90, 16, 1)
    assert made["address"].endswith("/scan/{chargingstationid}/{evse}/{version}/{totp}")
    assert made["state"] == "pending"
    assert (await owner.put(f"{PATH}/{station}", json={"validity_s": 90})).json() == made
    assert (await owner.post(f"{PATH}/{station}/secret")).json()["secret_version"] == 2
    viewer = await tenant.client(Role.VIEWER)
    assert (await viewer.get(f"{PATH}/{station}")).json()["validity_s"] == 90
    problem(await viewer.put(f"{PATH}/{station}", json={}), 403, "forbidden")
    desired = (await owner.get(f"/api/v1/stations/{station}/desired")).text
    assert "payment_codes" in desired
    assert (await owner.delete(f"{PATH}/{station}")).status_code == 204
    assert (await owner.get(f"{PATH}/{station}")).json()["shown"] is False
    problem(await owner.post(f"{PATH}/{station}/secret"), 404, "payment-codes-unknown")
    said = (await owner.get("/api/v1/audit")).text
    assert "show payment codes" in said
    assert "change secret of payment codes" in said


async def test_what_terminals_took_is_listed_for_its_organisation_alone(house: House, tenant: Tenant) -> None:
    owner = await tenant.client(Role.OWNER)
    assert (await owner.get("/api/v1/terminal-settlements")).json()["items"] == []
    with house.admin() as admin:
        [(station_id,)] = admin.execute(
            "INSERT INTO stations (tenant_id, identity) VALUES (%s, %s) RETURNING station_id",
            (tenant.tenant_id, f"term-{tenant.tenant_id}"),
        ).fetchall()
        admin.execute(
            "INSERT INTO terminal_settlements (settlement_id, tenant_id, station_id, reference, status, amount,"
            " settled_at, heard_at, problem) VALUES (gen_random_uuid(), %s, %s, 'R', 'Settled', 7.21, now(), now(),"
            " 'no-session')",
            (tenant.tenant_id, station_id),
        )
    [found] = (await owner.get("/api/v1/terminal-settlements")).json()["items"]
    assert (found["reference"], found["amount"], found["problem"]) == ("R", "7.21", "no-session")
    other = (await owner.get("/api/v1/terminal-settlements?station=other")).json()["items"]
    assert other == []
