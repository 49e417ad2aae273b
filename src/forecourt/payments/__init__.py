"""Owns how money moves: providers and their accounts, payments from a hold to what was captured of it, and the journal.

Says `payment.authorised`, `.captured`, `.refunded`, `.released` and `.failed` through the outbox. A payment is followed
from row to row, each committed before anybody outside is asked, so that no kill loses or doubles one. It never sees a
card: drivers pay on the provider's page, and no route of ours takes a number.
"""
