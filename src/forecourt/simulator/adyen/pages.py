"""The provider's own pages: pay, and pass 3-D Secure. Plain forms, no script, no card number."""

import base64
import hashlib
from html import escape

from forecourt.simulator.adyen.books import Link
from forecourt.simulator.adyen.cards import CARDS

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 30rem; padding: 1rem; }
.honest { border: 2px dashed; border-radius: .5rem; padding: .5rem .75rem; }
.amount { font-size: 2rem; font-weight: 700; margin: .5rem 0; }
.error { border-left: 4px solid #b00020; padding-left: .75rem; }
fieldset { border: 1px solid; border-radius: .5rem; margin: 1rem 0; padding: .75rem; }
label { display: block; margin: .35rem 0; padding: .5rem 0; }
button, .button { cursor: pointer; font: inherit; min-height: 2.75rem; padding: 0 1rem; width: 100%; }
.button { border: 1px solid; border-radius: .25rem; box-sizing: border-box; display: inline-block; line-height: 2.75rem;
  text-align: center; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
#: Currencies without decimals.
_WHOLE = frozenset({"JPY", "KRW", "ISK", "CLP", "VND", "XAF", "XOF", "UGX"})


def page(title: str, body: str) -> str:
    """A whole page, with the sentence that none of them goes without."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        '<p class="honest"><strong>Sandbox provider, no real money.</strong> Nothing here reaches a bank.</p>'
        f"<main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def pay(link: Link, said: str | None = None) -> str:
    """The page to pay on."""
    value, currency = link.asked["amount"]["value"], link.asked["amount"]["currency"]
    amount = str(value) if currency in _WHOLE else f"{value // 100}.{value % 100:02d}"
    choices = "".join(
        f'<label><input type="radio" name="card" value="{name}"{" checked" if name == "visa" else ""}> '
        f"{escape(card.label)}</label>"
        for name, card in CARDS.items()
    )
    error = f'<p class="error" role="alert">{escape(said)}</p>' if said else ""
    body = (
        f"<p>{escape(link.asked.get('description', ''))}</p>"
        f'<p class="amount">{amount} {escape(currency)}</p>{error}'
        f'<form method="post"><fieldset><legend>Choose a test card</legend>{choices}</fieldset>'
        '<button name="do" value="pay">Pay with it</button></form>'
    )
    return page("Pay for charging", body)


def challenge(last4: str) -> str:
    """3-D Secure: the bank asks whether it is its customer."""
    body = (
        f"<p>Your bank asks: is it you who pays with the card that ends in {escape(last4)}?</p>"
        '<form method="post"><button name="do" value="pass">Yes, it is me</button>'
        '<button name="do" value="fail">No</button></form>'
    )
    return page("3-D Secure", body)


def done(text: str, back: str | None = None) -> str:
    """How it ended, and the way on."""
    way = f'<p><a class="button" href="{escape(back)}">Continue</a></p>' if back else ""
    return page("Sandbox provider", f"<p>{escape(text)}</p>{way}")
