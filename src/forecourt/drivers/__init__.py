"""Drivers, as far as sessions need them: the tokens they show at a station and what is decided about each.

Publishes the view `token_decisions`. Never decides whether a session may start: that is the room sessions.
"""
