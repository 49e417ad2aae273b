"""Actions: what an operator could do next, with what it is expected to earn, and what it earned when it was done.

Rules look at the lake each night. What somebody takes up is measured afterwards, against the other sites. Reads the
lake, the utility tariffs of `energy` and this room's own table; does nothing by itself.
"""
