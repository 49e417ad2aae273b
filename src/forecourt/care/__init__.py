"""Owns what is wrong: incidents, who is told of them, and the overview that a day is watched on.

Reads what stations and sessions publish as views, never their tables; opens and closes incidents by rules.
Says `incident.opened` and `incident.closed` through the outbox, and to open pages how many there are.
Never touches a session or a station but by the verbs of their rooms.
"""
