"""Fleets that pay for their drivers by the month, within limits, and subscriptions by which tariffs are chosen.

Keeps what each session of a member came to, by month and cost centre: what is invoiced is made of that elsewhere.
Limits are enforced where tokens are decided upon, `token_decisions` says NoCredit once a month is spent, and by holds.
"""
