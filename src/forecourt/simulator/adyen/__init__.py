"""A second payment provider to try things on: it speaks Adyen's wire format over HTTP, and no money moves.

A stranger like the rest of the simulator: driven by the provider's own library over real sockets, it shares nothing
with what calls it, so that a fault can't hide by being made twice. Small: payment links, payments by kept cards, the
changes of a payment, and webhooks. What it doesn't know it refuses.
"""
