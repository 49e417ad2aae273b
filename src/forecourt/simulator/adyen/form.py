"""Requests, read strictly: what is missing, of another kind or not known is refused with Adyen's codes."""

from collections.abc import Mapping
from typing import Any

from forecourt.simulator.adyen import limits
from forecourt.simulator.adyen.books import ApiError, Json

LINK: Mapping[str, type] = {
    "merchantAccount": str, "reference": str, "amount": dict, "description": str, "returnUrl": str,
    "shopperLocale": str, "allowedPaymentMethods": list, "manualCapture": bool, "captureDelayHours": int,
    "expiresAt": str, "shopperEmail": str, "shopperReference": str, "storePaymentMethodMode": str,
    "recurringProcessingModel": str, "metadata": dict, "countryCode": str,
}  # fmt: skip
PAYMENT: Mapping[str, type] = {
    "merchantAccount": str, "reference": str, "amount": dict, "paymentMethod": dict, "shopperReference": str,
    "shopperInteraction": str, "recurringProcessingModel": str, "returnUrl": str, "captureDelayHours": int,
    "additionalData": dict,
}  # fmt: skip
CHANGE: Mapping[str, type] = {"merchantAccount": str, "reference": str, "amount": dict, "industryUsage": str}
CANCEL: Mapping[str, type] = {"merchantAccount": str, "reference": str, "paymentReference": str}


def read(name: str, body: Any, fields: Mapping[str, type], needed: tuple[str, ...]) -> Json:
    """The request, once all of it is known and of the right kind."""
    if not isinstance(body, dict):
        raise ApiError(400, "702", "The request is no JSON object")
    unknown = sorted(set(body) - set(fields))
    if unknown:
        raise ApiError(422, "702", f"Structure of {name} contains the following unknown fields: {unknown[:5]}")
    for field in needed:
        if body.get(field) in (None, "", {}):
            raise ApiError(422, "130", f"Required field '{field}' is not provided.")
    for field, value in body.items():
        if type(value) is not fields[field] or len(str(value)) > limits.MAX_TEXT:
            raise ApiError(422, "702", f"Unexpected value of '{field}'")
    if len(body.get("reference", "")) > limits.MAX_REFERENCE:
        raise ApiError(422, "702", "Field 'reference' is too long")
    return body


def amount_of(body: Json) -> tuple[int, str]:
    """An amount in minor units, above nothing."""
    value, currency = body["amount"].get("value"), body["amount"].get("currency")
    if type(value) is not int or value <= 0:
        raise ApiError(422, "137", "Invalid amount specified")
    if not isinstance(currency, str) or len(currency) != 3 or not currency.isupper():
        raise ApiError(422, "138", "Currency not found")
    return value, currency
