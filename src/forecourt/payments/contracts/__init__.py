"""Sessions that begin by a driver's own token, and the payments that they get by what the account pays by.

Owns which payment such a session has, and that a session which nothing pays for is stopped. It never lets a token in or
refuses it: that is said in the commit that answers the station, by the view `contract_refusals`.
"""
