"""The ledger: every movement of money as an entry whose legs sum to nothing, added once and changed never.

Public: `model.Entry`, the pure builders in `entries`, `billed.billed`, and `service.post`, the one door by which
anything is written.
"""
