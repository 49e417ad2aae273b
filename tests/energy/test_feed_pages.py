"""Feeds are set up over the API and on their page; secrets go in and never come out."""

import re
from typing import Any

import pytest

from forecourt.access import Role
from forecourt.platform.database import Pool
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.energy.test_api import GRID, furnish
from tests.energy.test_pages import fields, page_of, send, with_values
from tests.http import House, Tenant, problem

pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)
SECRETS = ("s3cret-of-the-grid", "another-s3cret")
SOURCE: dict[str, Any] = {
    "kind": "openadr3",
    "url": "https://vtn.example.com/openadr3",
    "client_id": "yard",
    "levels": {"1": 40_000, "3": 0},
    "node": "grid",
}


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    """The console's pages too."""
    return application_with_pages


async def test_a_feed_is_set_up_over_the_api_and_its_secret_never_comes_out(house: House, tenant: Tenant) -> None:
    owner, site, _ = await furnish(house, tenant, stations=0)
    assert (await owner.put(f"{site}/electrics", json={"nodes": [GRID]})).status_code == 200
    body = {"name": "Grid operator", "source": SOURCE, "secrets": {"client_secret": SECRETS[0]}}
    made = await owner.post(f"{site}/feeds", json=body)
    assert made.status_code == 201, made.text
    shown, path = made.json(), f"{site}/feeds/{made.json()['feed_id']}"
    assert (shown["secrets"], shown["failure"], shown["succeeded_at"]) == (["client_secret"], None, None)
    problem(await owner.post(f"{site}/feeds", json=body), 409, "feed-exists")
    # Without the secret it stays, unless it would be sent to somebody else.
    kept = await owner.put(path, json={"name": "DSO", "source": SOURCE}, headers={"if-match": made.headers["etag"]})
    assert (kept.json()["name"], kept.json()["secrets"]) == ("DSO", ["client_secret"])
    problem(await owner.put(path, json=body, headers={"if-match": made.headers["etag"]}), 412, "changed-meanwhile")
    elsewhere = SOURCE | {"url": "https://thief.example.com/openadr3"}
    problem(await owner.put(path, json={"name": "DSO", "source": elsewhere}), 422, "feed-refused")
    for wrong, code in (
        ({"source": SOURCE | {"node": "cellar"}, "secrets": {"client_secret": SECRETS[1]}}, "feed-refused"),
        ({"source": SOURCE | {"levels": {"1": 1, "2": 2}}, "secrets": {"client_secret": SECRETS[1]}}, "feed-refused"),
        ({"source": {"kind": "entsoe", "area": "NL"}}, "feed-refused"),
        ({"source": {"kind": "entsoe", "area": "NARNIA"}, "secrets": {"token": SECRETS[1]}}, "feed-refused"),
        ({"source": {"kind": "nordpool", "area": "DE"}}, "feed-refused"),
        ({"source": {"kind": "nordpool", "area": "SE3"}, "secrets": {"token": SECRETS[1]}}, "feed-refused"),
        ({"source": SOURCE | {"url": "http://10.0.0.7/"}, "secrets": {"client_secret": SECRETS[1]}}, "address-refused"),
    ):
        problem(await owner.post(f"{site}/feeds", json={"name": "Wrong", **wrong}), 422, code)
    assert (await owner.post(f"{path}/fetch")).status_code == 202
    # Prices are for the whole organisation: who is limited to a site sets up none.
    number = int((await owner.get(f"/api/v1/sites/{site.rsplit('/', 1)[1]}")).json()["id"])
    limited = await tenant.client(Role.OPERATOR, (number,))
    prices = {"name": "Prices", "source": {"kind": "nordpool", "area": "SE3"}}
    problem(await limited.post(f"{site}/feeds", json=prices), 403, "forbidden")
    assert (await limited.get(path)).json()["name"] == "DSO"
    answers = [made.text, kept.text, (await owner.get(f"{site}/feeds")).text, (await owner.get(path)).text]
    answers.append((await owner.get("/api/v1/audit")).text)
    assert (await owner.delete(path)).status_code == 204
    problem(await owner.get(path), 404, "feed-unknown")
    with house.admin() as connection:
        answers += [str(row) for row in connection.execute("SELECT secrets::text, source::text FROM energy_feeds")]
    assert not [text for text in answers if SECRETS[0] in text or SECRETS[1] in text]


async def test_a_feed_is_set_up_on_its_page_and_tells_how_it_fares(house: House, tenant: Tenant) -> None:
    owner, site, _ = await furnish(house, tenant, stations=0)
    browser, path = await signed_in(house, tenant), f"{page_of(site)}/feeds"
    empty = await browser.get(path)
    assert f'href="{path}?kind=openadr2"' in empty.text
    form = fields(await browser.get(path, params={"kind": "entsoe"}), path)
    form = with_values(form, "name", "Day <ahead>")
    nowhere = await send(browser, path, with_values(form, "area", "se3"))
    assert "ENTSO-E has no bidding zone SE3; there is SE_3, " in nowhere.text
    assert '<option value="SE_3">' in nowhere.text
    form = with_values(form, "area", "de_lu")
    refused = await send(browser, path, form)
    assert refused.status_code == 422
    assert "ENTSO-E asks for a token" in refused.text
    assert 'value="de_lu"' in refused.text
    assert (await send(browser, path, with_values(form, "token", SECRETS[0]))).status_code == 303
    [feed] = (await owner.get(f"{site}/feeds")).json()["items"]
    assert (feed["name"], feed["source"]["area"], feed["active"]) == ("Day <ahead>", "DE_LU", True)
    with house.admin() as connection:
        connection.execute(
            "UPDATE energy_feeds SET failure = 'refused', failure_detail = 'HTTP 401', failures = 3, failed_at = now()"
        )
    shown = await browser.get(path)
    assert "The server refused the token or the password. Put in one that counts. (HTTP 401)" in shown.text
    assert "Day &lt;ahead&gt;" in shown.text
    with house.admin() as connection:
        connection.execute("UPDATE energy_feeds SET failure = 'unreachable', failure_detail = ''")
    # It has no address that could be checked.
    assert "be reached from this server. It is tried again" in (await browser.get(path)).text
    assert "exchange" in (await owner.get(f"{site}/feeds")).json()["items"][0]["detail"]
    assert SECRETS[0] not in shown.text
    # Saved again without the token it keeps it, and switched off it isn't fetched.
    change = [each for each in fields(shown, f"{path}/{feed['feed_id']}") if each[0] != "active"]
    assert (await send(browser, f"{path}/{feed['feed_id']}", change)).status_code == 303
    [feed] = (await owner.get(f"{site}/feeds")).json()["items"]
    assert (feed["active"], feed["secrets"], feed["failure"]) == (False, ["token"], None)
    stale = await send(browser, f"{path}/{feed['feed_id']}", change)
    assert stale.status_code == 422
    assert re.search(r"Somebody else changed it meanwhile", stale.text)
    assert (await browser.post(f"{path}/{feed['feed_id']}/fetch")).status_code == 303
    assert (await browser.post(f"{path}/{feed['feed_id']}/remove")).status_code == 303
    assert (await owner.get(f"{site}/feeds")).json()["items"] == []
