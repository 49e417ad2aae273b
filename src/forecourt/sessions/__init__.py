"""Owns who may charge and the life of a session: its start, meter values, end, and what became of it.

Says `session.started`, `session.ended`, `session.reviewed` and what became of remote starts through the outbox, and
power and energy to live screens.
Never speaks a protocol version, never holds a socket, never prices anything.
Public: `model.Session`, the verbs in `service`, the view `samples`.
"""
