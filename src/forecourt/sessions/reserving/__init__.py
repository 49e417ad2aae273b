"""Connectors held for somebody for minutes: by the station where it can, and in any case by what is decided
of tokens.

Says `reservation.made` and `reservation.ended` through the outbox. Never decides for whom: that is whoever holds them.
"""
