"""Reconciliation: what providers and banks say of our money, held against the journal, every night.

It reads providers' movements and banks' statements, posts what only they can tell (fees, payouts, disputes), and keeps
the list of what the two sides don't agree on, each with what it may be and what to do. Public: `model.compare`,
`service.Reconciler`.
"""
