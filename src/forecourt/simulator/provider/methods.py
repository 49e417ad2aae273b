"""Customers, their saved cards, and the SetupIntents by which a card is saved without paying."""

import secrets

from forecourt.simulator.provider import cards, charges, limits
from forecourt.simulator.provider.act import Act, listing
from forecourt.simulator.provider.cards import Card
from forecourt.simulator.provider.errors import ApiError, Json, card_error, invalid, refused
from forecourt.simulator.provider.form import Params


def make(act: Act, card: Card, *, present: bool = False) -> Json:
    """A payment method of a card, nobody's yet."""
    kind = "card_present" if present else "card"
    shape = cards.shape(card, act.now)
    return act.new(
        "payment_method", "pm", allow_redisplay="unspecified", billing_details=charges.nobody(), customer=None,
        metadata={}, type=kind, _card=card.name, _saved=False, **{kind: shape},
    )  # fmt: skip


def usable(act: Act, given: str, customer: str | None) -> Json:
    """The payment method to pay with: one of this customer, one of nobody, or a ready-made one."""
    if card := cards.BY_READY.get(given):
        return make(act, card)
    method = act.get("payment_method", given, "payment_method")
    if method["customer"] is not None and method["customer"] != customer:
        raise invalid(
            f"The provided PaymentMethod belongs to the Customer {method['customer']}. Pass it as the customer.",
            param="payment_method", code="payment_method_unexpected_state",
        )  # fmt: skip
    return method


def save(act: Act, method: Json, customer: str | None) -> Json:
    """Makes a method usable later without its owner."""
    method["_saved"] = True
    if customer is not None and method["customer"] is None:
        method["customer"] = customer
        act.emit("payment_method.attached", method)
    return act.put(method)


def customer_of(act: Act, params: Params) -> str | None:
    given = params.text("customer")
    return act.get("customer", given, "customer")["id"] if given else None


# Customers.


def make_customer(act: Act, fields: Json) -> Json:
    customer = act.new(
        "customer", "cus",
        **{
            "address": None, "balance": 0, "currency": None, "default_source": None, "delinquent": False,
            "description": None, "discount": None, "email": None, "metadata": {}, "name": None, "phone": None,
            "invoice_settings": {
                "custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None
            },
            "preferred_locales": [], "shipping": None, "tax_exempt": "none", "test_clock": None,
        } | fields,
    )  # fmt: skip
    act.emit("customer.created", customer)
    return customer


def _person(params: Params, before: Json | None = None) -> Json:
    fields: Json = {"metadata": params.metadata((before or {}).get("metadata"))}
    for name in ("description", "email", "name", "phone"):
        if params.has(name):
            fields[name] = params.text(name)
    if params.has("address"):
        fields["address"] = params.plain("address")
    if params.has("preferred_locales"):
        fields["preferred_locales"] = params.texts("preferred_locales")
    params.ignore("shipping", "tax_exempt")
    return fields


def create_customer(act: Act, params: Params) -> Json:
    fields = _person(params)
    given = params.text("payment_method")
    params.done()
    method = usable(act, given, None) if given else None
    customer = make_customer(act, fields)
    if method is not None:
        save(act, method, customer["id"])
    return customer


