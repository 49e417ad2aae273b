"""What every screen shares: the page shell, components, design tokens, security headers and the live socket.

Owns no data and asks no database: who is signed in, navigation and live values arrive by Protocol, wired in `app`.
Never knows a feature: a feature's page extends the shell and passes its own words in.
"""
