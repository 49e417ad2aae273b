"""Who came by a cut-off link is told in the shell of drivers: by their language and the operator's name."""

from typing import Any
from uuid import UUID

import pytest

from forecourt.platform.database import Pool
from tests.http import BASE, House, Tenant, problem_page

WORDS = {
    "en": "This link leads nowhere",
    "de": "Dieser Link führt nirgendwohin",
    "fr": "Ce lien ne mène nulle part",
    "nl": "Deze link leidt nergens heen",
    "es": "Este enlace no lleva a ninguna parte",
}


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


async def test_a_cut_off_link_is_told_to_drivers_with_the_look_of_their_operator(house: House, tenant: Tenant) -> None:
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO driver_brands (tenant_id, slug, name, colour, domain)"
            " VALUES (%s, %s, 'Volt', '#123456', 'volt.example.com')",
            (tenant.tenant_id, f"volt-{tenant.tenant_id}"),
        )
    client = house.client(headers={"accept": "text/html", "host": "volt.example.com"})
    for path, status in (
        ("/charge/HBR-08", 404), ("/charge/HBR-08/abc", 404), ("/charge/HBR-08/-1", 404), ("/charging/abc", 404),
        (f"/charging/{UUID(int=5)}/nothing", 404), ("/find/Nothing%20here", 404), ("/my/nothing", 404),
        ("/my/sign-in/x/y/z", 404), ("/charge", 404), ("/charge/%00/x", 404), ("/waiting/abc", 404),
        ("/charge/HBR-08/1", 404), (f"/charging/{UUID(int=5)}", 404), (f"/waiting/{UUID(int=5)}", 404),
        ("/wait/HBR-08/1", 404), ("/find/nothing", 404), ("/my/sign-in/nothing", 404),
    ):  # fmt: skip
        answer = await client.get(path, headers={"accept-language": "en"})
        assert answer.status_code == status, path
        assert WORDS["en"] in answer.text, path
        assert "<b>Volt</b>" in answer.text, path
        assert "/look/123456" in answer.text
        assert 'href="/find"' in answer.text
        assert "Forecourt" not in answer.text
        assert "/sign-in" not in answer.text
        assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == (
            "no-referrer", "private, no-store",
        )  # fmt: skip
    for language, words in WORDS.items():
        answer = await client.get("/charge/HBR-08/abc", headers={"accept-language": language})
        assert words in answer.text
        chosen = await client.get(f"/charge/HBR-08/abc?lang={language}")
        assert words in chosen.text
        assert f"speaks={language}" in chosen.headers["set-cookie"]
        client.cookies.clear()
    # The console's own people are told as before, and so are programs.
    problem_page(await client.get("/stations-of-mine"), 404, "not-found")
    assert "Volt" not in (await client.get("/stations-of-mine")).text
    program = await client.get("/charge/HBR-08", headers={"accept": "application/json"})
    assert program.json()["code"] == "not-found"


async def test_where_a_letter_leads_has_the_look_of_who_wrote_it(house: House, tenant: Tenant) -> None:
    slug = f"amp-{tenant.tenant_id}"
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO driver_brands (tenant_id, slug, name, colour) VALUES (%s, %s, 'Amp', '#654321')",
            (tenant.tenant_id, slug),
        )
    client = house.client(headers={"accept": "text/html", "origin": BASE})
    page = await client.get("/my/enter", params={"of": slug})
    assert ("<b>Amp</b>" in page.text, f'href="/my/sign-in/{slug}"' in page.text) == (True, True)
    refused = await client.post("/my/enter", data={"token": "wrong", "of": slug})
    assert (refused.status_code, "<b>Amp</b>" in refused.text) == (410, True)
    assert "<b>Amp</b>" not in (await client.get("/my/enter", params={"of": "nobody"})).text


async def test_a_form_that_is_not_filled_in_well_is_told_to_drivers(house: House) -> None:
    client = house.client(headers={"accept": "text/html", "origin": BASE})
    answer = await client.post(f"/charging/{UUID(int=5)}/leave", data={"at": "soon"})
    assert "Something was not filled in as it should be" in problem_page(answer, 400, "request-invalid")
    assert "Forecourt" not in answer.text