def retrieve_customer(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("customer", given)


def update_customer(act: Act, params: Params, given: str) -> Json:
    customer = act.get("customer", given)
    customer |= _person(params, customer)
    settings = params.inner("invoice_settings")
    if settings.has("default_payment_method"):
        method = settings.text("default_payment_method")
        customer["invoice_settings"]["default_payment_method"] = method and usable(act, method, given)["id"]
    settings.done()
    params.done()
    act.put(customer)
    act.emit("customer.updated", customer)
    return customer


def delete_customer(act: Act, params: Params, given: str) -> Json:
    params.done()
    customer = act.get("customer", given)
    for method in act.books.newest(act.account, "payment_method", equal={"customer": given}):
        act.put(method | {"customer": None})
    act.books.remove(act.account, given)
    act.emit("customer.deleted", customer)
    return {"id": given, "object": "customer", "deleted": True}


def customers(act: Act, params: Params) -> Json:
    return listing(act, params, "customer", "/v1/customers", ("email",))


def of_customer(act: Act, params: Params, given: str) -> Json:
    act.get("customer", given)
    params.ignore("allow_redisplay")
    url = f"/v1/customers/{given}/payment_methods"
    return listing(act, params, "payment_method", url, ("type",), customer=given)


def one_of_customer(act: Act, params: Params, customer: str, given: str) -> Json:
    params.done()
    method = act.get("payment_method", given)
    if method["customer"] != customer:
        raise ApiError(404, "invalid_request_error", f"No such PaymentMethod: '{given}'", code="resource_missing")
    return method


# Payment methods.


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("payment_method", given)


def methods(act: Act, params: Params) -> Json:
    return listing(act, params, "payment_method", "/v1/payment_methods", ("customer", "type"))


def attach(act: Act, params: Params, given: str) -> Json:
    customer = customer_of(act, params)
    params.done()
    if customer is None:
        raise invalid("Missing required param: customer.", param="customer", code="parameter_missing")
    method = usable(act, given, customer)
    card = cards.BY_NAME[method["_card"]]
    if card.declines and card.declines_setup:
        raise cards.decline(card.declines)
    if act.books.count_where(act.account, "payment_method", "customer", customer) >= limits.MAX_METHODS:
        raise refused("The customer has too many payment methods.", "customer_max_payment_methods", param="customer")
    method["customer"] = customer
    act.put(method)
    act.emit("payment_method.attached", method)
    return method


def detach(act: Act, params: Params, given: str) -> Json:
    params.done()
    method = act.get("payment_method", given)
    if method["customer"] is None:
        raise refused("The payment method is not attached to a customer.", "payment_method_unexpected_state")
    before = {"customer": method["customer"]}
    method |= {"customer": None, "_saved": False}
    act.put(method)
    act.emit("payment_method.detached", method, before)
    return method


# SetupIntents.


def make_setup(act: Act, fields: Json) -> Json:
    setup = act.new(
        "setup_intent", "seti",
        **{
            "application": None, "automatic_payment_methods": None, "cancellation_reason": None, "customer": None,
            "description": None, "flow_directions": None, "last_setup_error": None, "latest_attempt": None,
            "mandate": None, "metadata": {}, "next_action": None, "on_behalf_of": None, "payment_method": None,
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"], "single_use_mandate": None, "status": "requires_payment_method",
            "usage": "off_session", "_return_url": None,
        } | fields,
    )  # fmt: skip
    setup["client_secret"] = f"{setup['id']}_secret_{secrets.token_hex(12)}"
    act.put(setup)
    act.emit("setup_intent.created", setup)
    return setup


def create_setup(act: Act, params: Params) -> Json:
    fields: Json = {"customer": customer_of(act, params), "metadata": params.metadata()}
    fields["usage"] = params.choice("usage", ("off_session", "on_session"), "off_session")
    fields |= {"description": params.text("description"), "_return_url": params.text("return_url")}
    given, confirm = params.text("payment_method"), params.flag("confirm")
    params.texts("allowed_payment_method_types")
    params.ignore("automatic_payment_methods", "payment_method_options")
    params.done()
    method = usable(act, given, fields["customer"]) if given else None
    setup = make_setup(act, fields)
    if method is not None:
        setup |= {"payment_method": method["id"], "status": "requires_confirmation"}
        act.put(setup)
    return set_up(act, setup, method) if confirm else setup


def confirm_setup(act: Act, params: Params, given: str) -> Json:
    setup = act.get("setup_intent", given)
    method = usable(act, params.text("payment_method") or setup["payment_method"] or "", setup["customer"])
    setup["_return_url"] = params.text("return_url") or setup["_return_url"]
    params.done()
    _must_be(setup, ("requires_payment_method", "requires_confirmation"), "confirmed")
    return set_up(act, setup, method)


def set_up(act: Act, setup: Json, method: Json | None, *, challenged: bool = False) -> Json:
    """Saves the card of a method, by way of 3-D Secure where the card demands it."""
    if method is None:
        raise invalid("A payment method is missing.", param="payment_method", code="parameter_missing")
    card = cards.BY_NAME[method["_card"]]
    setup |= {"payment_method": method["id"], "next_action": None}
    if card.challenge != "never" and not challenged:
        url = f"{act.address}/c/challenge/{setup['id']}"
        redirect = {"url": url, "return_url": setup["_return_url"]}
        setup |= {
            "status": "requires_action", "next_action": {"type": "redirect_to_url", "redirect_to_url": redirect}
        }  # fmt: skip
        act.emit("setup_intent.requires_action", act.put(setup))
        return setup
    if card.declines and card.declines_setup:
        raise fail_setup(act, setup, method, cards.decline(card.declines))
    setup |= {"status": "succeeded", "last_setup_error": None}
    save(act, method, setup["customer"])
    act.put(setup)
    act.emit("setup_intent.succeeded", setup)
    return setup


def challenged_setup(act: Act, setup: Json, *, passed: bool) -> Json:
    """Goes on after 3-D Secure."""
    _must_be(setup, ("requires_action",), "authenticated")
    method = act.get("payment_method", setup["payment_method"])
    if passed:
        return set_up(act, setup, method, challenged=True)
    raise fail_setup(act, setup, method, card_error("setup_intent_authentication_failure", cards.UNAUTHENTICATED))


def fail_setup(act: Act, setup: Json, method: Json, error: ApiError) -> ApiError:
    setup |= {
        "status": "requires_payment_method", "payment_method": None, "next_action": None,
        "last_setup_error": error.error | {"payment_method": method},
    }  # fmt: skip
    act.emit("setup_intent.setup_failed", act.put(setup))
    error.error |= {"setup_intent": setup, "payment_method": method}
    return error


def retrieve_setup(act: Act, params: Params, given: str) -> Json:
    params.ignore("client_secret")
    params.done()
    return act.get("setup_intent", given)


def cancel_setup(act: Act, params: Params, given: str) -> Json:
    setup = act.get("setup_intent", given)
    reason = params.choice("cancellation_reason", ("abandoned", "duplicate", "requested_by_customer"))
    params.done()
    _must_be(setup, ("requires_payment_method", "requires_confirmation", "requires_action"), "canceled")
    setup |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    act.emit("setup_intent.canceled", act.put(setup))
    return setup


def _must_be(setup: Json, among: tuple[str, ...], done: str) -> None:
    if setup["status"] not in among:
        raise refused(
            f"This SetupIntent could not be {done} because it has a status of {setup['status']}.",
            "setup_intent_unexpected_state", setup_intent=setup,
        )  # fmt: skip
