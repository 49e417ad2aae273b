"""History from elsewhere: files of past sessions, read row by row into PostgreSQL, nothing twice and nothing silently
left out.

A row is taken, is there already, or is refused with its line and the reason; what is odd and can be kept is kept and
flagged. `rules` says which. An import that is killed goes on where its last batch was committed.
"""
