"""The driver's way through charging on the web: find, scan, see the price, pay, watch, stop, receipt.

Spans what other rooms own and owns nothing of it but how it looks: the brand of an organisation's pages. Nobody
signs in: whoever knows a payment's id, which can't be guessed, may watch and stop what was paid with it. Never takes a
card.
"""
