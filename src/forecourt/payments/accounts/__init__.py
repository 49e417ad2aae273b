"""Accounts at payment providers: an organisation's own, or the deployment's, whose keys are settings; and the door by
which providers tell that something changed.
"""
