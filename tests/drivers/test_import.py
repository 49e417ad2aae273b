"""A sheet of tokens: what each line comes to, and doing it."""

from datetime import UTC, datetime

import pytest

from forecourt.access import Role
from forecourt.drivers.sheet import COLUMNS, plan_tokens
from forecourt.platform.sheets import Plan, read_sheet
from tests.http import Tenant, problem, walk

IMPORT = "/api/v1/tokens/import"
SHEET = """uid,status,expires_at,driver_name,vehicle
04A2,accepted,2030-12-31,Ada Lovelace,B-AL 1815
04B3,blocked,,Grace Hopper,
04C4,maybe,,,
,accepted,,,
04a2,accepted,,,
"""


def plan(text: str) -> Plan:
    return plan_tokens(read_sheet(text, frozenset(COLUMNS), "uid"), {})


def test_each_refused_line_says_which_cell_and_what_it_must_be() -> None:
    refused = plan(SHEET).of("refused")
    assert [(line.line, [(wrong.column, wrong.value) for wrong in line.wrong]) for line in refused] == [
        (4, [("status", "maybe")]),
        (5, [("uid", "")]),
        (6, [("uid", "04a2")]),
    ]
    assert refused[0].wrong[0].rule == "must be one of accepted, blocked, expired, invalid, no_credit"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2030-12-31", datetime(2030, 12, 31, tzinfo=UTC)),
        ("2030-12-31T18:00:00+02:00", datetime(2030, 12, 31, 16, tzinfo=UTC)),
    ],
)
def test_a_day_begins_in_utc_and_a_time_says_its_zone(text: str, at: datetime) -> None:
    assert plan(f"uid,expires_at\n1,{text}").lines[0].values["expires_at"] == at


@pytest.mark.parametrize("text", ["2030-12-31T18:00:00", "31.12.2030", "9999-12-31", "0001-01-01"])
def test_a_time_without_a_zone_and_what_is_no_day_are_refused(text: str) -> None:
    assert plan(f"uid,expires_at\n1,{text}").lines[0].wrong[0].column == "expires_at"


async def test_a_dry_run_stores_nothing_and_says_what_would_be(tenant: Tenant) -> None:
    client = await tenant.client()
    answer = (await client.post(IMPORT, json={"csv": SHEET})).json()
    assert (answer["dry_run"], answer["created"], answer["refused"]) == (True, 2, 3)
    assert await walk(client, "/api/v1/tokens") == []


async def test_good_lines_are_stored_and_a_second_time_nothing_changes(tenant: Tenant) -> None:
    client = await tenant.client()
    first = (await client.post(IMPORT, json={"csv": SHEET, "dry_run": False})).json()
    assert (first["created"], first["refused"]) == (2, 3)
    stored = {token["uid"]: token for token in await walk(client, "/api/v1/tokens")}
    assert stored.keys() == {"04A2", "04B3"}
    assert (stored["04A2"]["driver_name"], stored["04A2"]["type"]) == ("Ada Lovelace", "ISO14443")
    assert (stored["04A2"]["expires_at"], stored["04B3"]["status"]) == ("2030-12-31T00:00:00Z", "blocked")
    again = (await client.post(IMPORT, json={"csv": SHEET, "dry_run": False})).json()
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 0, 2)
    assert {token["uid"]: token for token in await walk(client, "/api/v1/tokens")} == stored


async def test_an_absent_column_leaves_alone_an_empty_cell_clears_and_an_empty_status_never_unblocks(
    tenant: Tenant,
) -> None:
    client = await tenant.client()
    await client.post(IMPORT, json={"csv": SHEET, "dry_run": False})
    change = (await client.post(IMPORT, json={"csv": "uid;status;vehicle\n04b3;;\n04A2;;", "dry_run": False})).json()
    assert [(line["id"], line["action"], line["changes"]) for line in change["lines"]] == [
        ("04B3", "same", {}),
        ("04A2", "change", {"vehicle": ""}),
    ]
    stored = {token["uid"]: token for token in await walk(client, "/api/v1/tokens")}
    assert (stored["04B3"]["status"], stored["04B3"]["driver_name"]) == ("blocked", "Grace Hopper")
    assert (stored["04A2"]["vehicle"], stored["04A2"]["driver_name"]) == (None, "Ada Lovelace")


async def test_what_is_no_table_is_refused_whole(tenant: Tenant) -> None:
    client = await tenant.client()
    answer = await client.post(IMPORT, json={"csv": "name\nAda"})
    assert "column uid" in problem(answer, 422, "sheet-refused")["detail"]
    problem(await (await tenant.client(Role.VIEWER)).post(IMPORT, json={"csv": SHEET}), 403, "forbidden")


async def test_tokens_are_found_by_their_driver_and_their_group_and_only_in_their_organisation(
    tenant: Tenant, stranger: Tenant
) -> None:
    client = await tenant.client()
    await client.post(IMPORT, json={"csv": SHEET, "dry_run": False})
    await client.patch("/api/v1/tokens/04B3", json={"group": "100%fleet_a"})
    other = await stranger.client()
    for text, found in (("lovel", ["04A2"]), ("al 18", ["04A2"]), ("%fleet_", ["04B3"]), ("4", ["04A2", "04B3"])):
        assert [token["uid"] for token in await walk(client, "/api/v1/tokens", search=text)] == found, text
        assert await walk(other, "/api/v1/tokens", search=text) == []
