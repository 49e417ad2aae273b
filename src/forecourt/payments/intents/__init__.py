"""Payments, from a hold to what was captured, refunded or owed: every call to a provider stands in a row before it is
made, and whatever is interrupted is taken up from there.
"""
