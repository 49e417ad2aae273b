"""The provider's own pages: pay, pass 3-D Secure, onboard a host. Plain forms, no script, nothing from elsewhere."""

import base64
import hashlib
from html import escape
from urllib.parse import urlsplit

from forecourt.simulator.provider import limits
from forecourt.simulator.provider.cards import Card
from forecourt.simulator.provider.errors import Json

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 30rem; padding: 1rem; }
.honest { border: 2px dashed; border-radius: .5rem; padding: .5rem .75rem; }
.amount { font-size: 2rem; font-weight: 700; margin: .5rem 0; }
.error { border-left: 4px solid #b00020; padding-left: .75rem; }
fieldset { border: 1px solid; border-radius: .5rem; margin: 1rem 0; padding: .75rem; }
label { display: block; margin: .35rem 0; }
input:not([type=radio]) { box-sizing: border-box; font: inherit; min-height: 2.75rem; padding: .25rem; width: 100%; }
button { cursor: pointer; font: inherit; min-height: 2.75rem; margin: .25rem 0; padding: 0 1rem; width: 100%; }
table { border-collapse: collapse; width: 100%; } td { padding: .2rem 0; } td + td { text-align: right; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

SELF = "'self'"

#: Cards to choose on the page without typing, in this order.
OFFERED = (
    ("visa", "Visa that pays"),
    ("mastercard", "Mastercard that pays"),
    ("challenge", "Visa that asks for 3-D Secure"),
    ("declined", "Declined by the bank"),
    ("insufficient_funds", "Insufficient funds"),
    ("expired", "Expired card"),
    ("disputed", "Pays, is disputed after the capture"),
)


def policy(*back: str | None) -> str:
    """The page's content security policy; forms may lead back to where the caller's pages are."""
    origins = sorted({f"{parts.scheme}://{parts.netloc}" for url in back if url for parts in [urlsplit(url)]})
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none';"
        f" form-action {' '.join((SELF, *origins))}"
    )


def page(title: str, body: str) -> str:
    """A whole page, with the sentence that none of them goes without."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        '<p class="honest"><strong>Sandbox provider, no real money.</strong> Nothing typed here reaches a bank. '
        f"Never type a real card.</p><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def shown_amount(amount: int, currency: str) -> str:
    """`12.34 EUR`, with as many decimals as the currency has."""
    places = 0 if currency in limits.ZERO_DECIMAL else 3 if currency in limits.THREE_DECIMAL else 2
    whole, part = divmod(amount, 10**places)
    return f"{whole}{f'.{part:0{places}d}' if places else ''} {currency.upper()}"


def _error(said: str | None) -> str:
    return f'<p class="error" role="alert">{escape(said)}</p>' if said else ""


def _row(line: Json) -> str:
    times = f" \u00d7 {line['quantity']}" if line["quantity"] > 1 else ""
    total = shown_amount(line["unit_amount"] * line["quantity"], line["currency"])
    return f"<tr><td>{escape(line['name'])}{times}</td><td>{total}</td></tr>"


def pay(session: Json, said: str | None = None) -> str:
    """The page to pay on, or to save a card on."""
    setup = session["mode"] == "setup"
    verb = "Save this card" if setup else "Pay"
    rows = "".join(_row(line) for line in session["_line_items"])
    if setup:
        head = "<p>Your card is saved for later. Nothing is paid now.</p>"
    else:
        held = session["_intent"]["capture_method"] == "manual"
        total = shown_amount(session["amount_total"], session["currency"])
        note = "<p>This amount is held now; what is used of it is taken later.</p>" if held else ""
        head = f'<table>{rows}</table><p class="amount">{total}</p>{note}'
    leave = '<form method="post"><button name="do" value="abandon">Go back without paying</button></form>'
    choices = "".join(
        f'<label><input type="radio" name="card" value="{name}"{" checked" if name == "visa" else ""}> '
        f"{escape(text)}</label>"
        for name, text in OFFERED
    )
    typed = (
        '<label>Card number<input name="number" inputmode="numeric" autocomplete="off" maxlength="23"></label>'
        '<label>Month<input name="exp_month" inputmode="numeric" autocomplete="off" maxlength="2"></label>'
        '<label>Year<input name="exp_year" inputmode="numeric" autocomplete="off" maxlength="4"></label>'
        '<label>Security code<input name="cvc" inputmode="numeric" autocomplete="off" maxlength="4"></label>'
    )
    body = (
        f"{head}{_error(said)}"
        f'<form method="post"><fieldset><legend>Choose a test card</legend>{choices}</fieldset>'
        f'<button name="do" value="choose">{verb} with it</button></form>'
        f'<form method="post"><fieldset><legend>Or type a test card</legend>{typed}</fieldset>'
        f'<button name="do" value="type">{verb} with the number</button></form>'
        f"{leave if session['cancel_url'] else ''}"
    )
    return page("Save a card" if setup else "Pay for charging", body)


def challenge(card: Card) -> str:
    """3-D Secure: the bank asks whether it is its customer."""
    body = (
        f"<p>Your bank asks: is it you who pays with the card that ends in {card.last4}?</p>"
        '<form method="post"><button name="do" value="pass">Complete authentication</button>'
        '<button name="do" value="fail">Fail authentication</button></form>'
    )
    return page("3-D Secure", body)


def onboard(said: str | None = None) -> str:
    """Where a host tells the bank account that it is to be paid on."""
    body = (
        f"{_error(said)}<p>A test IBAN that is paid: DE89370400440532013000. One without an account:"
        " DE62370400440532013001.</p>"
        '<form method="post"><label>Name of the business<input name="holder" maxlength="100"></label>'
        '<label>IBAN<input name="iban" maxlength="42" autocomplete="off" value="DE89370400440532013000"></label>'
        '<button name="do" value="agree">Agree to the terms and go on</button></form>'
    )
    return page("Get paid", body)


def done(text: str) -> str:
    return page("Sandbox provider", f"<p>{escape(text)}</p>")
