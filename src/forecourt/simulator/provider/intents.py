"""PaymentIntents: from a wish to pay to a hold, and from a hold to money or to nothing."""

import secrets

from forecourt.simulator.provider import cards, charges, disputes, limits, methods, transfers
from forecourt.simulator.provider.act import Act, amount_of, currency_of, listing
from forecourt.simulator.provider.cards import Card
from forecourt.simulator.provider.errors import ApiError, Json, card_error, invalid, refused
from forecourt.simulator.provider.form import Params

_CAPTURES = ("automatic", "automatic_async", "manual")
_ASKS = (
    "request_incremental_authorization", "request_overcapture", "request_multicapture",
    "request_extended_authorization",
)  # fmt: skip
_BEFORE_CONFIRMING = ("requires_payment_method", "requires_confirmation")


def make(act: Act, amount: int, currency: str, fields: Json) -> Json:
    """A new intent that nobody has paid yet."""
    intent = act.new(
        "payment_intent", "pi",
        **{
            "allowed_payment_method_types": None, "amount": amount,
            "amount_capturable": 0, "amount_details": {"tip": {}}, "amount_received": 0,
            "application": None, "application_fee_amount": None, "automatic_payment_methods": None,
            "canceled_at": None, "cancellation_reason": None, "capture_method": "automatic_async",
            "confirmation_method": "automatic", "currency": currency, "customer": None, "customer_account": None,
            "description": None, "excluded_payment_method_types": None, "last_payment_error": None,
            "latest_charge": None, "metadata": {}, "next_action": None, "on_behalf_of": None, "payment_method": None,
            "payment_method_configuration_details": None, "payment_method_options": {},
            "payment_method_types": ["card"], "processing": None, "receipt_email": None, "review": None,
            "setup_future_usage": None, "shipping": None, "source": None, "statement_descriptor": None,
            "statement_descriptor_suffix": None, "status": "requires_payment_method", "transfer_data": None,
            "transfer_group": None, "_return_url": None,
        } | fields,
    )  # fmt: skip
    intent["client_secret"] = f"{intent['id']}_secret_{secrets.token_hex(12)}"
    if intent["payment_method"]:
        intent["status"] = "requires_confirmation"
    act.put(intent)
    act.emit("payment_intent.created", intent)
    return intent


def details(act: Act, params: Params) -> Json:
    """What a request says of a payment beside its amount, whether by itself or by a session."""
    fields: Json = {
        "capture_method": params.choice("capture_method", _CAPTURES, "automatic_async"),
        "metadata": params.metadata(),
        "setup_future_usage": params.choice("setup_future_usage", ("off_session", "on_session")),
        "application_fee_amount": params.whole("application_fee_amount"),
    }
    for name in ("description", "on_behalf_of", "receipt_email", "statement_descriptor", "statement_descriptor_suffix"):
        fields[name] = params.text(name)
    fields["transfer_group"] = params.text("transfer_group")
    if params.has("transfer_data"):
        inner = params.inner("transfer_data")
        fields["transfer_data"] = {"destination": inner.need("destination"), "amount": inner.whole("amount")}
        inner.done()
        transfers.destination(act, fields["transfer_data"]["destination"], "transfer_data[destination]")
    params.ignore("shipping")
    return fields


def allowed(params: Params, *kinds: str) -> Json:
    """The ways to pay that a request allows; cards are all that is taken here."""
    given = params.texts("allowed_payment_method_types")
    if unknown := sorted(set(given) - set(kinds)):
        said = f"The sandbox takes cards alone, not {unknown[0][:40]}."
        raise invalid(said, param=params.path("allowed_payment_method_types"))
    return {"allowed_payment_method_types": given or None, "payment_method_types": given or ["card"]}


