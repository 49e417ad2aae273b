"""A driver's own pages and API: history, cards, wallet, debts, cars, tokens, needs, consent, export, erasure.

Spans what drivers, payments, sessions and energy own. Every read acts as the driver in the database as well, so that a
query that forgot whose it is shows nothing of anybody else.
"""
