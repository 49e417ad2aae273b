"""Cars that start a session by being plugged in, by the address that they tell a station. Each is some tokens.

Weak on purpose, and off until an operator turns it on: the address is sent unprotected, and who copies it charges on
its driver's account. Never decides whether a token may start: `account_refusals` does.
"""
