"""Logging for every process: structured events, one line each, with secrets taken out before they are written."""

import io
import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from forecourt.platform.cards import holds_card, masked

SECRET_NAME = re.compile(r"password|secret|token|authorization|key", re.IGNORECASE)
REDACTED = "[redacted]"
#: How deep nested values are searched for secrets; what lies deeper is hidden as a whole.
REDACT_DEPTH = 6
#: Libraries that speak once per request or query, which belongs to metrics; some would tell addresses with tokens.
CHATTY = (
    "apscheduler", "entsoe", "nats", "picows", "procrastinate", "psycopg.pool", "urllib3", "uvicorn.access", "yoyo",
)  # fmt: skip


def set_up(
    level: Literal["debug", "info", "warning", "error"] = "info",
    style: Literal["json", "console"] = "json",
    stream: TextIO | None = None,
) -> None:
    """Sends structlog's and the standard library's events to one stream, in one form; call once at process start."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        redact,
    ]
    render: list[Processor] = (
        [structlog.processors.format_exc_info, _without_cards, structlog.processors.JSONRenderer()]
        if style == "json"
        # Tracebacks without the values of variables: those hold headers and passwords.
        else [
            _without_cards,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_traceback),
        ]
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(threshold)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _without_cards(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What is said without numbers of payment cards, whoever said them: in a traceback, too."""
    return {name: value if name == "exc_info" else _cardless(value) for name, value in event.items()}


def _traceback(stream: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """One without the values of variables, and without numbers of payment cards."""
    told = io.StringIO()
    structlog.dev.plain_traceback(told, exc_info)
    stream.write(masked(told.getvalue()))


def _cardless(value: Any, depth: int = REDACT_DEPTH) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return masked(str(value)) if holds_card(str(value)) else value
    if depth and isinstance(value, Mapping):
        return {name: _cardless(item, depth - 1) for name, item in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_cardless(item, depth - 1) for item in value]
    return value


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces the value of every name that sounds like a secret, however deep it lies."""
    return {name: hidden(name, value) for name, value in event.items()}


def hidden(name: str, value: Any, depth: int = REDACT_DEPTH) -> Any:
    """The value as it may be shown under this name: the value itself, a redacted copy, or the word for redacted."""
    if SECRET_NAME.search(name) and value is not None and not isinstance(value, bool):
        return REDACTED
    if isinstance(value, Mapping):
        if depth == 0:
            return REDACTED
        return {inner: hidden(str(inner), item, depth - 1) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        if depth == 0:
            return REDACTED
        return [hidden("", item, depth - 1) for item in value]
    return value
