"""Numbers by which companies are known to tax offices, for receipts in their names: whether one can be right, and whose
it is where a service that knows is asked. Nothing of it is kept here.
"""
