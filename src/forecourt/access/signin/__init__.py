"""How people prove who they are: passwords, second factors, passkeys, an organisation's own provider, and what they can
do about it themselves.

Owns what proves a person and what they began and have not finished. Says when somebody signs in from a new place or
changes how they sign in. Never decides what a person may do: that is the room's `model`.
"""
