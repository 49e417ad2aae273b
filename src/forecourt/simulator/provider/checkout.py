"""Checkout Sessions: a page of the provider on which a driver pays, or saves a card."""

import re
from typing import Any

from forecourt.simulator.provider import charges, intents, limits, methods
from forecourt.simulator.provider.act import Act, currency_of, listing
from forecourt.simulator.provider.errors import Json, invalid, refused
from forecourt.simulator.provider.form import Params

_IGNORED = (
    "adaptive_pricing", "allow_promotion_codes", "automatic_tax", "billing_address_collection", "branding_settings",
    "consent_collection", "custom_text", "customer_update", "locale", "name_collection", "origin_context",
    "payment_method_collection", "phone_number_collection", "saved_payment_method_options", "submit_type",
    "tax_id_collection", "wallet_options", "redirect_on_completion", "excluded_payment_method_types",
)  # fmt: skip


def create(act: Act, params: Params) -> Json:
    mode = params.choice("mode", ("payment", "setup"), "payment")
    params.choice("ui_mode", ("hosted_page",), "hosted_page")
    fields: Json = {
        "mode": mode, "success_url": _url(params, "success_url", needed=True), "cancel_url": _url(params, "cancel_url"),
        "client_reference_id": params.text("client_reference_id"), "metadata": params.metadata(),
        "customer": methods.customer_of(act, params), "customer_email": params.text("customer_email"),
        "customer_creation": params.choice("customer_creation", ("always", "if_required"), "if_required"),
        "expires_at": _expiry(act, params), "locale": None,
    }  # fmt: skip
    fields |= intents.allowed(params, "card")
    fields["payment_method_options"] = intents.options(params)
    if mode == "payment":
        fields |= _basket(params)
        data = params.inner("payment_intent_data")
        fields["_intent"] = intents.details(act, data)
        data.done()
    else:
        needed = fields["allowed_payment_method_types"] is None
        currency = currency_of(params) if needed or params.has("currency") else None
        fields |= {"currency": currency, "amount_total": None}
        data = params.inner("setup_intent_data")
        fields["_setup"] = {"metadata": data.metadata(), "description": data.text("description")}
        data.done()
    params.ignore(*_IGNORED)
    params.done()
    return _make(act, fields)


def _make(act: Act, fields: Json) -> Json:
    session = act.new(
        "checkout.session", "cs_test",
        **{
            "adaptive_pricing": None, "after_expiration": None, "allow_promotion_codes": None,
            "amount_subtotal": fields["amount_total"], "automatic_tax": {"enabled": False, "liability": None,
                                                                         "provider": None, "status": None},
            "billing_address_collection": None, "client_secret": None, "collected_information": None,
            "consent": None, "consent_collection": None, "currency_conversion": None, "custom_fields": [],
            "custom_text": {}, "customer_details": None, "discounts": [], "invoice": None, "invoice_creation": None,
            "payment_intent": None, "payment_link": None, "payment_method_collection": "if_required",
            "payment_method_configuration_details": None,
            "payment_status": "unpaid" if fields["mode"] == "payment" else "no_payment_required", "permissions": None,
            "phone_number_collection": {"enabled": False}, "recovered_from": None,
            "saved_payment_method_options": None, "setup_intent": None, "shipping_address_collection": None,
            "shipping_cost": None, "shipping_options": [], "status": "open", "submit_type": None,
            "subscription": None, "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page", "_line_items": [],
        } | fields,
    )  # fmt: skip
    session["url"] = f"{act.address}/c/pay/{session['id']}"
    act.books.schedule(session["expires_at"], act.account, "session", session["id"])
    return act.put(session)


def _url(params: Params, name: str, *, needed: bool = False) -> str | None:
    url = params.text(name, needed=needed)
    if url is not None and not re.match(r"https?://[^\s/]", url):
        raise invalid("Not a valid URL", param=name, code="url_invalid")
    return url


def _expiry(act: Act, params: Params) -> int:
    at = params.whole("expires_at", most=10**11)
    if at is None:
        return act.now + limits.SESSION_S
    # The caller's clock may be a little off.
    if not act.now + limits.MIN_SESSION_S - limits.MINUTE_S <= at <= act.now + limits.SESSION_S + limits.MINUTE_S:
        raise invalid("The expires_at timestamp must be between 30 minutes and 24 hours from now.", param="expires_at")
    return at


def _basket(params: Params) -> Json:
    """What is paid for; every line in one currency."""
    lines: list[Json] = []
    for item in params.items("line_items", limits.MAX_LINE_ITEMS):
        quantity = item.whole("quantity", least=1, most=999_999) or 1
        price = item.inner("price_data")
        currency = currency_of(price)
        amount = price.whole("unit_amount", needed=True)
        product = price.inner("product_data")
        name, description = product.need("name"), product.text("description")
        product.ignore("images", "metadata", "tax_code")
        price.choice("tax_behavior", ("exclusive", "inclusive", "unspecified"))
        for part in (product, price, item):
            part.done()
        lines.append({"name": name, "description": description, "quantity": quantity, "unit_amount": amount,
                      "currency": currency})  # fmt: skip
    if not lines:
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    currency = lines[0]["currency"]
    if any(line["currency"] != currency for line in lines):
        raise invalid("All line items must have the same currency.", param="line_items")
    total = sum(line["unit_amount"] * line["quantity"] for line in lines)
    if not limits.MIN_AMOUNTS.get(currency, 1) <= total <= limits.MAX_AMOUNT:
        code = "amount_too_large" if total > limits.MAX_AMOUNT else "amount_too_small"
        raise invalid(f"The total amount {total} {currency} is out of bounds.", param="line_items", code=code)
    if currency in limits.THREE_DECIMAL and total % 10:
        raise invalid(f"Amounts in {currency} end in 0.", param="line_items", code="parameter_invalid_integer")
    return {"currency": currency, "amount_total": total, "_line_items": lines}


