"""Money that was taken and is nobody's: above a bill, or for no session, as somebody took it by hand at the provider.
Owns that it is posted to where it belongs, with a reason, and taken back; it moves no money and refunds nothing.
"""
