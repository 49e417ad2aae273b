"""A station of OCPP 2.1 that reckons costs itself, second by second, from nothing but the JSON that it was told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from forecourt.pricing.model import Segment, SegmentKind

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_MEASURED = {"Energy": "energy", "Current": "current", "Power": "power", "Time": "time", "IdleTime": "idle_time"}


def cost(tariff: dict[str, Any], zone: str, start_at: datetime, segments: Sequence[Segment]) -> tuple[float, float]:
    """What a transaction costs by the tariff, before and after taxes."""
    excl = incl = Fraction(0)
    energy_wh, at, idle_since = Fraction(0), 0, None
    charged_once = False
    for segment in segments:
        charging = segment.kind is SegmentKind.CHARGING
        if charging:
            idle_since = None
        elif idle_since is None and at and segments[0].kind is SegmentKind.CHARGING:
            idle_since = at
        part = Fraction(segment.energy_wh) / segment.seconds
        power_w = part * 3600 if segment.power_w is None else Fraction(segment.power_w)
        for _ in range(segment.seconds):
            now = {
                "local": (start_at + timedelta(seconds=at)).astimezone(ZoneInfo(zone)),
                "energy": energy_wh,
                "power": power_w,
                "current": None if segment.current_a is None else Fraction(segment.current_a),
                "time": at,
                "idle_time": None if idle_since is None else at - idle_since,
            }
            wanted = [("energy", "priceKwh", part / 1000)]
            wanted.append(("chargingTime" if charging else "idleTime", "priceMinute", Fraction(1, 60)))
            if not charged_once:
                wanted.append(("fixedFee", "priceFixed", Fraction(1)))
            for field, price, amount in wanted:
                found = _first(tariff.get(field), price, now)
                if found is not None:
                    charged_once = charged_once or field == "fixedFee"
                    excl += found * amount
                    incl += found * amount * _taxed(tariff[field])
            energy_wh += part
            at += 1
    return float(excl), float(incl)


def _first(part: dict[str, Any] | None, price: str, now: dict[str, Any]) -> Fraction | None:
    for each in (part or {}).get("prices", ()):
        if _holds(each.get("conditions", {}), now):
            return Fraction(each[price])
    return None


def _taxed(part: dict[str, Any]) -> Fraction:
    whole = Fraction(1)
    for rate in part.get("taxRates", ()):
        whole += (whole if rate.get("stack") else 1) * Fraction(str(rate["tax"])) / 100
    return whole


def _holds(said: dict[str, Any], now: dict[str, Any]) -> bool:
    local = now["local"]
    clock, begins, ends = local.strftime("%H:%M"), said.get("startTimeOfDay"), said.get("endTimeOfDay")
    if begins is not None and ends is not None and ends <= begins:
        if ends <= clock < begins:
            return False
    elif (begins is not None and clock < begins) or (ends is not None and clock >= ends):
        return False
    if "dayOfWeek" in said and _DAYS[local.weekday()] not in said["dayOfWeek"]:
        return False
    today = local.date().isoformat()
    if today < said.get("validFromDate", today) or ("validToDate" in said and today >= said["validToDate"]):
        return False
    for name, key in (
        ("Energy", "energy"),
        ("Current", "current"),
        ("Power", "power"),
        ("Time", "time"),
        ("IdleTime", "idle_time"),
    ):
        least, most = said.get(f"min{name}"), said.get(f"max{name}")
        if least is None and most is None:
            continue
        value = now[key]
        if value is None or (least is not None and value < Fraction(str(least))):
            return False
        if most is not None and value >= Fraction(str(most)):
            return False
    return True
