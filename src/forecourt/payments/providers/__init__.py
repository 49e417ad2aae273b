"""Adapters of the port `Psp`, one provider a file. Each imports its provider's library only when it is used."""