def line_items(act: Act, params: Params, given: str) -> Json:
    session = act.get("checkout.session", given)
    params.ignore("limit")
    params.done()
    data: list[Json] = [
        {
            "id": f"li_{given[8:]}_{number}", "object": "item", "amount_discount": 0, "amount_tax": 0,
            "amount_subtotal": line["unit_amount"] * line["quantity"], "currency": line["currency"],
            "amount_total": line["unit_amount"] * line["quantity"], "description": line["name"], "metadata": {},
            "quantity": line["quantity"], "price": None,
        }
        for number, line in enumerate(session["_line_items"])
    ]  # fmt: skip
    return {"object": "list", "data": data, "has_more": False, "url": f"/v1/checkout/sessions/{given}/line_items"}


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("checkout.session", given)


def sessions(act: Act, params: Params) -> Json:
    filters: tuple[Any, ...] = ("payment_intent", "customer", "status")
    return listing(act, params, "checkout.session", "/v1/checkout/sessions", filters)


def expire(act: Act, params: Params, given: str) -> Json:
    params.done()
    session = act.get("checkout.session", given)
    if session["status"] != "open":
        raise refused(f"Only Checkout Sessions with a status in [\"open\"] can be expired. This one is"
                      f" {session['status']}.", None)  # fmt: skip
    return _close(act, session)


def _close(act: Act, session: Json) -> Json:
    session |= {"status": "expired", "url": None}
    act.books.unschedule("session", session["id"])
    intent = act.books.get(act.account, session.get("_tried") or "")
    if intent and intent["object"] == "payment_intent" and intent["status"] not in ("canceled", "succeeded"):
        intents.end(act, intent, "abandoned", "charge.refunded")
    act.emit("checkout.session.expired", act.put(session))
    return session


def come_due(act: Act, given: str) -> None:
    session = act.books.get(act.account, given, "checkout.session")
    if session is not None and session["status"] == "open":
        _close(act, session)


# What the page does.


def pay(act: Act, session: Json, method: Json) -> Json:
    """A card is given on the page: asks the bank; raises what it refuses. Returns the intent as it then is."""
    if session["status"] != "open":
        raise refused(f"This session is {session['status']}.", None)
    customer = session["customer"]
    saves = session["mode"] == "setup" or session["_intent"]["setup_future_usage"]
    if customer is None and (saves or session["customer_creation"] == "always"):
        customer = methods.make_customer(act, {"email": session["customer_email"]})["id"]
        session["customer"] = customer
    intent = act.books.get(act.account, session.get("_tried") or "")
    if session["mode"] == "setup":
        if intent is None:
            intent = methods.make_setup(act, session["_setup"] | {"customer": customer})
        act.put(session | {"_tried": intent["id"]})
        intent = methods.set_up(act, intent, method)
    else:
        if intent is None:
            fields = session["_intent"] | {
                "customer": customer, "payment_method_options": session["payment_method_options"],
                "_session": session["id"],
            }  # fmt: skip
            intent = intents.make(act, session["amount_total"], session["currency"], fields)
        act.put(session | {"_tried": intent["id"]})
        act.put(intent | {"customer": customer})
        intent = intents.confirm_with(act, intent | {"customer": customer}, method)
    return finish(act, session["id"], intent)


def challenge(act: Act, session: Json, *, passed: bool) -> Json:
    """3-D Secure is over."""
    intent = act.books.get(act.account, session.get("_tried") or "")
    if intent is None or session["status"] != "open":
        raise refused("There is nothing to authenticate.", None)
    go_on = methods.challenged_setup if intent["object"] == "setup_intent" else intents.challenged
    return finish(act, session["id"], go_on(act, intent, passed=passed))


def finish(act: Act, given: str, intent: Json) -> Json:
    """Completes the session once its intent has all it needs."""
    if intent["status"] not in ("requires_capture", "succeeded"):
        return intent
    session = act.get("checkout.session", given)
    email = session["customer_email"]
    session |= {
        "status": "complete", "url": None,
        "customer_details": {"address": charges.nobody()["address"], "business_name": None, "email": email,
                             "individual_name": None, "name": None, "phone": None, "tax_exempt": "none", "tax_ids": []},
        "payment_status": session["payment_status"] if intent["status"] == "requires_capture"
        or session["mode"] == "setup" else "paid",
        "setup_intent" if session["mode"] == "setup" else "payment_intent": intent["id"],
    }  # fmt: skip
    act.books.unschedule("session", given)
    act.emit("checkout.session.completed", act.put(session))
    return intent
