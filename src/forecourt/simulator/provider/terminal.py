"""Terminals driven by the server: locations, readers, and cards held to them."""

import re

from forecourt.simulator.provider import cards, intents, limits, methods
from forecourt.simulator.provider.act import Act, listing, new_id
from forecourt.simulator.provider.cards import Card
from forecourt.simulator.provider.errors import ApiError, Json, refused
from forecourt.simulator.provider.form import Params


def connection_token(act: Act, params: Params) -> Json:
    location = params.text("location")
    params.done()
    if location is not None:
        act.get("terminal.location", location, "location")
    told: Json = {"object": "terminal.connection_token", "secret": new_id("pst_test")}
    return told | ({"location": location} if location else {})


def create_location(act: Act, params: Params) -> Json:
    name, address, metadata = params.need("display_name"), params.plain("address"), params.metadata()
    params.ignore("configuration_overrides", "phone")
    params.done()
    return act.new("terminal.location", "tml", display_name=name, address=address, metadata=metadata)


def retrieve_location(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("terminal.location", given)


def locations(act: Act, params: Params) -> Json:
    return listing(act, params, "terminal.location", "/v1/terminal/locations")


def create_reader(act: Act, params: Params) -> Json:
    code, label, location = params.need("registration_code"), params.text("label"), params.text("location")
    metadata = params.metadata()
    params.done()
    if location is not None:
        act.get("terminal.location", location, "location")
    if not re.fullmatch(r"simulated-[a-z0-9-]{1,40}", code):
        raise refused("The sandbox has simulated readers alone: register one by simulated-s700.", None,
                      param="registration_code")  # fmt: skip
    return act.new(
        "terminal.reader", "tmr", action=None, device_sw_version="0", device_type="simulated_stripe_s700",
        ip_address="127.0.0.1", label=label or code, last_seen_at=act.now * 1000, location=location,
        metadata=metadata, serial_number=new_id("sn")[3:15], status="online", _card="visa", _presents_after_s=None,
    )  # fmt: skip


def retrieve_reader(act: Act, params: Params, given: str) -> Json:
    params.done()
    return act.get("terminal.reader", given)


def readers(act: Act, params: Params) -> Json:
    return listing(act, params, "terminal.reader", "/v1/terminal/readers", ("location", "status", "serial_number"))


def process(act: Act, params: Params, given: str) -> Json:
    """The reader asks for a card; whoever holds one to it decides what comes of it."""
    reader = act.get("terminal.reader", given)
    intent = act.get("payment_intent", params.need("payment_intent"), "payment_intent")
    params.ignore("process_config")
    params.done()
    _ready(reader)
    if "card_present" not in intent["payment_method_types"] or intent["status"] != "requires_payment_method":
        raise refused("The PaymentIntent must take card_present and wait for a payment method.",
                      "intent_invalid_state", payment_intent=intent)  # fmt: skip
    reader["action"] = {
        "type": "process_payment_intent", "status": "in_progress", "failure_code": None, "failure_message": None,
        "process_payment_intent": {"payment_intent": intent["id"], "process_config": {}},
    }  # fmt: skip
    waits = reader["_presents_after_s"]
    what = "timeout" if waits is None else "present"
    act.books.unschedule("present", given)
    act.books.schedule(act.now + (limits.READER_S if waits is None else waits), act.account, what, given)
    return act.put(reader)


def _ready(reader: Json) -> None:
    if reader["status"] != "online":
        raise refused("Reader is currently offline, please ensure the reader is powered on and connected.",
                      "terminal_reader_offline")  # fmt: skip
    if reader["action"] and reader["action"]["status"] == "in_progress":
        raise ApiError(409, "invalid_request_error", "Reader is currently busy processing another request.",
                       code="terminal_reader_busy")  # fmt: skip


def cancel(act: Act, params: Params, given: str) -> Json:
    params.done()
    reader = act.get("terminal.reader", given)
    reader["action"] = None
    for what in ("timeout", "present"):
        act.books.unschedule(what, given)
    return act.put(reader)


def present(act: Act, params: Params, given: str) -> Json:
    """`test_helpers`: holds the reader's own card to it; which one that is, is said by the control door."""
    params.choice("type", ("card_present",))
    params.ignore("amount_tip")
    params.done()
    reader = act.get("terminal.reader", given)
    return hold_to(act, reader, cards.BY_NAME[reader["_card"]])


def hold_to(act: Act, reader: Json, card: Card) -> Json:
    action = reader["action"]
    if not action or action["status"] != "in_progress":
        raise refused("The reader isn't collecting a payment.", None)
    for what in ("timeout", "present"):
        act.books.unschedule(what, reader["id"])
    intent = act.get("payment_intent", action["process_payment_intent"]["payment_intent"])
    try:
        if intent["status"] != "requires_payment_method":
            raise refused("The PaymentIntent no longer waits for a payment method.", "intent_invalid_state")
        intents.ask_bank(act, intent, methods.make(act, card, present=True), card, reader=reader["id"])
    except ApiError as error:
        return _failed(act, reader, str(error.error.get("code")), error.error["message"], _told(error))
    action["status"] = "succeeded"
    act.emit("terminal.reader.action_succeeded", act.put(reader))
    return reader


def _told(error: ApiError) -> Json:
    """What is told of an error with a reader's action; null where the reader itself is why."""
    names = ("code", "decline_code", "doc_url", "message", "param", "request_log_url", "type")
    return {name: error.error.get(name) for name in names}


def press_cancel(act: Act, reader: Json) -> Json:
    """Who stands at the reader doesn't want to pay after all."""
    if not reader["action"] or reader["action"]["status"] != "in_progress":
        raise refused("The reader isn't collecting a payment.", None)
    for what in ("timeout", "present"):
        act.books.unschedule(what, reader["id"])
    return _failed(act, reader, "customer_canceled", "The customer canceled the transaction.")


def _failed(act: Act, reader: Json, code: str, message: str, error: Json | None = None) -> Json:
    reader["action"] |= {
        "status": "failed", "failure_code": code, "failure_message": message, "api_error": error,
    }  # fmt: skip
    act.emit("terminal.reader.action_failed", act.put(reader))
    return reader


def come_due(act: Act, given: str) -> None:
    """Nobody came with a card."""
    reader = act.books.get(act.account, given, "terminal.reader")
    if reader and reader["action"] and reader["action"]["status"] == "in_progress":
        _failed(act, reader, "customer_canceled", "No card was presented in time.")


def present_itself(act: Act, given: str) -> None:
    reader = act.books.get(act.account, given, "terminal.reader")
    if reader and reader["action"] and reader["action"]["status"] == "in_progress":
        hold_to(act, reader, cards.BY_NAME[reader["_card"]])
