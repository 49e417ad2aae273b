"""The ground every room stands on: settings, errors, clock, log, database, migrations, embedded servers.

Owns what has nothing to do with charging cars. Knows no other room and imports none of them.
"""
