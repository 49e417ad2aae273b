"""The console's pages of campaigns: made, started, paused, ended, with budget, codes and effect; in both languages."""

import re
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from httpx import AsyncClient

from forecourt.access import Role
from forecourt.loyalty.model.terms import Audience, Places
from forecourt.loyalty.pages.fields import hours, tiers
from forecourt.platform.database import Pool
from tests.http import House, Tenant, problem_page

FORM = {
    "name": "Night charging", "label": "Night discount", "currency": "EUR", "percent": "15", "most": "3.00",
    "amount": "", "minimum": "", "budget": "2000", "per_driver": "", "ends_on": "", "holdout_percent": "30",
    "segment": "loyal", "window_days": "60", "min_sessions": "", "unseen_days": "", "sites": "", "connector_types": "",
    "hours": "22-6", "quiet_hours": "", "quiet_by": "energy", "marketing": "yes",
}  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


async def looking(tenant: Tenant, role: Role = Role.OWNER) -> AsyncClient:
    """Somebody with a browser."""
    client = await tenant.client(role)
    client.headers["accept"] = "text/html"
    return client


def stored(house: House, path: str) -> tuple[str, dict[str, Any]]:
    """The state and terms of the campaign of a page."""
    query = "SELECT state, terms FROM loyalty_campaigns WHERE campaign_id = %s"
    with house.admin() as admin:
        row = admin.execute(query, (path.rpartition("/")[2],)).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize(
    ("text", "found"),
    [("22-6", {22, 23, 0, 1, 2, 3, 4, 5}), ("8-10, 18", {8, 9, 18}), ("0-24", set(range(24))), ("", set())],
)
def test_hours_are_read_as_people_write_them(text: str, found: set[int]) -> None:
    assert hours(text) == found
    for wrong in ("24-1", "x", "8-25"):
        with pytest.raises(ValueError, match=r"."):
            hours(wrong)


def test_tiers_are_read_as_people_write_them() -> None:
    silver, gold = tiers("Silver 10, Gold 30 150 % 3.5 %")
    assert (silver.name, silver.least, silver.points_percent, silver.cashback_percent) == ("Silver", 10, 100, None)
    assert (gold.least, gold.points_percent, str(gold.cashback_percent)) == (30, 150, "3.5")


