"""Signed meter values: whether what a meter signed is genuine and whole, before anybody is billed by it.

Records are kept byte for byte with the session's meter values; here they are checked, and what was found is kept. A
session with a broken one is held back until a person has looked at it.
"""
