"""The table of contents of the API: method, path and who answers."""

import re
from collections.abc import Callable

from forecourt.simulator.provider import (
    accounts,
    charges,
    checkout,
    disputes,
    hooks,
    intents,
    methods,
    money,
    payouts,
    refunds,
    terminal,
    transfers,
)  # fmt: skip
from forecourt.simulator.provider.act import Act
from forecourt.simulator.provider.errors import ApiError, Json

Handler = Callable[..., Json]

_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "account", accounts.current),
    ("GET", "accounts", accounts.accounts),
    ("POST", "accounts", accounts.create),
    ("GET", "accounts/*", accounts.retrieve),
    ("POST", "accounts/*", accounts.update),
    ("DELETE", "accounts/*", accounts.delete),
    ("GET", "accounts/*/capabilities", accounts.capabilities),
    ("GET", "accounts/*/capabilities/*", accounts.capability),
    ("POST", "accounts/*/capabilities/*", accounts.capability),
    ("GET", "accounts/*/external_accounts", accounts.externals),
    ("POST", "accounts/*/external_accounts", accounts.add_external),
    ("GET", "accounts/*/external_accounts/*", accounts.external),
    ("DELETE", "accounts/*/external_accounts/*", accounts.remove_external),
    ("POST", "account_links", accounts.link),
    ("GET", "balance", money.balance),
    ("GET", "balance_transactions", money.transactions),
    ("GET", "balance_transactions/*", money.retrieve),
    ("GET", "charges", charges.charges),
    ("GET", "charges/*", charges.retrieve),
    ("GET", "checkout/sessions", checkout.sessions),
    ("POST", "checkout/sessions", checkout.create),
    ("GET", "checkout/sessions/*", checkout.retrieve),
    ("POST", "checkout/sessions/*/expire", checkout.expire),
    ("GET", "checkout/sessions/*/line_items", checkout.line_items),
    ("GET", "customers", methods.customers),
    ("POST", "customers", methods.create_customer),
    ("GET", "customers/*", methods.retrieve_customer),
    ("POST", "customers/*", methods.update_customer),
    ("DELETE", "customers/*", methods.delete_customer),
    ("GET", "customers/*/payment_methods", methods.of_customer),
    ("GET", "customers/*/payment_methods/*", methods.one_of_customer),
    ("GET", "disputes", disputes.disputes),
    ("GET", "disputes/*", disputes.retrieve),
    ("POST", "disputes/*", disputes.update),
    ("POST", "disputes/*/close", disputes.close),
    ("GET", "events", hooks.events),
    ("GET", "events/*", hooks.retrieve_event),
    ("GET", "payment_intents", intents.intents),
    ("POST", "payment_intents", intents.create),
    ("GET", "payment_intents/*", intents.retrieve),
    ("POST", "payment_intents/*", intents.update),
    ("POST", "payment_intents/*/cancel", intents.cancel),
    ("POST", "payment_intents/*/capture", intents.capture),
    ("POST", "payment_intents/*/confirm", intents.confirm),
    ("POST", "payment_intents/*/increment_authorization", intents.increment),
    ("GET", "payment_methods", methods.methods),
    ("GET", "payment_methods/*", methods.retrieve),
    ("POST", "payment_methods/*/attach", methods.attach),
    ("POST", "payment_methods/*/detach", methods.detach),
    ("GET", "payouts", payouts.payouts),
    ("POST", "payouts", payouts.create),
    ("GET", "payouts/*", payouts.retrieve),
    ("POST", "payouts/*/cancel", payouts.cancel),
    ("GET", "refunds", refunds.refunds),
    ("POST", "refunds", refunds.create),
    ("GET", "refunds/*", refunds.retrieve),
    ("POST", "refunds/*", refunds.update),
    ("POST", "setup_intents", methods.create_setup),
    ("GET", "setup_intents/*", methods.retrieve_setup),
    ("POST", "setup_intents/*/confirm", methods.confirm_setup),
    ("POST", "setup_intents/*/cancel", methods.cancel_setup),
    ("POST", "terminal/connection_tokens", terminal.connection_token),
    ("GET", "terminal/locations", terminal.locations),
    ("POST", "terminal/locations", terminal.create_location),
    ("GET", "terminal/locations/*", terminal.retrieve_location),
    ("GET", "terminal/readers", terminal.readers),
    ("POST", "terminal/readers", terminal.create_reader),
    ("GET", "terminal/readers/*", terminal.retrieve_reader),
    ("POST", "terminal/readers/*/process_payment_intent", terminal.process),
    ("POST", "terminal/readers/*/cancel_action", terminal.cancel),
    ("POST", "test_helpers/terminal/readers/*/present_payment_method", terminal.present),
    ("GET", "transfers", transfers.transfers),
    ("POST", "transfers", transfers.create),
    ("GET", "transfers/*", transfers.retrieve),
    ("GET", "transfers/*/reversals", transfers.reversals),
    ("POST", "transfers/*/reversals", transfers.reverse),
    ("GET", "webhook_endpoints", hooks.endpoints),
    ("POST", "webhook_endpoints", hooks.create),
    ("GET", "webhook_endpoints/*", hooks.retrieve),
    ("POST", "webhook_endpoints/*", hooks.update),
    ("DELETE", "webhook_endpoints/*", hooks.delete),
)
_COMPILED = tuple(
    (method, re.compile("/v1/" + path.replace("*", r"([A-Za-z0-9_.-]{1,255})")), handler)
    for method, path, handler in _ROUTES
)

#: What comes by time, by its name in the books.
COMING: dict[str, Callable[[Act, str], None]] = {
    "daily_payout": payouts.daily,
    "dispute": disputes.come_due,
    "hold": intents.expire,
    "payout": payouts.arrive,
    "present": terminal.present_itself,
    "refund": refunds.settle,
    "session": checkout.come_due,
    "timeout": terminal.come_due,
}


def find(method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    """Who answers, and the ids in the path."""
    for offered, pattern, handler in _COMPILED:
        if offered == method and (found := pattern.fullmatch(path)):
            return handler, found.groups()
    raise ApiError(
        404, "invalid_request_error", f"Unrecognized request URL ({method}: {path[:200]}). The sandbox speaks only what"
        " its reference names.",
    )  # fmt: skip
