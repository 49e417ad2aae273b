"""An outside service decides on an organisation's tokens: where it is, how it is asked, what it decided.

Says what was decided by the view `token_decisions`. Never answers a station: the room sessions asks and waits.
"""
