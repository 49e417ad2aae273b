"""A sheet of tokens: what each column takes, and what each line comes to. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from forecourt.drivers.model import MAX_UID_LENGTH, Token, TokenState, uid_key
from forecourt.platform.sheets import Column, Line, Plan, Planned, Sheet, Wrong, as_text, read_line
from forecourt.platform.text import NAME_LINE
from forecourt.ui.i18n import mark

#: What a new token is where the sheet says nothing.
DEFAULTS: Final[Mapping[str, Any]] = {
    "type": "ISO14443", "status": TokenState.ACCEPTED, "group": None, "expires_at": None, "driver_name": None,
    "driver_reference": None, "vehicle": None,
}  # fmt: skip
#: Cells of these columns that are empty leave an existing token as it is; empty others clear what stood there.
_NEVER_EMPTY: Final = frozenset({"type", "status"})
_TYPE = re.compile(r"[A-Za-z0-9_-]{1,20}")
_LINE = re.compile(NAME_LINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _uid(text: str) -> str:
    if len(text) > MAX_UID_LENGTH or _CONTROL.search(text):
        raise ValueError
    return text


def _type(text: str) -> str:
    if _TYPE.fullmatch(text) is None:
        raise ValueError
    return text


def _status(text: str) -> TokenState:
    return TokenState(text.lower().replace(" ", "_"))


def _moment(text: str) -> datetime:
    """A date means its first instant in UTC; a time must say its zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        if len(text) > len("2030-01-01"):
            raise ValueError
        at = at.replace(tzinfo=UTC)
    if not 1970 < at.year < 9999:
        raise ValueError
    return at.astimezone(UTC)


def _note(text: str) -> str:
    if len(text) > 200 or _LINE.search(text) is None:
        raise ValueError
    return text


_UID_RULE = mark("must be what the station sends, 255 characters at most")
_UID_MISSING = mark("is missing: it says which token is meant")
_NOTE_RULE = mark("must be one line of 200 characters at most")
COLUMNS: Final[Mapping[str, Column]] = {
    "uid": (_uid, _UID_RULE),
    "type": (_type, mark("must be a token type of OCPP, such as ISO14443 or eMAID")),
    "status": (_status, mark("must be one of accepted, blocked, expired, invalid, no_credit")),
    "group": (_uid, _UID_RULE),
    "expires_at": (
        _moment,
        mark("must be a day such as 2030-12-31, or a time with its zone such as 2030-12-31T18:00:00Z"),
    ),
    "driver_name": (_note, _NOTE_RULE),
    "driver_reference": (_note, _NOTE_RULE),
    "vehicle": (_note, _NOTE_RULE),
}


def read_form(form: Any) -> tuple[dict[str, Any], list[Wrong]]:
    """The values of a form that has a field for each column, as `service.put_token` takes them, and what is wrong."""
    cells = {name: str(getattr(form, name)).strip() for name in COLUMNS}
    values, wrong = read_line(Line(number=0, cells=cells), COLUMNS)
    if not cells["uid"]:
        wrong.append(Wrong(column="uid", value="", rule=_UID_MISSING))
    for name in _NEVER_EMPTY:
        if values.get(name) is None:
            values[name] = DEFAULTS[name]
    values["type_"] = values.pop("type")
    return values, wrong


def plan_tokens(sheet: Sheet, known: Mapping[str, Token]) -> Plan:
    """What each line comes to; `known` are the tokens that exist, by `uid_key`."""
    seen: dict[str, int] = {}
    return Plan(lines=[_planned(line, known, seen) for line in sheet.lines])


def _planned(line: Line, known: Mapping[str, Token], seen: dict[str, int]) -> Planned:
    values, wrong = read_line(line, COLUMNS)
    shown = line.cells.get("uid", "")
    uid = values.pop("uid", None)
    if uid is None and not any(each.column == "uid" for each in wrong):
        wrong.append(Wrong(column="uid", value="", rule=_UID_MISSING))
    key = uid_key(uid or "")
    if uid is not None and seen.setdefault(key, line.number) != line.number:
        wrong.append(Wrong(column="uid", value=uid, rule=mark("stands in an earlier line already")))
    if wrong or uid is None:
        return Planned(line=line.number, id=shown, action="refused", wrong=wrong)
    token = known.get(key)
    given = {name: value for name, value in values.items() if value is not None or name not in _NEVER_EMPTY}
    if token is None:
        whole = {**DEFAULTS, **given}
        whole["type_"] = whole.pop("type")
        return Planned(line=line.number, id=uid, action="create", values=whole)
    changed = {name: value for name, value in given.items() if getattr(token, name) != value}
    return Planned(
        line=line.number,
        id=token.uid,
        action="change" if changed else "same",
        values=changed,
        changes={name: (as_text(getattr(token, name)), as_text(value)) for name, value in changed.items()},
    )
