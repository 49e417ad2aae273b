"""The documentation says what is: links lead somewhere, and what is listed is what there is."""

import ast
import contextlib
import importlib
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
import typer.main
from litestar import Router
from litestar.di import Provide
from packaging.specifiers import SpecifierSet

import forecourt.access.api
import forecourt.care.api
import forecourt.driver.account.api
import forecourt.driver.account.operator
import forecourt.driver.account.provider_api
import forecourt.driver.api
import forecourt.driver.brand_api
import forecourt.driver.codes_api
import forecourt.driver.readers.api
import forecourt.driver.waiting_api
import forecourt.driver.waiting_operator
import forecourt.drivers.account_api
import forecourt.drivers.api
import forecourt.drivers.autocharge.api
import forecourt.drivers.fleets.api
import forecourt.drivers.outside.api
import forecourt.energy.api
import forecourt.insight.actions.api
import forecourt.insight.dashboards.api
import forecourt.insight.forecast.api
import forecourt.insight.health.api
import forecourt.insight.replacement.api
import forecourt.loyalty.api
import forecourt.payments.api
import forecourt.payments.fleets.api
import forecourt.payments.hosts.api
import forecourt.payments.ledger.api
import forecourt.payments.reconcile.api
import forecourt.payments.terminals.api
import forecourt.pricing.api
import forecourt.sessions.api
import forecourt.stations.api
import forecourt.stations.certificates.api
import forecourt.webhooks.api
from forecourt.access import Role
from forecourt.app.openapi import document
from forecourt.cli import app as cli
from forecourt.ocpp.deviations import Deviation
from forecourt.ocpp.neutral import Version
from forecourt.ocpp.protocol import protocol
from forecourt.platform.settings import OTHER_VARIABLES, PREFIX, RENAMED, Settings
from forecourt.simulator.adyen.command import app as second_sandbox
from forecourt.simulator.command import app as simulator
from forecourt.simulator.provider.command import app as sandbox
from tools.console_pages import NO_PAGES, PARTS, PURPOSES
from tools.furnish_driver import ROUTES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
HEADINGS = ["## Context", "## Decision", "## Consequences", "## Enforced by"]

CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
VARIABLE = re.compile(r"\bFORECOURT_[A-Z0-9_]+\b")
ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.MULTILINE)
ROUTE = re.compile(r"^\| `([A-Z]+) (/api/v1/[^`]*)` \|[^|]*\| ([^|]*) \|$", re.MULTILINE)
OUR_PATH = re.compile(r"`((?:src|tests|tools|web|bench)/[\w./-]+)`")
TEST_NAME = re.compile(r"`(test_\w+)`")
#: A row of a table of threats: who does what, what stands against it, which tests fail without that.
THREAT = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
UNITS = {
    "": 1, "s": 1, "ms": 1, "min": 60, "h": 3600, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip


def each(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    return CODE.sub("", page.read_text(encoding="utf-8"))


def reference(name: str) -> str:
    return (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as the usual hosts make them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each(PAGES)
def test_every_link_and_picture_leads_to_something_that_is_there(page: Path) -> None:
    for groups in LINK.findall(prose(page)):
        target = next(filter(None, groups))
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = unquote(target).partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} leads nowhere"
        assert there.is_relative_to(ROOT), f"{target} leads out of the tree"
        if fragment:
            assert fragment in anchors(there), f"{target}: no such heading"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = (next(filter(None, groups)).partition("#")[0] for groups in LINK.findall(prose(page)))
        waiting += [(page.parent / target).resolve() for target in targets if target and ":" not in target]
    assert reached == set(PAGES)


@each(PAGES)
def test_every_file_and_test_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in OUR_PATH.findall(text):
        assert (ROOT / path).exists(), f"there is no {path}"
    assert set(TEST_NAME.findall(text)) <= known_tests()


def test_every_threat_has_a_control_and_a_test_that_exists() -> None:
    text = (DOCS / "explanation" / "security.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| threat \| control \| test \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = [line for table in tables for line in table.splitlines()]
    assert len(rows) >= 30
    # Every table of the page is one of threats: none is told in another form that nobody checks.
    assert len(re.findall(r"^\|---", text, re.MULTILINE)) == len(tables)
    for row in rows:
        told = THREAT.match(row)
        assert told is not None, f"not three cells: {row}"
        threat, control, tests = (cell.strip() for cell in told.groups())
        assert threat, row
        assert control, row
        named = TEST_NAME.findall(tests)
        assert named, f"no test stands against: {threat}"
        assert set(named) <= known_tests(), f"{threat}: {set(named) - known_tests()}"
        assert tests == ", ".join(f"`{name}`" for name in named), f"something beside the tests: {tests}"


@cache
def known_tests() -> frozenset[str]:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for source in sources for name in re.findall(r"def (test_\w+)", source))


def variable_of(field: str) -> str:
    names = {field: name for name, field in RENAMED.items()}
    return f"{PREFIX}{names.get(field, field).upper()}"


@each(PAGES)
def test_every_variable_that_is_named_is_one(page: Path) -> None:
    known = {variable_of(field) for field in Settings.__struct_fields__} | set(OTHER_VARIABLES)
    assert set(VARIABLE.findall(page.read_text(encoding="utf-8"))) <= known


def test_every_setting_is_listed_with_its_default() -> None:
    listed = {name: cells.split(" | ")[0].strip("`") for name, cells in ROW.findall(reference("settings"))}
    defaults = Settings()
    assert listed == {variable_of(field): shown(getattr(defaults, field)) for field in Settings.__struct_fields__}


def shown(value: object) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def test_every_route_is_listed_with_its_roles_and_no_other() -> None:
    listed = {(method, path): roles for method, path, roles in ROUTE.findall(reference("api"))}
    assert listed == routes()


def routes() -> dict[tuple[str, str], str]:
    rooms = (
        forecourt.access.api,
        forecourt.drivers.api,
        forecourt.drivers.outside.api,
        forecourt.stations.api,
        forecourt.stations.certificates.api,
        forecourt.sessions.api,
        forecourt.webhooks.api,
        forecourt.care.api,
        forecourt.energy.api,
        forecourt.insight.actions.api,
        forecourt.insight.dashboards.api,
        forecourt.insight.forecast.api,
        forecourt.insight.health.api,
        forecourt.insight.replacement.api,
        forecourt.pricing.api,
        forecourt.driver.api,
        forecourt.driver.brand_api,
        forecourt.driver.account.provider_api,
        forecourt.driver.waiting_api,
        forecourt.driver.waiting_operator,
        forecourt.driver.codes_api,
        forecourt.payments.terminals.api,
        forecourt.payments.api,
        forecourt.payments.ledger.api,
        forecourt.payments.hosts.api,
        forecourt.loyalty.api,
        forecourt.payments.fleets.api,
        forecourt.payments.reconcile.api,
        forecourt.drivers.account_api,
        forecourt.drivers.fleets.api,
        forecourt.drivers.autocharge.api,
        forecourt.driver.account.operator,
        forecourt.driver.account.api,
        forecourt.driver.readers.api,
    )
    api = Router("/api/v1", route_handlers=[room.routes for room in rooms])
    given = (
        "actor", "db", "access", "clock", "commander", "refresher", "secret_key", "webhooks", "hooks", "streams",
        "telling", "doors", "invitations", "site_directory", "spoken", "feeds", "console_url", "payments",
        "providers", "members", "leaving", "driver", "ways", "speech", "home", "lists", "driver_providers", "vault",
        "readers", "connect", "contract_rules", "contract_checks", "tariffs_naming", "discounts", "answers",
        "replacing",
    )  # fmt: skip
    dependencies = {name: Provide(lambda: None, sync_to_thread=False) for name in given}
    found = {}
    for path, operations in document(api, dependencies, "0")["paths"].items():
        for method, operation in operations.items():
            if "Needs a person who is signed in, whatever their role." in operation["description"]:
                found[method.upper(), path] = "everybody who is signed in"
                continue
            told = {"Needs a driver who is signed in": "a driver who is signed in", "Needs no role": "anybody"}
            said = next((who for words, who in told.items() if words in operation["description"]), None)
            if said is not None:
                assert path.startswith("/api/v1/driver/")
                found[method.upper(), path] = said
                continue
            needs = re.search(r"Needs the role (.*)\.$", operation["description"])
            assert needs is not None
            roles = needs[1].split(" or ")
            found[method.upper(), path] = "all" if roles == [role.value for role in Role] else ", ".join(roles)
    return found


def test_every_command_and_option_is_listed() -> None:
    text = reference("cli")
    named = set(re.findall(r"`forecourt ([a-z]+(?:-[a-z]+)?(?: [a-z]+(?:-[a-z]+)?)?)", text[: text.index("## make")]))
    assert named == set(commands(typer.main.get_command(cli)))
    options = {option for parameter in typer.main.get_command(simulator).params for option in parameter.opts}
    part = text[text.index("## forecourt simulate") : text.index("## forecourt sandbox")]
    assert set(re.findall(r"`(--[a-z-]+)", part)) == options
    options = {option for parameter in typer.main.get_command(sandbox).params for option in parameter.opts}
    part = text[text.index("## forecourt sandbox\n") : text.index("## forecourt sandbox-adyen")]
    assert set(re.findall(r"`(--[a-z-]+)", part)) == options
    options = {option for parameter in typer.main.get_command(second_sandbox).params for option in parameter.opts}
    part = text[text.index("## forecourt sandbox-adyen") : text.index("## make")]
    assert set(re.findall(r"`(--[a-z-]+)", part)) == options


def commands(group: Any) -> Iterator[str]:
    """Every command by its words."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from (f"{name} {inner}" for inner in command.commands)
        else:
            yield name


def test_every_option_of_the_daily_verbs_is_listed() -> None:
    text = reference("cli")
    part = text[text.index("## The daily verbs") : text.index("## forecourt simulate")]
    group: Any = typer.main.get_command(cli)
    verbs = [verb for noun in group.commands.values() for verb in getattr(noun, "commands", {}).values()]
    verbs += [inner for verb in verbs for inner in getattr(verb, "commands", {}).values()]
    options = {option for verb in verbs for each in verb.params for option in each.opts if option.startswith("--")}
    assert set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", part)) == options


def test_every_target_of_make_is_listed() -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z]+)`", reference("cli"))) == set(targets)


@pytest.mark.parametrize(("name", "cells"), ROW.findall(reference("limits")))
def test_every_limit_has_the_value_that_is_written(name: str, cells: str) -> None:
    module, _, constant = name.rpartition(".")
    value = getattr(importlib.import_module(f"forecourt.{module}"), constant)
    written = re.match(r"([\d,.]+) ?(\w*) \|", cells)
    assert written is not None
    number = float(written[1].replace(",", "")) * UNITS[written[2]]
    assert number == (value.total_seconds() if isinstance(value, timedelta) else value)


def test_every_table_and_view_is_listed_under_its_room() -> None:
    parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", reference("database"), re.DOTALL | re.MULTILINE))
    for room, made in made_by_rooms():
        listed = set(re.findall(r"^\| `(\w+)` \|", parts[room], re.MULTILINE))
        listed |= set(re.findall(r"the view `(\w+)`", parts[room]))
        assert listed == made


def made_by_rooms() -> Iterator[tuple[str, set[str]]]:
    for folder in sorted((ROOT / "src" / "forecourt").glob("*/migrations")):
        source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql")))
        tables = re.findall(r"^CREATE TABLE (\w+) \(", source, re.MULTILINE)
        made = {*tables, *re.findall(r"^CREATE VIEW (\w+)", source, re.MULTILINE)}
        yield folder.parent.name, made - set(re.findall(r"^DROP TABLE (\w+);", source, re.MULTILINE))


def test_every_action_of_every_version_is_listed() -> None:
    text = reference("ocpp")
    rows = re.findall(r"^\| (\w+) \| ([\d., ]+) \| ", text, re.MULTILINE)
    for version in Version:
        number = version.value.removeprefix("ocpp")
        told = protocol(version)
        assert {action for action, versions in rows if number in versions.split(", ")} == set(told.station_actions)
        asked = re.search(rf"^\*\*{re.escape(number)}\*\* \((\d+)\): ([^.]*)\.", text, re.MULTILINE)
        assert asked is not None
        assert int(asked[1]) == len(told.csms_actions)
        assert set(re.split(r",\s+", asked[2])) == set(told.csms_actions)
    assert {name for name, _ in ROW.findall(text)} == {deviation.value for deviation in Deviation}


@each(DECISIONS)
def test_every_decision_has_the_four_headings_and_fits_a_screen(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## .*$", text, re.MULTILINE) == HEADINGS
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert len(text.splitlines()) <= 60
    assert f"]({page.name})" in (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")


def test_decisions_are_listed_in_the_order_of_their_numbers() -> None:
    listed = re.findall(
        r"^\| \[(\d{4})\]", (DOCS / "decisions" / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert listed == [page.name[:4] for page in DECISIONS]


def test_every_dependency_is_in_the_decision_about_them() -> None:
    text = DECISIONS[0].read_text(encoding="utf-8").lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[\[<>=]", requirement)[0] for requirement in wanted}
    package = msgspec.json.decode((ROOT / "web" / "package.json").read_bytes())
    names |= package["dependencies"].keys() | package.get("devDependencies", {}).keys()
    assert {name for name in names if not re.search(rf"(?<![\w-]){re.escape(name.lower())}(?![\w-])", text)} == set()


def test_what_is_pinned_can_be_installed_by_the_oldest_python_that_is_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE)
    asked: dict[str, str] = {}
    for name, version in pinned:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found = metadata.distribution(name)
            assert found.version == version, f"{name} is installed in another version than is pinned"
            asked[name] = str(found.metadata.json.get("requires_python", ""))
    assert len(asked) > 100
    assert {name: asks for name, asks in asked.items() if oldest not in SpecifierSet(asks)} == {}


def test_every_page_of_the_console_is_pictured_and_says_what_it_is_for() -> None:
    table = (DOCS / "reference" / "access.md").read_text(encoding="utf-8")
    routes = {path for path in re.findall(r"^\| `GET ([^`]+)`", table, re.MULTILINE) if not path.startswith("/api/")}
    nowhere = {"/no-such-page"}
    assert routes == (PURPOSES.keys() - nowhere) | NO_PAGES.keys() | PARTS
    told = (DOCS / "reference" / "pages.md").read_text(encoding="utf-8")
    assert {path for path in PURPOSES.keys() - nowhere if f"`{path}`" not in told} == set()


def test_a_whole_run_pictures_drivers_own_pages_as_one_of_them() -> None:
    signed_out = {"/my/sign-in/{slug}", "/my/enter"}
    assert {path for path in PURPOSES if path.startswith("/my")} == {*ROUTES, *signed_out}


@each(PAGES)
def test_python_in_the_pages_can_be_parsed(page: Path) -> None:
    for source in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        ast.parse(source)
