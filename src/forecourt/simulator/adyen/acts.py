"""What the API does. A change of a payment is taken as a request at once; what came of it is told by webhook."""

from collections.abc import Callable
from datetime import UTC, datetime
from time import time
from typing import Any

from forecourt.simulator.adyen import form, limits
from forecourt.simulator.adyen.books import ApiError, Books, Json, Link, Merchant, Payment, Token, new_reference
from forecourt.simulator.adyen.cards import CARDS, Card
from forecourt.simulator.adyen.hooks import Courier, event
from forecourt.simulator.adyen.settling import Settling

LITTLE = "Insufficient balance on payment"


class Bank:
    """The provider: its books, its clock, and what it does."""

    def __init__(self, wall: Callable[[], float] = time) -> None:
        self.books = Books()
        self.courier = Courier(self.books)
        self.settling = Settling(self.books, self.courier)
        self.address = ""
        self._wall = wall
        self._ahead_s = 0
        self._day = int(wall()) // limits.DAY_S

    def now(self) -> int:
        """UNIX seconds by its own clock."""
        return int(self._wall()) + self._ahead_s

    def advance(self, seconds: int) -> int:
        """Sets the clock ahead, never back, and does what comes by time."""
        if seconds < 0 or self._ahead_s + seconds > limits.MAX_AHEAD_S:
            raise ApiError(400, "702", f"The clock goes forward, up to {limits.MAX_AHEAD_S} s.")
        self._ahead_s += seconds
        self.tick()
        return self.now()

    def tick(self) -> None:
        """Pages and holds whose time is over, and batches that close at midnight."""
        now = self.now()
        if now // limits.DAY_S > self._day:
            self._day = now // limits.DAY_S
            for merchant in [each for each in self.books.merchants.values() if each.report_key is not None]:
                self.settling.close(merchant, now)
        for link in self.books.links.values():
            if link.status == "active" and link.expires_at <= now:
                link.status = "expired"
        for each in list(self.books.payments.values()):
            if not (each.refused or each.over or each.captured) and each.at + limits.HOLD_S <= now:
                each.over = True
                self._changed(each, "EXPIRE", each.authorised, new_reference(), each.reference)

    # Pages.

    def make_link(self, merchant: Merchant, body: Json) -> Json:
        asked = form.read("PaymentLinkRequest", body, form.LINK, ("merchantAccount", "reference", "amount"))
        form.amount_of(asked)
        if asked.get("storePaymentMethodMode", "disabled") != "disabled" and not (
            asked.get("shopperReference") and asked.get("recurringProcessingModel")
        ):
            raise ApiError(422, "14_030", "shopperReference and recurringProcessingModel are required to store")
        now = self.now()
        until = now + limits.LINK_S
        if "expiresAt" in asked:
            try:
                until = int(datetime.fromisoformat(asked["expiresAt"]).timestamp())
            except ValueError:
                raise ApiError(422, "14_019", "expiresAt is no date") from None
            if not now < until <= now + limits.MAX_LINK_S:
                raise ApiError(422, "14_019", "expiresAt is over, or too far ahead")
        self._room(self.books.links)
        link = Link(id=new_reference("PL"), merchant=merchant.name, asked=asked, expires_at=until)
        self.books.links[link.id] = link
        return self.shown(link)

    def shown(self, link: Link) -> Json:
        """A link as the API tells it."""
        return {
            **link.asked, "id": link.id, "status": link.status, "url": f"{self.address}/pay/{link.id}",
            "expiresAt": datetime.fromtimestamp(link.expires_at, UTC).isoformat(),
            "reusable": False,
        }  # fmt: skip

    def find_link(self, key: str, given: str) -> Link:
        """A link of whoever asks."""
        link = self.books.links.get(given)
        if link is None or self.books.merchants[link.merchant].key != key:
            raise ApiError(404, "14_001", "Payment link not found")
        return link

    def close_link(self, link: Link, body: Json) -> Json:
        if body != {"status": "expired"}:
            raise ApiError(422, "14_020", "The status can only be set to expired")
        if link.status not in ("active", "expired"):
            raise ApiError(422, "14_021", f"A payment link that is {link.status} can't expire")
        link.status = "expired"
        return self.shown(link)

    def pay(self, link: Link, card: Card, *, passed: bool | None = None) -> Payment | None:
        """Somebody pays on a page; None where the bank asks first. `passed`: how that ended."""
        asked = link.asked
        if link.status != "active":
            raise ApiError(422, "14_022", f"This payment link is {link.status}")
        if card.challenges and passed is None:
            link.challenged = next(name for name, each in CARDS.items() if each is card)
            return None
        link.challenged = None
        refused = card.refused or ("3D Not Authenticated" if passed is False else None)
        token = None
        if refused is None and asked.get("storePaymentMethodMode") == "enabled":
            token = Token(
                id=new_reference(), merchant=link.merchant, shopper=asked["shopperReference"], card=card
            )  # fmt: skip
            self.books.tokens[token.id] = token
        payment = self.authorise(
            self.books.merchants[link.merchant], asked, card, refused, token, more={"paymentLinkId": link.id},
            at_once=not asked.get("manualCapture", False),
        )  # fmt: skip
        if not payment.refused:
            link.status = "completed"
        return payment

    def authorise(
        self, merchant: Merchant, asked: Json, card: Card, refused: str | None, token: Token | None, *, more: Json,
        at_once: bool,
    ) -> Payment:  # fmt: skip
        """Asks the bank, and tells."""
        amount, currency = form.amount_of(asked)
        self._room(self.books.payments)
        payment = Payment(
            id=new_reference(), merchant=merchant.name, reference=asked["reference"], currency=currency, card=card,
            at=self.now(), authorised=amount, refused=refused is not None,
            captured=amount if at_once and refused is None else 0,
        )  # fmt: skip
        self.books.payments[payment.id] = payment
        what = "decline" if payment.refused else "capture" if at_once else "hold"
        self.books.note(self.now(), merchant.name, what, payment.id, amount)
        said = {"cardSummary": card.last4, **more}
        if token is not None:
            said |= {
                "recurring.recurringDetailReference": token.id, "recurring.shopperReference": token.shopper,
                "tokenization.storedPaymentMethodId": token.id, "tokenization.shopperReference": token.shopper,
            }  # fmt: skip
        self.courier.tell(
            self.now(), merchant.name,
            event(
                "AUTHORISATION", payment.id, amount, currency, payment.reference, paymentMethod=card.brand,
                success="false" if payment.refused else "true", reason=refused or f"012345:{card.last4}:03/2030",
                additionalData=said,
            ),
        )  # fmt: skip
        return payment

    # Payments by a kept card.

    def pay_kept(self, merchant: Merchant, body: Json) -> Json:
        needed = ("merchantAccount", "reference", "amount", "paymentMethod", "shopperReference", "shopperInteraction")
        asked = form.read("PaymentRequest", body, form.PAYMENT, needed)
        form.amount_of(asked)
        token = self.books.tokens.get(str(asked["paymentMethod"].get("storedPaymentMethodId")))
        known = token is not None and (token.merchant, token.shopper) == (merchant.name, asked["shopperReference"])
        if token is None or not known:
            raise ApiError(422, "800", "Contract not found")
        if asked["shopperInteraction"] != "ContAuth" or "recurringProcessingModel" not in asked:
            raise ApiError(422, "702", "A kept card is charged by ContAuth with a recurringProcessingModel")
        card = token.card
        if card.later == "ChallengeShopper":
            return {"resultCode": "ChallengeShopper", "pspReference": new_reference(), "action": {"type": "threeDS2"}}
        refused = "Refused" if card.later == "Refused" else card.refused
        manual = str(asked.get("additionalData", {}).get("manualCapture", "false")) == "true"
        payment = self.authorise(merchant, asked, card, refused, None, more={}, at_once=not manual)
        said: Json = {"pspReference": payment.id, "merchantReference": payment.reference, "amount": asked["amount"]}
        if refused is not None:
            return {**said, "resultCode": "Refused", "refusalReason": refused, "refusalReasonCode": "2"}
        more = {"cardSummary": card.last4, "paymentMethod": card.brand}
        return {**said, "resultCode": "Authorised", "additionalData": more}

    # Changes.

    def change(self, merchant: Merchant, payment_id: str, what: str, body: Json) -> Json:
        """Takes a request to capture, cancel, refund or raise, and tells later what came of it."""
        needed = ("merchantAccount",) if what == "cancels" else ("merchantAccount", "amount")
        asked = form.read("ModificationRequest", body, form.CHANGE, needed)
        payment = self.books.payments.get(payment_id)
        if payment is None or payment.merchant != merchant.name or payment.refused:
            raise ApiError(422, "167", "Original pspReference required for this operation")
        amount, currency = form.amount_of(asked) if "amount" in asked else (payment.authorised, payment.currency)
        if currency != payment.currency:
            raise ApiError(422, "138", "The currency is not that of the payment")
        name, ours = new_reference(), asked.get("reference") or payment.reference
        code, fault = _CHANGES[what](self, payment, amount, name)
        self._changed(payment, code, amount, name, ours, fault)
        if code == "CAPTURE" and fault is None and payment.card.capture == "lost":
            payment.captured = 0
            self.books.note(self.now(), merchant.name, "capture_lost", name, amount, payment.id)
            self._changed(payment, "CAPTURE_FAILED", amount, name, ours, "Capture failed: account closed", "true")
        return {
            "merchantAccount": merchant.name, "paymentPspReference": payment.id, "pspReference": name,
            "reference": ours, "status": "received", **({"amount": asked["amount"]} if "amount" in asked else {}),
        }  # fmt: skip

    def cancel_by_reference(self, merchant: Merchant, body: Json) -> Json:
        asked = form.read("StandalonePaymentCancelRequest", body, form.CANCEL, ("merchantAccount", "paymentReference"))
        name, ours = new_reference(), asked["paymentReference"]
        found = [
            each
            for each in self.books.payments.values()
            if (each.merchant, each.reference, each.refused) == (merchant.name, ours, False)
        ]
        if found:
            _, fault = _cancel(self, found[0], found[0].authorised, name)
            self._changed(found[0], "TECHNICAL_CANCEL", found[0].authorised, name, ours, fault)
        return {
            "merchantAccount": merchant.name, "paymentReference": ours, "pspReference": name, "status": "received",
        }  # fmt: skip

    def dispute(self, payment_id: str) -> None:
        """The cardholder's bank takes the money back."""
        payment = self.books.payments[payment_id]
        payment.disputed = new_reference()
        self.books.note(self.now(), payment.merchant, "chargeback", payment.disputed, payment.captured, payment.id)
        self._changed(payment, "CHARGEBACK", payment.captured, payment.disputed, payment.reference)

    def win(self, payment_id: str) -> None:
        """The cardholder's bank gives it back. A dispute goes by one name until its end."""
        payment = self.books.payments[payment_id]
        if payment.disputed is None:
            raise ApiError(422, "702", "The payment is not disputed")
        self.books.note(self.now(), payment.merchant, "chargeback_back", payment.disputed, payment.captured, payment.id)
        self._changed(payment, "CHARGEBACK_REVERSED", payment.captured, payment.disputed, payment.reference)
        payment.disputed = None

    def _changed(
        self, payment: Payment, code: str, amount: int, name: str, ours: str, fault: str | None = None,
        success: str | None = None,
    ) -> None:  # fmt: skip
        self.courier.tell(
            self.now(), payment.merchant,
            event(
                code, name, amount, payment.currency, ours, originalReference=payment.id, reason=fault or "",
                success=success or ("false" if fault else "true"), paymentMethod=payment.card.brand,
            ),
        )  # fmt: skip

    def _room(self, kept: dict[str, Any]) -> None:
        if len(kept) >= limits.MAX_KEPT:
            raise ApiError(500, "000", "The books are full: start it anew.", "internal")