async def test_a_campaign_is_made_started_paused_and_ended_on_its_pages(house: House) -> None:
    tenant = await house.tenant()
    owner = await looking(tenant)
    assert "A campaign takes something off" in (await owner.get("/campaigns")).text
    wrong = await owner.post("/campaigns/new", data=FORM | {"budget": "1", "hours": "99"})
    assert (wrong.status_code, "must be like 22-6" in wrong.text) == (422, True)
    senseless = await owner.post("/campaigns/new", data=FORM | {"budget": "1"})
    assert (senseless.status_code, "Either a percentage" in senseless.text) == (422, True)
    made = await owner.post("/campaigns/new", data=FORM | {"connector_types": "CCS 2"})
    assert made.status_code == 303
    here = made.headers["location"].partition("?")[0]
    state, terms = stored(house, here)
    assert (state, terms["most"], terms["budget"]) == ("draft", 300, 200_000)
    assert terms["audience"]["segments"] == ["loyal"]
    page = (await owner.get(here)).text
    # Another is begun from what there is, but for its days.
    like = (await owner.get(f"/campaigns/new?like={here.split('/')[-1]}")).text
    for name, value in (("name", "Night charging"), ("most", "3.00"), ("budget", "2000.00"), ("hours", "22-6"),
                        ("window_days", "60"), ("starts_on", ""), ("connector_types", "CCS 2")):  # fmt: skip
        assert f'name="{name}" value="{value}"' in like
    assert '<option value="loyal" selected>' in like
    assert (await owner.get("/campaigns/new?like=999999")).status_code == 404
    for words in ("at plugs IEC_62196_T2_COMBO", "30\N{NO-BREAK SPACE}% of its drivers, by chance"):
        assert words in page.replace("30 %", "30\N{NO-BREAK SPACE}%")
    whom = "Often here; by their use in the last 60 days; agreed to marketing"
    for words in ("15 % off, at most 3.00", "22\u20136", "chosen when it starts", "Start it", whom):
        assert words in page.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    nobody = await owner.post(f"{here}/start")
    assert (nobody.status_code, "It would be for nobody" in nobody.text) == (422, True)
    assert stored(house, here)[0] == "draft"
    with house.admin() as admin:
        admin.execute("UPDATE loyalty_campaigns SET unbegun = 'nobody' WHERE campaign_id = %s", [here.split("/")[-1]])
        admin.execute(
            "INSERT INTO driver_accounts (tenant_id, email, state, pays_by, created_at, updated_at)"
            " VALUES (%s, 'one@club.test', 'active', 'wallet', now(), now())", [tenant.tenant_id],
        )  # fmt: skip
    assert "could not begin at its time, and is a draft again. It would be for nobody" in (await owner.get(here)).text
    made = await owner.post("/campaigns/new", data=FORM | {"segment": "gone", "marketing": ""})
    here = made.headers["location"].partition("?")[0]
    for verb, state in (("start", "running"), ("pause", "paused"), ("start", "running"), ("end", "ended")):
        assert (await owner.post(f"{here}/{verb}")).status_code == 303
        assert stored(house, here)[0] == state
        assert "Not here in the days looked back; by their use in the last 60 days" in (await owner.get(here)).text
    assert (await owner.post(f"{here}/start")).status_code == 422
    assert "ten drivers must have it" in (await owner.get(here)).text
    german = await owner.get("/campaigns", headers={"accept-language": "de"})
    assert "Aktionen" in german.text


async def test_a_campaign_that_is_to_begin_later_says_so_and_names_whom_it_is_for(house: House) -> None:
    tenant = await house.tenant()
    owner = await looking(tenant)
    with house.admin() as admin:
        row = admin.execute(
            "INSERT INTO tariffs (tenant_id, name, created_at, created_by) VALUES (%s, 'Day', now(), 'test')"
            " RETURNING tariff_id::text", (tenant.tenant_id,),
        ).fetchone()  # fmt: skip
    assert row is not None
    named = {"starts_on": "2099-01-01", "fleets": "7, 8", "drivers": "3", "tariffs": row[0]}
    wrong = await owner.post("/campaigns/new", data=FORM | named | {"fleets": "vans", "tariffs": "day"})
    for words in ("must be whole numbers", "must be ids"):
        assert words in wrong.text
    for missing in ({"tariffs": str(UUID(int=5))}, {"sites": "nowhere"}):
        unknown = await owner.post("/campaigns/new", data=FORM | named | missing)
        assert (unknown.status_code, "must be ones that there are" in unknown.text) == (422, True)
    made = await owner.post("/campaigns/new", data=FORM | named)
    here = made.headers["location"].partition("?")[0]
    _, terms = stored(house, here)
    assert (sorted(terms["audience"]["fleets"]), terms["audience"]["drivers"]) == ([7, 8], [3])
    assert terms["places"]["tariffs"] == [row[0]]
    assert terms["starts_at"][:10] in ("2098-12-31", "2099-01-01")
    started = await owner.post(f"{here}/start")
    assert stored(house, here)[0] == "scheduled"
    page = (await owner.get(started.headers["location"])).text
    counted = "of them agreed to marketing"
    for words in ("It begins by itself at its time", "Begins by itself", "<dt>Begins</dt>", "End it", counted):
        assert words in page
    assert "Start it" not in page