def options(params: Params) -> Json:
    """`payment_method_options`: of cards alone, as they are all that is taken here."""
    given = params.inner("payment_method_options")
    found: Json = {}
    if given.has("card"):
        card = given.inner("card")
        found["card"] = {"request_three_d_secure": "automatic"}
        for name in _ASKS:
            if (asked := card.choice(name, ("if_available", "never"))) is not None:
                found["card"][name] = asked
        asked = card.choice("request_three_d_secure", ("any", "automatic", "challenge"), "automatic")
        found["card"]["request_three_d_secure"] = asked
        card.ignore("setup_future_usage", "capture_method", "statement_descriptor_suffix_kana")
        card.done()
    if given.has("card_present"):
        card = given.inner("card_present")
        found["card_present"] = {
            "request_extended_authorization": card.flag("request_extended_authorization"),
            "request_incremental_authorization_support": card.flag("request_incremental_authorization_support"),
        }
        card.ignore("capture_method", "routing")
        card.done()
    given.done()
    return found


def create(act: Act, params: Params) -> Json:
    currency = currency_of(params)
    amount = amount_of(params, currency)
    fields = details(act, params)
    fields["payment_method_options"] = options(params)
    fields["customer"] = methods.customer_of(act, params)
    fields |= allowed(params, "card", "card_present")
    automatic = params.inner("automatic_payment_methods")
    if automatic.has("enabled"):
        fields["automatic_payment_methods"] = {
            "enabled": automatic.flag("enabled"), "allow_redirects": automatic.choice(
                "allow_redirects", ("always", "never"), "always"),
        }  # fmt: skip
    automatic.done()
    confirm, off_session = params.flag("confirm"), params.flag("off_session")
    method, return_url = params.text("payment_method"), params.text("return_url")
    strict = params.flag("error_on_requires_action")
    params.ignore("confirmation_method", "use_stripe_sdk", "mandate_data")
    params.done()
    if (off_session or return_url) and not confirm:
        raise invalid("off_session and return_url need confirm=true.", param="confirm", code="parameter_missing")
    found = methods.usable(act, method, fields["customer"]) if method else None
    fields |= {"payment_method": found["id"] if found else None, "_return_url": return_url}
    intent = make(act, amount, currency, fields)
    if confirm:
        return confirm_with(act, intent, found, off_session=bool(off_session), strict=bool(strict))
    return intent


def confirm(act: Act, params: Params, given: str) -> Json:
    intent = act.get("payment_intent", given)
    method, off_session = params.text("payment_method"), params.flag("off_session")
    strict = params.flag("error_on_requires_action")
    intent["_return_url"] = params.text("return_url") or intent["_return_url"]
    params.ignore("use_stripe_sdk", "mandate_data")
    params.done()
    _must_be(intent, _BEFORE_CONFIRMING, "confirmed")
    found = methods.usable(act, method or intent["payment_method"] or "", intent["customer"])
    return confirm_with(act, intent, found, off_session=bool(off_session), strict=bool(strict))


def confirm_with(
    act: Act, intent: Json, method: Json | None, *, off_session: bool = False, strict: bool = False
) -> Json:
    """Asks the bank, by way of 3-D Secure where the card demands it; raises what it refuses."""
    if method is None:
        raise invalid("You cannot confirm this PaymentIntent because it's missing a payment method.",
                      param="payment_method", code="parameter_missing")  # fmt: skip
    card = cards.BY_NAME[method["_card"]]
    intent["payment_method"] = method["id"]
    asked = intent["payment_method_options"].get("card", {}).get("request_three_d_secure", "automatic")
    needed = card.challenge == "always" or (card.challenge == "until_saved" and not method["_saved"])
    if needed and off_session:
        raise fail(act, intent, method, cards.decline("authentication_required"))
    if needed or (asked != "automatic" and not off_session):
        if strict:
            raise fail(act, intent, method, cards.decline("authentication_required"))
        url = f"{act.address}/c/challenge/{intent['id']}"
        intent |= {
            "status": "requires_action",
            "next_action": {
                "type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": intent["_return_url"]}
            },
        }  # fmt: skip
        act.put(intent)
        act.emit("payment_intent.requires_action", intent)
        return intent
    return ask_bank(act, intent, method, card)


def challenged(act: Act, intent: Json, *, passed: bool) -> Json:
    """Goes on after 3-D Secure; raises when it or then the bank refuses."""
    _must_be(intent, ("requires_action",), "authenticated")
    method = act.get("payment_method", intent["payment_method"])
    if not passed:
        said = (
            "We are unable to authenticate your payment method. Please choose a different payment method and try again."
        )
        raise fail(act, intent, method, card_error("payment_intent_authentication_failure", said))
    return ask_bank(act, intent, method, cards.BY_NAME[method["_card"]], challenged=True)


