"""Certificates of Plug & Charge: which roots an organisation trusts, whether a contract's chain is good by them, what
responders say of certificates (OCSP), and where cars' requests for certificates go. Of whom a contract is, and what
pays for it, this room doesn't know.
"""
