"""What a session costs: from what was measured to segments, and by the one engine to a bill, running and final."""
