"""Examples for the OpenAPI document: one for every body and every answer, made from what the schemas say of themselves.

A field that names examples gives its first one. What is left is made from its format, or found here by the name of
the field, which means the same wherever it stands.
"""

from collections.abc import Mapping
from typing import Any, Final

_REF: Final = "#/components/schemas/"
#: Deeper than any body of ours; what refers to itself ends there.
MAX_DEPTH: Final = 16

_BY_FORMAT: Final = {
    "date-time": "2026-03-01T12:00:00Z",
    "date": "2026-03-01",
    "uuid": "0d3f7a52-6c1e-4b0e-9a55-3c2f0e8b7d11",
}
_BY_TYPE: Final[Mapping[str, Any]] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "object": {}}

#: What a field of this name holds, in whatever body.
_BY_NAME: Final[Mapping[str, Any]] = {
    "action": "StartTransaction",
    "actor": "operator:3 Ada",
    "address": "Harbour Road 7",
    "answer": {"status": "Accepted"},
    "asked_by": "key:7 Grid app",
    "body": {"type": "token.changed", "timestamp": "2026-03-01T12:00:00Z", "data": {"uid": "04A2B1C3D4E5F6"}},
    "city": "Hamburg",
    "closed_from_evidence": False,
    "command_id": "7f8c9b1e-2f5d-4d0a-8a57-1e5a3c1f9d20",
    "context": "Sample.Periodic",
    "country": "DE",
    "description": "The component is unknown.",
    "detail": "What happened this time, and what to do about it.",
    "details": {},
    "deviations": [],
    "duration_ms": 84,
    "energy_wh": 18_400,
    "error": None,
    "error_code": None,
    "evse": 1,
    "firmware": "2.14.3",
    "former_secret_until": None,
    "group": "FLEET-7",
    "identity": "CP1",
    "info": None,
    "key": "fc_6f1c2c0d9a3d7b6e5f4c3b2a8e2cf1b5c2a14f0d9a3",
    "latitude": 52.52,
    "longitude": 13.405,
    "max_power_w": 150_000,
    "message_id": "19223201",
    "meter_start_wh": 1_204_000,
    "meter_stop_wh": 1_222_400,
    "meter_wh": 1_222_400,
    "model": "Pillar 150",
    "name": "Pillar by the gate",
    "next": None,
    "notes": [],
    "object": "station:CP1",
    "offline": False,
    "organisation": "Harbour Charging",
    "password": "8e2cf1b5c2a14f0d9a3d7b6e5f4c3b2a",
    "pause_reason": None,
    "paused_at": None,
    "payload": {"connectorId": 1, "idTag": "04A2B1C3D4E5F6"},
    "phase": None,
    "power_w": 7_200,
    "raw": '[2,"19223201","StartTransaction",{}]',
    "reason": None,
    "restarting": False,
    "result": {"status": "Accepted"},
    "retired_at": None,
    "revoked_at": None,
    "seq_gaps": 0,
    "serial": "VW-000042",
    "site": "north-yard",
    "slug": "north-yard",
    "soc_pct": 64,
    "station": "CP1",
    "status": "Accepted",
    "subject": "04A2B1C3D4E5F6",
    "test": False,
    "time_zone": "Europe/Berlin",
    "token": "04A2B1C3D4E5F6",
    "transaction_id": "42",
    "type": "ISO14443",
    "uid": "04A2B1C3D4E5F6",
    "unsupported_actions": [],
    "url": "https://example.com/forecourt",
    "value": 1_222_400,
    "vendor": "Voltwerk",
    "vendor_error_code": None,
}
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
#: Moments are told apart by how their names end.
_MOMENTS: Final = ("_at", "_until", "since", "until", "from", "to")
#: What makes an example of one body agree with itself.
_BY_BODY: Final[Mapping[str, Mapping[str, Any]]] = {
    "Session": {"ended_at": None, "meter_stop_wh": None, "stop_reason": None, "time_source": "station"},
    "Station": {"id": "CP1"},
    "Quarantined": {"error": "NumericValueOutOfRange: integer out of range", "reviewed_at": None, "raw_length": 38},
    "OrphanReport": {"stop_reason": "Local", "reviewed_at": None},
    "Delivery": {"kind": "token.changed", "next_at": None, "state": "delivered", "status": 204},
    "Attempt": {"answer": "", "status": 204},
    "Webhook": {"events": ["token.changed"]},
    "Call": {"payload": {"key": ["HeartbeatInterval"]}},
    "MeChange": {"name": "Ada Lovelace"},
    "NewAlertRule": {"quiet_until": "06:00:00"},
    "AlertRuleChange": {"quiet_until": "06:00:00"},
    "NewSite": {"city": "Berlin"},
    "OrganisationChange": {"name": "Harbour Charging"},
    "Replay": {"until": "2026-03-02T00:00:00Z"},
    "SiteChange": {"name": "North yard", "parent": "berlin", "city": "Berlin"},
}
#: Fields that the example of a body does without: they can't be given beside others, or only as they are.
_WITHOUT: Final[Mapping[str, frozenset[str]]] = {
    "Choice": frozenset({"stations"}),
    "StationChange": frozenset({"id"}),
    "NewAccount": frozenset({"merchant_account", "live_prefix", "report_key"}),
    "AccountChange": frozenset({"merchant_account", "live_prefix", "report_key"}),
}


class Examples:
    """Makes examples of the schemas of one document."""

    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components

    def of(self, schema: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
        """A value that the schema accepts. `name` is that of the field it stands in."""
        if depth > MAX_DEPTH:
            return None
        if "$ref" in schema:
            body = schema["$ref"].removeprefix(_REF)
            made = self.of(self._components[body], name, depth + 1)
            if not isinstance(made, dict):
                return made
            without = _WITHOUT.get(body, frozenset())
            return {name: each for name, each in {**made, **_BY_BODY.get(body, {})}.items() if name not in without}
        for said in ("examples", "enum"):
            if schema.get(said):
                return schema[said][0]
        if "const" in schema:
            return schema["const"]
        parts = schema.get("anyOf") or schema.get("oneOf")
        if parts:
            return self._of_parts(parts, name, depth)
        kind = schema.get("type")
        if kind == "object" and "properties" in schema:
            return {field: self.of(each, field, depth + 1) for field, each in schema["properties"].items()}
        if name in _BY_NAME and _fits(_BY_NAME[name], kind):
            return _BY_NAME[name]
        if kind == "string" and (name == "at" or name.endswith(_MOMENTS)):
            return _BY_FORMAT["date-time"]
        if kind == "array" and "prefixItems" in schema:
            return [self.of(each, name, depth + 1) for each in schema["prefixItems"]]
        if kind == "array":
            return [self.of(schema.get("items", {}), name, depth + 1)]
        return _bounded(schema, _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(kind or "", {})))

    def _of_parts(self, parts: list[Mapping[str, Any]], name: str, depth: int) -> Any:
        """One of several: null where the name says so, else the first that is not null."""
        nullable = any(part.get("type") == "null" for part in parts)
        if nullable and name in _BY_NAME and _BY_NAME[name] is None:
            return None
        return self.of(next(part for part in parts if part.get("type") != "null"), name, depth + 1)


def _fits(value: Any, kind: str | None) -> bool:
    if kind is None:
        return True
    return type(value) in _KINDS.get(kind, ())


def _bounded(schema: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return max(value, schema.get("minimum", value))
    return value
