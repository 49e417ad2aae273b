"""The ledger: every movement of money as an entry whose legs sum to nothing, added once and changed never.

Public: `model.Entry` with its kinds and accounts, `building` for whoever makes entries, the builders that several rooms
need in `entries`, `billed.billed`, and `service.post`, the one door by which anything is written.
"""
