"""What OCPP 2.0.1 and 2.1 have in common, which is all that a session needs: one lift and one lower for both."""
