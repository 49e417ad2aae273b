"""Codes for payments that a station of OCPP 2.1 shows and that change by themselves (C25): whether one shows them, the
secret that it makes their one-time passwords of, and whether a password that somebody brings is one of them. What a
payment is, this room doesn't know.
"""
