"""What reaches the log, and what never does."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from forecourt.platform import log


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    handlers, level, was = logging.root.handlers[:], logging.root.level, structlog.get_config()
    stream = io.StringIO()
    log.set_up("info", "json", stream)
    yield stream
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**was)


def test_secrets_are_hidden_however_deep_they_lie(written: io.StringIO) -> None:
    structlog.get_logger("try").info(
        "boot",
        station="CP1",
        password="s3cret",
        payload={"configuration": [{"AuthorizationKey": "s3cret"}, {"idToken": {"idToken": "s3cret"}}]},
    )
    line = json.loads(written.getvalue())
    assert "s3cret" not in written.getvalue()
    assert (line["station"], line["event"], line["level"]) == ("CP1", "boot", "info")


@pytest.mark.parametrize("spelled", ["4929123456781236", "4929 1234 5678 1236"])
def test_the_number_of_a_payment_card_is_in_no_line(written: io.StringIO, spelled: str) -> None:
    """In words, in what stands beside them however deep, as a number, and in a traceback; the line stays JSON."""
    try:
        raise ValueError(f"can't charge {spelled} today")
    except ValueError:
        structlog.get_logger("try").exception(f"paid by {spelled}", number=4929123456781236, said=[{"by": spelled}])
    assert "4929" not in written.getvalue()
    assert json.loads(written.getvalue())["number"] == "[card number]"
    told = io.StringIO()
    log.set_up("info", "console", told)
    try:
        raise ValueError(f"can't charge {spelled} today")
    except ValueError:
        structlog.get_logger("try").exception(f"paid by {spelled}", number=4929123456781236)
    assert "4929" not in told.getvalue()
    assert "ValueError: can't charge [card number] today" in told.getvalue()


def test_libraries_that_use_the_standard_library_write_the_same_lines(written: io.StringIO) -> None:
    logging.getLogger("some.library").warning("odd %s", "thing", extra={"api_key": "s3cret"})
    line = json.loads(written.getvalue())
    assert (line["event"], line["logger"], line["level"]) == ("odd thing", "some.library", "warning")
    assert line["api_key"] == log.REDACTED


def test_an_exception_is_one_line(written: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("try").exception("failed")
    assert written.getvalue().count("\n") == 1
    assert "ValueError: broken" in json.loads(written.getvalue())["exception"]
