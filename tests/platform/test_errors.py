"""Errors as people and programs meet them."""

from forecourt.platform.errors import ForecourtError


class SpoonBent(ForecourtError):
    """The spoon is bent. There is no spoon:
    look again."""

    status = 409
    code = "spoon_bent"


def test_the_docstring_is_the_message_a_person_reads() -> None:
    assert str(SpoonBent()) == "The spoon is bent. There is no spoon: look again."


def test_a_problem_has_every_member_of_rfc_9457_and_the_context() -> None:
    problem = SpoonBent("The left spoon is bent.", spoon="left").problem()
    assert problem == {
        "type": "urn:forecourt:problem:spoon_bent",
        "title": "The spoon is bent",
        "status": 409,
        "detail": "The left spoon is bent.",
        "code": "spoon_bent",
        "spoon": "left",
    }


def test_context_can_not_disguise_the_status() -> None:
    assert SpoonBent(status=200).problem()["status"] == 409
