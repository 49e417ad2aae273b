"""Errors as people and programs meet them."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import forecourt
from forecourt.platform.errors import ForecourtError


class SpoonBent(ForecourtError):
    """The spoon is bent. There is no spoon:
    look again."""

    status = 409
    code = "spoon-bent"


def test_the_docstring_is_the_message_a_person_reads() -> None:
    assert str(SpoonBent()) == "The spoon is bent. There is no spoon: look again."


def test_a_problem_has_every_member_of_rfc_9457_and_the_context() -> None:
    problem = SpoonBent("The left spoon is bent.", spoon="left").problem()
    assert problem == {
        "type": "urn:forecourt:problem:spoon-bent",
        "title": "The spoon is bent",
        "status": 409,
        "detail": "The left spoon is bent.",
        "code": "spoon-bent",
        "spoon": "left",
    }


def test_context_can_not_disguise_the_status() -> None:
    assert SpoonBent(status=200).problem()["status"] == 409


def test_every_code_is_of_small_letters_and_hyphens_as_programs_find_it() -> None:
    for module in pkgutil.walk_packages(forecourt.__path__, "forecourt."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    codes = {each.code for each in every(ForecourtError) if each.__module__.startswith("forecourt.")}
    assert "database-busy" in codes
    assert {code for code in codes if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)} == set()


def every(kind: type[ForecourtError]) -> Iterator[type[ForecourtError]]:
    for each in kind.__subclasses__():
        yield each
        yield from every(each)
