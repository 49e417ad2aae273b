"""Drivers with an account at an organisation: signing in, tokens, vehicles, what they usually need, consent.

An account belongs to one organisation. It is one e-mail address there, proven by a letter each time somebody signs in;
there are no passwords. Sessions that were charged and money are other rooms': they know a driver as `driver:<id>`.
"""