def fail(act: Act, intent: Json, method: Json, error: ApiError, charge: Json | None = None) -> ApiError:
    """The attempt failed; the intent waits for another card. Returns the error with what it is about."""
    if charge is not None:
        error.error["charge"] = charge["id"]
    intent |= {
        "status": "requires_payment_method", "payment_method": None, "next_action": None,
        "latest_charge": charge["id"] if charge else intent["latest_charge"],
        "last_payment_error": error.error | {"payment_method": method},
    }  # fmt: skip
    act.put(intent)
    act.note("decline", charge or intent, intent["amount"], intent["currency"], intent["id"])
    act.emit("payment_intent.payment_failed", intent)
    error.error |= {"payment_intent": intent, "payment_method": method}
    return error


def ask_bank(
    act: Act, intent: Json, method: Json, card: Card, *, challenged: bool = False, reader: str | None = None
) -> Json:
    """A hold, and with automatic capture the money at once."""
    charge = charges.make(act, intent, method, card, challenged=challenged, reader=reader)
    if card.declines:
        act.emit("charge.failed", charge)
        raise fail(act, intent, method, cards.decline(card.declines), charge)
    intent |= {
        "status": "requires_capture", "amount_capturable": intent["amount"], "latest_charge": charge["id"],
        "next_action": None, "last_payment_error": None, "payment_method": method["id"],
    }  # fmt: skip
    act.note("hold", charge, intent["amount"], intent["currency"], intent["id"])
    if intent["setup_future_usage"]:
        methods.save(act, method, intent["customer"])
    if intent["capture_method"] != "manual":
        return take(act, intent, charge, intent["amount"])
    act.books.schedule(charges.held_by(charge)["capture_before"], act.account, "hold", intent["id"])
    act.put(intent)
    act.emit("charge.succeeded", charge)
    act.emit("payment_intent.amount_capturable_updated", intent)
    return intent


def take(act: Act, intent: Json, charge: Json, amount: int) -> Json:
    """Captures, and passes on what was asked to be passed on."""
    charge = charges.take(act, charge, amount)
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    intent["amount"] = max(intent["amount"], amount)
    act.books.unschedule("hold", intent["id"])
    act.put(intent)
    act.note("capture", charge, amount, intent["currency"], intent["id"])
    if intent["capture_method"] != "manual":
        act.emit("charge.succeeded", charge)
    act.emit("payment_intent.succeeded", intent)
    if session := act.books.get(act.account, intent.get("_session") or ""):
        act.put(session | {"payment_status": "paid"})
    if intent["transfer_data"]:
        transfers.pass_on(act, charge, intent)
    if reason := cards.BY_NAME[charge["_card"]].disputes:
        disputes.start(act, charge, reason)
    return intent


def capture(act: Act, params: Params, given: str) -> Json:
    intent = act.get("payment_intent", given)
    currency = intent["currency"]
    amount = amount_of(params, currency, "amount_to_capture", least=False) if params.has("amount_to_capture") else None
    metadata = params.metadata(intent["metadata"])
    fee = params.whole("application_fee_amount")
    if params.flag("final_capture") is False:
        raise refused("Multicapture is not available for this PaymentIntent.", None, param="final_capture")
    params.ignore("statement_descriptor", "statement_descriptor_suffix", "amount_details")
    params.done()
    _must_be(intent, ("requires_capture",), "captured")
    charge = act.get("charge", intent["latest_charge"])
    most = charges.held_by(charge).get("overcapture", {}).get("maximum_amount_capturable", intent["amount"])
    amount = intent["amount_capturable"] if amount is None else amount
    if amount > most:
        raise refused(
            f"The amount to capture ({amount}) is greater than what may be captured ({most}).", "amount_too_large",
            param="amount_to_capture",
        )  # fmt: skip
    intent |= {"metadata": metadata, "application_fee_amount": fee or intent["application_fee_amount"]}
    return take(act, intent, charge, amount)


