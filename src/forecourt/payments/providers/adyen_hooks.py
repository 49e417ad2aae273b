"""Adyen's webhooks: whether they are signed by the account's key and of its merchant, and what they say."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.payments.providers.adyen_report import REPORT_NAME
from forecourt.payments.providers.adyen_shapes import KEPT, REPORT, Item, read_reference, told_by
from forecourt.payments.psp import MAX_HOOK_AGE_S
from forecourt.payments.psp.errors import HookRefused
from forecourt.payments.psp.words import Notice

#: Adyen brings a webhook that was not taken again for thirty days, with the date that it had.
MAX_AGE: Final = timedelta(days=31)
MAX_AHEAD: Final = timedelta(seconds=MAX_HOOK_AGE_S)
#: Events of one webhook. Adyen sends one in each.
MAX_ITEMS: Final = 100


class _Wrapped(Struct, frozen=True, kw_only=True):
    item: msgspec.Raw = msgspec.field(name="NotificationRequestItem")


class _Hook(Struct, frozen=True, kw_only=True):
    live: str
    items: list[_Wrapped] = msgspec.field(name="notificationItems")


def notices(body: bytes, now: datetime, *, hook_key: str, merchant_account: str, live: bool) -> Sequence[Notice]:
    """What a webhook says, all of it or nothing. Raises HookRefused for one with an event that is forged, old, or of
    another account."""
    try:
        hook = msgspec.json.decode(body, type=_Hook)
        if not 0 < len(hook.items) <= MAX_ITEMS or hook.live != ("true" if live else "false"):
            raise HookRefused
        return [_notice(each.item, now, hook_key, merchant_account) for each in hook.items]
    except (msgspec.DecodeError, ValueError, KeyError, TypeError) as fault:
        raise HookRefused from fault


def _notice(raw: msgspec.Raw, now: datetime, hook_key: str, merchant_account: str) -> Notice:
    from Adyen.util import is_valid_hmac_notification

    said: dict[str, Any] = msgspec.json.decode(raw)
    item = msgspec.json.decode(raw, type=Item)
    if is_valid_hmac_notification(said, hook_key) is not True or item.merchant_account_code != merchant_account:
        raise HookRefused
    if item.event_date.tzinfo is None or not now - MAX_AGE <= item.event_date <= now + MAX_AHEAD:
        raise HookRefused
    intent, _, _ = read_reference(item.merchant_reference)
    told = told_by(item)
    return Notice(
        event=told.event,
        kind=item.event_code,
        intent=intent,
        reference=told.about,
        told=told if _is_kept(item) else None,
    )


def _is_kept(item: Item) -> bool:
    """Whether nothing else will say it. Of reports, only those of settlements are read."""
    if item.event_code == REPORT:
        return REPORT_NAME.fullmatch(item.psp_reference) is not None
    return item.event_code in KEPT
