"""The waiting list of a busy site: who waits, whose turn it is, for whom a connector is held.

A turn comes where a connector is free: it is held by `sessions.reserving`, and whoever waits longest has it. Everything
about one site happens under one lock, so that however many look, one connector is given to one driver.
"""