async def test_codes_are_made_and_a_program_is_stored(house: House) -> None:
    tenant = await house.tenant()
    owner = await looking(tenant)
    made = await owner.post("/campaigns/new", data=FORM | {"by_code": "yes", "percent": "", "most": "", "amount": "5"})
    here = made.headers["location"].partition("?")[0]
    asked = {"code": "spring-26", "count": "1", "most_uses": ""}
    assert (await owner.post(f"{here}/codes", data=asked)).status_code == 303
    again = await owner.post(f"{here}/codes", data=asked)
    assert (again.status_code, "not another voucher" in again.text) == (422, True)
    assert (await owner.post(f"{here}/codes", data={"code": "", "count": "3", "most_uses": "1"})).status_code == 303
    page = (await owner.get(here)).text
    assert "SPRING26" in page
    assert len(set(re.findall(r'data-copy="(\w+)"', page))) == 4
    # However many there are: all of them are on its pages, each once, and in the file.
    assert (await owner.post(f"{here}/codes", data={"code": "", "count": "97", "most_uses": "1"})).status_code == 303
    seen: list[str] = []
    path: str | None = here
    while path is not None:
        page = (await owner.get(path)).text
        found = re.findall(r'data-copy="(\w+)"', page)
        assert 0 < len(found) <= 50
        seen += found
        link = re.search(r'rel="next" href="(\?after=\d+)#codes"', page)
        path = None if link is None else here + link[1]
    assert len(seen) == len(set(seen)) == 101
    file = (await owner.get(f"{here}/codes.csv")).text.splitlines()
    assert file[0] == "code,most_uses,used"
    assert [line.partition(",")[0] for line in file[1:]] == seen
    assert (await (await looking(await house.tenant())).get(f"{here}/codes.csv")).status_code == 404
    program = {
        "active": "yes", "currency": "EUR", "points_per_kwh": "1", "points_per_unit": "0", "value_of_100": "100",
        "expires_days": "365", "cashback_percent": "1.5", "tier_by": "sessions", "tier_window_days": "365",
        "tiers": "Silver 10, Gold 30 150 % 3 %",
    }  # fmt: skip
    refused = await owner.post("/campaigns/program", data=program | {"value_of_100": "0"})
    assert (refused.status_code, "Points need a worth" in refused.text) == (422, True)
    assert (await owner.post("/campaigns/program", data=program)).status_code == 303
    assert 'value="Silver 10 100, Gold 30 150 3"' in (await owner.get("/campaigns/program")).text
    said = (
        (await owner.get("/campaigns"))
        .text.replace("\N{NO-BREAK SPACE}", " ")
        .replace("\N{NARROW NO-BREAK SPACE}", " ")
    )
    earns = "points for a kWh: 1; 100 points are worth 1.00 EUR; cashback of 1.5 %; tiers Silver, Gold."
    assert f"Points and cashback: {earns}" in said
    viewer = await looking(tenant, Role.VIEWER)
    assert "SPRING26" not in (await viewer.get(here)).text
    problem_page(await viewer.post(f"{here}/end"), 403, "forbidden")


def test_nothing_said_is_for_all() -> None:
    assert (Audience().segments, Places().hours) == (frozenset(), frozenset())


async def test_the_page_of_a_campaign_that_just_began_says_that_nothing_is_known_yet(house: House) -> None:
    tenant = await house.tenant()
    owner = await looking(tenant)
    with house.admin() as admin:
        admin.execute(
            "INSERT INTO driver_accounts (tenant_id, email, name, state, pays_by, created_at, updated_at)"
            " SELECT %s, 'd' || n || '@new.test', 'D', 'active', 'wallet', now(), now() FROM generate_series(1, 60) n",
            (tenant.tenant_id,),
        )
    told = {"segment": "", "holdout_percent": "50", "marketing": ""}
    made = await owner.post("/campaigns/new", data=FORM | told)
    here = made.headers["location"].partition("?")[0]
    assert (await owner.post(f"{here}/start")).status_code == 303
    page = (await owner.get(here)).text
    assert "no session of its drivers since it began" in page
    for wrong in ("0.00 kWh", "100.0", "ten drivers must have it"):
        assert wrong not in page
