"""JSON documents of past sessions: ACN-Data as its API gives it, the same as indices of five minutes, OCPI CDRs.

ACN-Data: Lee, Li, Low, e-Energy 2019. OCPI: 2.1.1-d2 §10, 2.2.1-d2 §10, 2.3.0 §10.
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from forecourt.insight.importing.made import refused, taken
from forecourt.insight.importing.model import BadRow, ImportRefused, Parsed
from forecourt.insight.importing.opened import Opened
from forecourt.insight.importing.tables import Options
from forecourt.insight.importing.values import Numbers, Times, absent, minor_of, seconds_of, wh_of
from forecourt.insight.model import Session

_NUMBERS: Final = Numbers()
#: Where documents hold their sessions.
_LISTS: Final = ("_items", "sessions", "data", "cdrs")


class Document(Struct, frozen=True, kw_only=True):
    """A document that is understood: a Source of `model`. Items are decoded one by one."""

    items: list[Raw]
    read: Callable[[Any], Session]
    form: str
    source: str
    found: list[str]
    reading: dict[str, Any]
    now: datetime

    @property
    def rows_expected(self) -> int | None:
        """All of them."""
        return len(self.items)

    def rows(self) -> Iterator[Parsed]:
        """Each item as a session, or why it is none; its number stands for a line."""
        for number, raw in enumerate(self.items, start=1):
            energy_wh: int | None = None
            try:
                item = msgspec.json.decode(raw)
                if not isinstance(item, dict):
                    raise BadRow("bad-row", "the item is no object")
                with contextlib.suppress(BadRow, KeyError):
                    energy_wh = _energy(item)
                session = self.read(item)
            except BadRow as bad:
                yield refused(number, bad, energy_wh)
                continue
            except KeyError as missing:
                yield refused(number, BadRow("bad-row", f"it has no {missing.args[0]}"), energy_wh)
                continue
            except (TypeError, ValueError, AttributeError, OverflowError) as fault:
                yield refused(number, BadRow("bad-row", f"a part of it is of another form: {fault}"), energy_wh)
                continue
            yield taken(number, session, self.now)


def read_document(opened: Opened, options: Options, now: datetime) -> Document:
    """Which of the forms a document is. Raises ImportRefused, naming the line of what is no JSON."""
    content = opened.whole()
    if opened.encoding.replace("_", "-").lower() not in ("utf-8", "utf-8-sig"):
        content = content.decode(opened.encoding).encode()
    content = content.removeprefix(b"\xef\xbb\xbf")
    items, meta = _items(opened, content)
    sample = msgspec.json.decode(items[0]) if items else {}
    if not isinstance(sample, dict):
        raise ImportRefused(f"The first item of {opened.path.name} is no object, so it is no session.")
    if meta.get("period_min") is not None:
        return _indexed(items, meta, now)
    if "connectionTime" in sample:
        return _acn(items, sample, options, now)
    if "start_date_time" in sample or "charging_periods" in sample:
        return _ocpi(items, sample, options, now)
    if not items:
        raise ImportRefused(f"{opened.path.name} holds no session.")
    raise ImportRefused(
        f"{opened.path.name} is JSON, but of no form that is known. Its items have {', '.join(list(sample)[:12])}."
        " Known are ACN-Data (connectionTime, kWhDelivered) and OCPI CDRs (start_date_time); anything else"
        " can be brought as CSV."
    )


def _items(opened: Opened, content: bytes) -> tuple[list[Raw], dict[str, Any]]:
    try:
        whole = msgspec.json.decode(content, type=dict[str, Raw] | list[Raw])
        if isinstance(whole, list):
            return whole, {}
        for name in _LISTS:
            if name in whole:
                meta = msgspec.json.decode(whole["meta"]) if "meta" in whole else {}
                return msgspec.json.decode(whole[name], type=list[Raw]), meta if isinstance(meta, dict) else {}
        if "start_date_time" in whole:
            return [Raw(content)], {}
    except msgspec.DecodeError as fault:
        raise ImportRefused(_broken(opened, content, str(fault))) from fault
    raise ImportRefused(
        f"{opened.path.name} is JSON without a list of sessions. Looked for were {', '.join(_LISTS)}, or a list at the"
        " top."
    )


def _broken(opened: Opened, content: bytes, fault: str) -> str:
    """Where a document breaks off or goes wrong, and what to do."""
    if "truncated" in fault:
        last = content.count(b"\n", 0, len(content.rstrip())) + 1
        return f"{opened.path.name} was cut off: it ends in the middle of line {last}. Copy or download it again."
    position = next((int(word) for word in fault.replace(")", " ").split() if word.isdigit()), 0)
    line = content.count(b"\n", 0, position) + 1
    return f"Line {line} of {opened.path.name} is no JSON: {fault}. Export it again, or mend that line."


def _energy(item: dict[str, Any]) -> int | None:
    """Energy in whichever of the forms, for what is told of refused rows."""
    for name in ("kWhDelivered", "kwh", "total_energy"):
        if not absent(item.get(name)):
            return wh_of(item[name], 1000, _NUMBERS)
    return None


def _text(value: Any) -> str | None:
    return None if absent(value) else str(value)


def _indexed(items: list[Raw], meta: dict[str, Any], now: datetime) -> Document:
    """`meta` says where the indices begin and how long one is."""
    try:
        begins = datetime.fromisoformat(meta["start"])
        period = timedelta(minutes=meta["period_min"])
        zone = _zone_of(begins, meta)
    except (KeyError, TypeError, ValueError) as fault:
        raise ImportRefused(f"`meta` can't be read: {fault}. It must hold start and period_min.") from fault
    site = _text(meta.get("site"))

    def read(item: Any) -> Session:
        return Session(
            id=_text(item["session_id"]),
            station=str(item["station_id"]),
            started_at=begins.astimezone(UTC) + item["arrival"] * period,
            ended_at=begins.astimezone(UTC) + item["departure"] * period,
            energy_wh=wh_of(item["kwh"], 1000, _NUMBERS),
            site=site,
            zone=zone,
        )

    found = [f"from {begins.isoformat()} in steps of {meta['period_min']} minutes", f"zone {zone}"]
    return Document(
        items=items, read=read, form="ACN-Data, indices", source=f"acn-{site or 'data'}", found=found, now=now,
        reading={"form": "acn-indices", "zone": zone},
    )  # fmt: skip


def _zone_of(begins: datetime, meta: dict[str, Any]) -> str:
    """The zone of a document that gives an offset alone: ACN-Data is of California."""
    if meta.get("timezone"):
        return str(meta["timezone"])
    hours = (begins.utcoffset() or timedelta()) // timedelta(hours=1)
    return "America/Los_Angeles" if hours in (-8, -7) else "UTC"


def _acn(items: list[Raw], sample: dict[str, Any], options: Options, now: datetime) -> Document:
    """Dates as RFC 1123 has them, in GMT whatever the zone; or ISO 8601, at times without an offset."""
    usual = options.time_zone or str(sample.get("timezone") or "America/Los_Angeles")

    def read(item: Any) -> Session:
        zone = options.time_zone or str(item.get("timezone") or usual)
        times = Times(zone=zone)

        def at(name: str, missing: str) -> datetime:
            if absent(item.get(name)):
                raise BadRow(missing, f"{name} is empty")
            return times.read(item[name])[0]

        done = item.get("doneChargingTime")
        return Session(
            id=_text(item.get("sessionID") or item.get("_id")),
            station=str(item.get("spaceID") or item["stationID"]),
            started_at=at("connectionTime", "no-start"),
            ended_at=at("disconnectTime", "no-end"),
            charging_ended_at=None if absent(done) else times.read(done)[0],
            energy_wh=None if absent(item.get("kWhDelivered")) else wh_of(item["kWhDelivered"], 1000, _NUMBERS),
            driver=_text(item.get("userID")),
            site=_text(item.get("siteID")),
            zone=zone,
        )

    site = _text(sample.get("siteID"))
    return Document(
        items=items, read=read, form="ACN-Data", source=f"acn-{site}" if site else "acn-data", now=now,
        found=[f"zone {usual}"], reading={"form": "acn", "zone": usual},
    )  # fmt: skip


def _ocpi(items: list[Raw], sample: dict[str, Any], options: Options, now: datetime) -> Document:
    """CDRs of 2.1.1 (`stop_date_time`, a location, prices as numbers) and of 2.2 and later (`end_date_time`, a
    `cdr_location`, prices before and after taxes)."""
    zone = options.time_zone or "UTC"
    party = "-".join(str(sample[name]) for name in ("country_code", "party_id") if sample.get(name))

    def read(item: Any) -> Session:
        place = item.get("cdr_location") or item.get("location") or {}
        times = Times(zone="UTC")
        end = item.get("end_date_time") or item.get("stop_date_time")
        if absent(item.get("start_date_time")):
            raise BadRow("no-start", "start_date_time is empty")
        start = times.read(item["start_date_time"])[0]
        hours = item.get("total_time")
        if absent(end) and hours is None:
            raise BadRow("no-end", "end_date_time is empty")
        parked = item.get("total_parking_time")
        stop = start + timedelta(seconds=seconds_of(hours, 3600, _NUMBERS)) if absent(end) else times.read(end)[0]
        return Session(
            **_ocpi_place(place, options),
            id=_text(item.get("id")),
            started_at=start,
            ended_at=stop,
            charging_ended_at=None if not parked else stop - timedelta(seconds=seconds_of(parked, 3600, _NUMBERS)),
            energy_wh=None if absent(item.get("total_energy")) else wh_of(item["total_energy"], 1000, _NUMBERS),
            driver=_text((item.get("cdr_token") or {}).get("uid") or item.get("auth_id")),
            zone=str(place.get("time_zone") or zone),
            tariff=_text(next((tariff.get("id") for tariff in item.get("tariffs") or ()), None)),
            **_ocpi_cost(item),
        )

    return Document(
        items=items, read=read, form="OCPI CDRs", source=f"ocpi-{party.lower()}" if party else "ocpi", now=now,
        found=[f"hours of the day are of {zone}, where a location names no zone"],
        reading={"form": "ocpi", "zone": zone},
    )  # fmt: skip


def _ocpi_place(place: dict[str, Any], options: Options) -> dict[str, Any]:
    """2.2 names one EVSE and connector; 2.1.1 a whole location that holds the one of the session alone."""
    evses = place.get("evses") or ()
    evse = place.get("evse_uid") or place.get("evse_id") or next((each.get("uid") for each in evses), None)
    connectors = next((each.get("connectors") or () for each in evses), ())
    standard = place.get("connector_standard") or next((each.get("standard") for each in connectors), None)
    site = _text(place.get("name")) or _text(place.get("id"))
    station = options.station or _text(place.get("id")) or site
    if station is None:
        raise BadRow("no-station", "the location has no id")
    return {"station": station, "site": options.site or site, "evse": _text(evse), "connector_type": _text(standard)}


def _ocpi_cost(item: dict[str, Any]) -> dict[str, Any]:
    cost, currency = item.get("total_cost"), _text(item.get("currency"))
    if absent(cost) or currency is None:
        return {}
    if not isinstance(cost, dict):
        return {"currency": currency, "excl_minor": minor_of(cost, currency, _NUMBERS)}
    # 2.3.0 names taxes apart; their sum is added.
    before = cost.get("excl_vat", cost.get("before_taxes"))
    after = cost.get("incl_vat")
    if after is None and before is not None and cost.get("taxes"):
        after = Decimal(str(before)) + sum(Decimal(str(tax["amount"])) for tax in cost["taxes"])
    return {
        "currency": currency,
        "excl_minor": None if before is None else minor_of(before, currency, _NUMBERS),
        "incl_minor": None if after is None else minor_of(str(after), currency, _NUMBERS),
    }