def increment(act: Act, params: Params, given: str) -> Json:
    intent = act.get("payment_intent", given)
    amount = amount_of(params, intent["currency"])
    metadata, description = params.metadata(intent["metadata"]), params.text("description")
    params.ignore("application_fee_amount", "statement_descriptor", "transfer_data", "amount_details")
    params.done()
    _must_be(intent, ("requires_capture",), "incremented")
    charge = act.get("charge", intent["latest_charge"])
    held = charges.held_by(charge)
    able = held.get("incremental_authorization_supported") or (
        held.get("incremental_authorization", {}).get("status") == "available"
    )
    if not able or charge["_increments"] >= limits.MAX_INCREMENTS:
        raise refused("This PaymentIntent is not eligible for an incremental authorization.",
                      "payment_intent_unexpected_state", payment_intent=intent)  # fmt: skip
    if amount <= intent["amount"]:
        raise refused("The amount must be greater than the amount of the PaymentIntent.",
                      "payment_intent_invalid_parameter", param="amount")  # fmt: skip
    if act.books.setting("increments_declined", False):
        raise cards.decline("insufficient_funds", payment_intent=intent, charge=charge["id"])
    grown = {"amount": amount, "amount_capturable": amount}
    before = {name: intent[name] for name in grown}
    intent |= grown | {"metadata": metadata, "description": description or intent["description"]}
    charge |= {"amount": amount, "_increments": charge["_increments"] + 1}
    held["amount_authorized"] = amount
    if "overcapture" in held:
        held["overcapture"]["maximum_amount_capturable"] = charges.most_capturable(amount, held["_percent"])
    act.put(charge)
    act.put(intent)
    act.note("increment", charge, amount, intent["currency"], intent["id"])
    act.emit("payment_intent.amount_capturable_updated", intent, before)
    return intent


def cancel(act: Act, params: Params, given: str) -> Json:
    intent = act.get("payment_intent", given)
    reasons = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
    reason = params.choice("cancellation_reason", reasons)
    params.done()
    _must_be(intent, (*_BEFORE_CONFIRMING, "requires_action", "requires_capture"), "canceled")
    return end(act, intent, reason, "charge.refunded")


def end(act: Act, intent: Json, reason: str | None, event: str) -> Json:
    """Ends an intent that is not captured; its hold, if it has one, is let go."""
    held = intent["status"] == "requires_capture"
    intent |= {
        "status": "canceled", "canceled_at": act.now, "cancellation_reason": reason, "amount_capturable": 0,
        "next_action": None,
    }  # fmt: skip
    act.books.unschedule("hold", intent["id"])
    act.put(intent)
    if held:
        charge = charges.let_go(act, act.get("charge", intent["latest_charge"]), event)
        what = "expire" if reason == "expired" else "cancel"
        act.note(what, charge, charge["amount"], intent["currency"], intent["id"])
    act.emit("payment_intent.canceled", intent)
    return intent


def expire(act: Act, given: str) -> None:
    """The time of a hold is over."""
    intent = act.books.get(act.account, given, "payment_intent")
    if intent is not None and intent["status"] == "requires_capture":
        end(act, intent, "expired", "charge.expired")


def update(act: Act, params: Params, given: str) -> Json:
    intent = act.get("payment_intent", given)
    intent["metadata"] = params.metadata(intent["metadata"])
    if params.has("amount"):
        amount = amount_of(params, intent["currency"])
        _must_be(intent, _BEFORE_CONFIRMING, "updated")
        intent["amount"] = amount
    for name in ("description", "receipt_email", "transfer_group"):
        if params.has(name):
            intent[name] = params.text(name)
    params.done()
    return act.put(intent)


def retrieve(act: Act, params: Params, given: str) -> Json:
    params.ignore("client_secret")
    params.done()
    return act.get("payment_intent", given)


def intents(act: Act, params: Params) -> Json:
    return listing(act, params, "payment_intent", "/v1/payment_intents", ("customer",))


def _must_be(intent: Json, among: tuple[str, ...], done: str) -> None:
    if intent["status"] not in among:
        raise refused(
            f"This PaymentIntent could not be {done} because it has a status of {intent['status']}. Only a"
            f" PaymentIntent with one of the following statuses may be {done}: {', '.join(among)}.",
            "payment_intent_unexpected_state", payment_intent=intent,
        )  # fmt: skip