def _capture(bank: Bank, payment: Payment, amount: int, name: str) -> tuple[str, str | None]:
    # What was held and is not taken by the one capture is given back.
    if payment.over or payment.captured or amount > payment.authorised:
        return "CAPTURE", LITTLE
    if payment.card.capture == "refused":
        return "CAPTURE", "Capture not allowed by the issuer"
    payment.captured = amount
    bank.books.note(bank.now(), payment.merchant, "capture", name, amount, payment.id)
    return "CAPTURE", None


def _cancel(bank: Bank, payment: Payment, amount: int, name: str) -> tuple[str, str | None]:
    if payment.over or payment.captured:
        return "CANCELLATION", "Transaction is captured or cancelled already"
    payment.over = True
    bank.books.note(bank.now(), payment.merchant, "cancel", name, amount, payment.id)
    return "CANCELLATION", None


def _refund(bank: Bank, payment: Payment, amount: int, name: str) -> tuple[str, str | None]:
    if amount > payment.captured - payment.refunded:
        return "REFUND", LITTLE
    payment.refunded += amount
    bank.books.note(bank.now(), payment.merchant, "refund", name, amount, payment.id)
    return "REFUND", None


def _raise(bank: Bank, payment: Payment, amount: int, name: str) -> tuple[str, str | None]:
    if payment.over or payment.captured:
        return "AUTHORISATION_ADJUSTMENT", LITTLE
    if not payment.card.raised:
        return "AUTHORISATION_ADJUSTMENT", "Refused"
    payment.authorised = amount
    bank.books.note(bank.now(), payment.merchant, "increment", name, amount, payment.id)
    return "AUTHORISATION_ADJUSTMENT", None


_CHANGES: dict[str, Callable[[Bank, Payment, int, str], tuple[str, str | None]]] = {
    "captures": _capture, "cancels": _cancel, "refunds": _refund, "amountUpdates": _raise,
}  # fmt: skip
