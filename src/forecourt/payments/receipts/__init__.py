"""Owns the numbers of receipts where the law wants them consecutive: one series of receipts and one of corrections for
each country and year of an organisation, without a gap. A number is taken in the transaction that posts what it is of,
and never given back; nothing is rendered or sent here.
"""
