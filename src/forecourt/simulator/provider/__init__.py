"""A payment provider to try things on: it speaks Stripe's wire format over HTTP, and no money moves.

A stranger like the rest of the simulator: driven by the provider's own SDK over real sockets, it shares nothing with
what calls it, so that a fault can't hide by being made twice. It is stricter than it is complete: what it doesn't know
it refuses, as Stripe refuses a parameter that it doesn't know.
"""
